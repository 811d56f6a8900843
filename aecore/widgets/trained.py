"""Models for the figures: trained by `aecore.fit` on real data, once, and then read from a cache.

The cache is a checkpoint of `fit` (checked, never executed) named by a hash of everything that decides the
weights: the package's code, torch's version, the initial weights, the settings and the data.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

from aecore.training import fit

__all__ = ["trained"]


def trained(model: nn.Module, images: Tensor, *, seed: int = 0, **settings) -> nn.Module:
    """Train `model` with `fit(model, images, seed=seed, **settings)`, or take the weights from the cache.

    Args:
        model: with its initial weights; call `torch.manual_seed` before you build it.
        images: shape (n, ...), as for `fit`.
        seed, settings: handed to `fit`; `loss` and `corrupt` count with their source and what they close over.

    Returns:
        `model`, trained, on the CPU, in evaluation mode. The folder is `$AECORE_CACHE`, else `~/.cache/aecore/models`.

    Example:
        >>> import aecore as ae, os, tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     os.environ["AECORE_CACHE"] = folder
        ...     model = trained(ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4])), torch.rand(9, 4), epochs=1)
        ...     len([name for name in os.listdir(folder) if name.endswith(".safetensors")]), model.training
        (1, False)
        >>> del os.environ["AECORE_CACHE"]
    """
    folder = Path(os.environ.get("AECORE_CACHE") or Path.home() / ".cache" / "aecore" / "models")
    path = folder / f"{_key(model, images, {'seed': seed, **settings})}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these networks are small: threads wait for each other, up to ten times on a busy machine
    try:
        with FileLock(path.with_suffix(".lock")):  # notebooks executed side by side: one trains, the other waits
            fit(model, images, seed=seed, device="cpu", progress=False, checkpoint=path, **settings)
    finally:
        torch.set_num_threads(threads)
    return model.eval()


def _key(model: nn.Module, images: Tensor, settings: dict) -> str:
    digest = hashlib.sha256(torch.__version__.encode())
    package = Path(__file__).parents[1]
    for name in ("losses", "models", "training"):
        digest.update((package / f"{name}.py").read_bytes())
    digest.update(repr(model).encode())
    for module in model.modules():  # β, σ, the likelihood: repr names the layers only
        plain = {k: v for k, v in vars(module).items() if isinstance(v, bool | int | float | str) and k != "training"}
        digest.update(repr(sorted(plain.items())).encode())
    for tensor in (images, *model.state_dict().values()):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(repr({name: _described(value) for name, value in sorted(settings.items())}).encode())
    return digest.hexdigest()[:32]


def _described(value: object) -> object:
    if not inspect.isroutine(value):
        return value
    closed = inspect.getclosurevars(value).nonlocals
    return inspect.getsource(value), {name: _described(inner) for name, inner in sorted(closed.items())}
