"""What the figures that train share in Python: the digits, models that go in and come out, and the still picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

import aecore as ae
from aelab.figures.kit.assets import TEST, TRAIN
from aelab.stills.style import DIGIT_HUES, ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["ACTIVATIONS", "EPOCHS", "SHOWN", "fitted", "images", "networks", "scene", "taken"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
EPOCHS = 10  # behind the still picture
SHOWN = 8  # pictures in a row
DRAWN = 500  # codes
LAYOUT = (nn.Sequential, nn.Flatten, nn.Unflatten)

Model = TypeVar("Model", ae.Autoencoder, ae.VAE)


def images(split: str) -> Tensor:
    """The digits that the page trains on, "train", or tests with, "test": shape (n, 784)."""
    return ae.mnist(split)[0][: TRAIN if split == "train" else TEST].flatten(1)


@contextmanager
def _own_randomness() -> Iterator[None]:
    state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        yield
    finally:
        torch.set_rng_state(state)


def fitted(make: type[Model], encoder: Any, decoder: Any, *rest: Any, **options: Any) -> Model:
    """`make(encoder(), decoder(), *rest)`, trained by aecore on the digits of the page: what a still picture shows.

    Args:
        make: `ae.Autoencoder` or `ae.VAE`.
        encoder, decoder: called without arguments, each makes a network.
        rest: further arguments of `make`.
        options: of `aecore.fit`.
    """
    with _own_randomness():
        model = make(encoder(), decoder(), *rest)
        ae.start_at_mean(model, images("train"))
        ae.fit(model, images("train"), epochs=EPOCHS, batch_size=100, device="cpu", progress=False, **options)
    return model


def networks(weights: bytes, given: bytes, activation: str) -> tuple[dict[str, Tensor], nn.Sequential, nn.Sequential]:
    """The tensors of what was trained, else of what was given, and networks that they fit: an encoder and a decoder.

    Raises:
        ValueError: nothing was trained, and nothing given.
    """
    file = weights or given
    if not file:
        raise ValueError("weights must be there, got none: press Train, then Pause")
    tensors = safetensors.torch.load(file)
    found = []
    for name in ("encoder", "decoder"):
        keys = [key for key in tensors if key.startswith(name) and key.endswith("weight")]
        parts = [tensors[key] for key in sorted(keys, key=lambda key: int(key.split(".")[1]))]
        found.append(ae.mlp([parts[0].shape[1], *(len(part) for part in parts)], ACTIVATIONS[activation]))
    return tensors, found[0], found[1]


def _linear(network: nn.Module) -> list[nn.Linear]:
    return [part for part in network.modules() if isinstance(part, nn.Linear)]


def taken(model: ae.Autoencoder | ae.VAE) -> dict[str, Any]:
    """The traits `given`, `hidden` and `activation` of a model of two `aecore.mlp`s.

    Raises:
        ValueError: other layers, or images of another size.
    """
    kinds = {type(part) for network in (model.encoder, model.decoder) for part in network.modules()} - {*LAYOUT}
    activations = [name for name, kind in ACTIVATIONS.items() if kind in kinds]
    if kinds - {nn.Linear, *ACTIVATIONS.values()} or len(activations) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(f"model must be of linear layers with ReLU or Tanh between, as by aecore.mlp, got {names}")
    first, last = _linear(model.encoder)[0], _linear(model.decoder)[-1]
    if (first.in_features, last.out_features) != (784, 784):
        raise ValueError(f"model must be from 784 values to 784, got {first.in_features} and {last.out_features}")
    tensors = {name: value.detach().float().cpu().contiguous() for name, value in model.state_dict().items()}
    activation = activations[0] if activations else "relu"
    return {"given": safetensors.torch.save(tensors), "hidden": first.out_features, "activation": activation}


def scene(codes: Tensor, rows: dict[str, Tensor]) -> Drawing:
    """The still picture: codes of the first test digits, and rows of pictures, their names beside them.

    Args:
        codes: of at least 500 test digits, shape (n, latent); the two dimensions that spread the most are drawn.
        rows: eight pictures each, shape (8, 784).
    """
    from matplotlib import pyplot as plt

    labels, z = ae.mnist("test")[1][:DRAWN].numpy(), codes[:DRAWN].numpy()
    a, b = np.sort(np.argsort(-z.var(axis=0), kind="stable")[:2]) if z.shape[1] > 1 else (0, 0)
    up = labels if a == b else z[:, b]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.3), width_ratios=(1, 1.1))
    for digit in np.unique(labels):
        chosen = labels == digit
        style = {"marker": f"${digit}$", "linewidths": 0, "color": f"C{DIGIT_HUES[digit]}", "alpha": 0.8}
        left.scatter(z[chosen, a], up[chosen], s=20, rasterized=True, **style)
    left.set_title("codes of test digits", loc="left", fontsize="medium")
    sheet = torch.cat([torch.cat(list(row.view(-1, 28, 28)), dim=1) for row in rows.values()]).numpy()
    right.imshow(sheet, cmap=ink_colormap(), vmin=0, vmax=1)
    right.set_yticks([14 + 28 * k for k in range(len(rows))], list(rows))
    right.set_xticks([])
    right.tick_params(length=0)
    for side in right.spines.values():
        side.set_visible(False)
    return figure
