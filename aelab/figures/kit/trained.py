"""Models for the figures: trained by `aecore.fit` on real data, once, and then read from a cache.

A file of the cache is verified when it is read, never executed, and named by a hash of everything that decides the
weights: the code of `aecore`, the version of torch, the model with its initial weights, the settings with the code of
their functions, and the data. The cache is dispensable: where it cannot be read or written, a model is trained.
"""

import hashlib
import os
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

import aecore
from aecore._cache import cache_folder
from aecore.training import fit, identity, storage
from aecore.training.checkpoint import restore_state

__all__ = ["trained"]


def trained(model: nn.Module, images: Tensor, *, seed: int = 0, **settings) -> nn.Module:
    """Train `model` with `fit(model, images, seed=seed, **settings)`, or take the weights from the cache.

    Args:
        model: with its initial weights; call `torch.manual_seed` before you build it.
        images: shape (n, ...), as for `fit`.
        seed, settings: handed to `fit`. `loss` and `corrupt` count with their code and all that they read.

    Returns:
        `model`, trained, on the CPU, in eval mode. The cache is the folder `$AECORE_CACHE`, else
        `$XDG_CACHE_HOME/aecore/models`, else `~/.cache/aecore/models`.

    Raises:
        KeyboardInterrupt: if Ctrl-C ends the training; a model that is half trained is not returned.

    Example:
        >>> import aecore as ae, os, tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     os.environ["AECORE_CACHE"] = folder
        ...     model = trained(ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4])), torch.rand(9, 4), epochs=1)
        ...     len([name for name in os.listdir(folder) if name.endswith(".safetensors")]), model.training
        (1, False)
        >>> del os.environ["AECORE_CACHE"]
    """
    key = _key(model, images, {"seed": seed, **settings})
    path = _path(key)
    if not _read(path, key, model):
        with ExitStack() as stack:
            if path is not None:  # notebooks executed side by side: one trains, the other waits
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(FileLock(path.with_suffix(".lock")))
                except (OSError, NotImplementedError) as error:  # a file system may have no locks
                    _warn_once(path.parent, error)
            if not _read(path, key, model):
                _train(model, images, seed=seed, **settings)
                _write(path, key, model)
    return model.eval()


def _train(model: nn.Module, images: Tensor, **settings) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # these networks are small: threads wait for each other, up to ten times on a busy machine
    try:
        history = fit(model, images, device="cpu", progress=False, **settings)
    finally:
        torch.set_num_threads(threads)
    if history.interrupted:
        raise KeyboardInterrupt


def _path(key: str) -> Path | None:
    """The file of a model; None if there is no folder for it."""
    asked = os.environ.get("AECORE_CACHE")
    try:
        folder = Path(asked).expanduser() if asked else cache_folder() / "models"
    except RuntimeError as error:
        _warn_once(Path(asked or "~/.cache"), error)
        return None
    return folder / f"{key}.safetensors"


def _read(path: Path | None, key: str, model: nn.Module) -> bool:
    """Whether the weights were there, whole; they are then the model's."""
    if path is None:
        return False
    try:
        if not path.exists():
            return False
        tensors, text = storage.read(path)
    except (OSError, ValueError) as error:
        _warn_once(path.parent, error)
        return False
    if text != key:
        return False
    restore_state(model.to("cpu"), tensors)
    return True


def _write(path: Path | None, key: str, model: nn.Module) -> None:
    state = {name: value for name, value in identity.state(model).items() if isinstance(value, Tensor)}
    if path is None or len(state) < len(model.state_dict()) or not all(map(storage.storable, state.values())):
        return
    try:
        storage.write(path, {name: storage.plain_copy(value) for name, value in state.items()}, key)
    except OSError as error:
        _warn_once(path.parent, error)


_warned: set[Path] = set()


def _warn_once(folder: Path, error: Exception) -> None:
    if folder not in _warned:
        _warned.add(folder)
        problem = f"AECORE_CACHE must be a folder that can be read and written, got {folder}: {error}"
        warnings.warn(f"{problem}. Models of figures are trained anew", stacklevel=4)


def _key(model: nn.Module, images: Tensor, settings: Mapping[str, object]) -> str:
    digest = hashlib.sha256(f"{torch.__version__} {torch.get_default_dtype()}".encode())
    package = Path(aecore.__file__).parent
    for source in (*sorted(package.rglob("*.py")), Path(__file__)):
        digest.update(source.read_bytes())
    facts = identity.describe({"model": model, "images": images, **settings}, own="aelab")
    digest.update(repr(sorted(facts.items())).encode())
    return digest.hexdigest()[:32]
