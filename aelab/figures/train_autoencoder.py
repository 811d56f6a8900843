"""An autoencoder that learns in the page: how wide its code is, what activity costs, and what noise it is given."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch
import traitlets as t
from torch import Tensor, nn

import aecore as ae
from aelab.figures.kit.base import Figure, Number, OneOf, Whole
from aelab.figures.kit.trainable import ACTIVATIONS, EPOCHS, SHOWN, fitted, images, networks, scene, taken

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["TrainAutoencoder"]

SQUASH: dict[str, type[nn.Module]] = {"none": nn.Identity, "l1": nn.ReLU, "kl": nn.Sigmoid}
FREE = 784  # numbers of a code that are no constraint
DISTURBED = 0.3  # standard deviation of the noise that an autoencoder is tried with


def _noisy(x: Tensor, noise: str, level: float, seed: int | None = None) -> Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    if noise == "masking":
        return ae.mask(x, level, generator=generator)
    return ae.add_gaussian(x, level, generator=generator)


@lru_cache(maxsize=8)
def _trained(
    width: int, hidden: int, activation: str, sparsity: str, weight: float, rho: float, noise: str, level: float
) -> ae.Autoencoder:
    middle = [hidden] if width < FREE else []
    network = partial(ae.mlp, activation=ACTIVATIONS[activation])

    def encoder() -> nn.Sequential:
        return nn.Sequential(network([784, *middle, width]), SQUASH[sparsity]())

    def loss(model: ae.Autoencoder, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        h = model.encode(x)
        parts = {"error": ae.squared_error(model.decode(h), target)}
        if sparsity != "none":
            penalty = ae.l1_sparsity(h) if sparsity == "l1" else ae.kl_sparsity(h, rho)
            parts["penalty"] = weight * penalty.expand(len(x))
        return parts

    corrupt = None if noise == "none" or level == 0 else partial(_noisy, noise=noise, level=level)
    return fitted(ae.Autoencoder, encoder, partial(network, [width, *middle, 784]), loss=loss, corrupt=corrupt)


class TrainAutoencoder(Figure):
    r"""An autoencoder that learns from 5,000 digits in the reader's own browser.

    Args:
        model: an `aecore.Autoencoder` of two `aecore.mlp`s to begin with, from 784 values to 784; a fresh one if left
            out.
        traits: what follows.

    Traits:
        main: which slider stands beside the buttons: that of the "width", of the price of activity ("sparsity"), or of
            the "noise".
        width: numbers in the code. With 784 there are no hidden layers and no activations: nothing is in its way.
        hidden: units of both hidden layers.
        sparsity: the penalty on the code: "none", "l1" (after a ReLU), "kl" (after a sigmoid, with target `rho`), times
            `weight`.
        noise: on the input, "none", "gaussian" or "masking"; `level` is its standard deviation, or the share masked.
        rate: learning rate of Adam.
        activation: "relu" or "tanh", between the layers.
        seed: of the initial weights, the order of the digits, and the noise.
        small: without curves, bars, numbers and buttons for files, and without the controls of what is not `main`.
        weights: the model as it is when the reader pauses, as a safetensors file; `trained_model()` reads it.

    Raises:
        TypeError, ValueError: a model of another kind, or of other layers.
        TraitError: a number out of its range.

    Example:
        >>> figure = TrainAutoencoder(width=10, noise="masking", level=0.5)
        >>> figure.width, figure.main
        (10, 'width')
    """

    module = "train_autoencoder"
    assets = ("digits",)
    main = OneOf(("width", "sparsity", "noise"), "width")
    width = Whole(2, min=1, max=784)
    hidden = Whole(128, min=8, max=512)
    sparsity = OneOf(tuple(SQUASH), "none")
    weight = Number(0.0, min=0, max=100)
    rho = Number(0.05, min=0.001, max=0.5)
    noise = OneOf(("none", "gaussian", "masking"), "none")
    level = Number(0.0, min=0, max=1)
    rate = Number(1e-3, min=1e-5, max=1)
    activation = OneOf(tuple(ACTIVATIONS), "relu")
    seed = Whole(0, min=0, max=2**31)
    small = t.Bool(False).tag(sync=True)
    given = t.Bytes().tag(sync=True)
    weights = t.Bytes().tag(sync=True)
    title = t.Unicode("An autoencoder, trained here.").tag(sync=True)
    caption = t.Unicode(
        "It learns from 5,000 digits, here in the page, for a minute at a press and while it is in sight."
    ).tag(sync=True)

    def __init__(self, model: ae.Autoencoder | None = None, **traits: Any) -> None:
        found: dict[str, Any] = {}
        if model is not None:
            if not isinstance(model, ae.Autoencoder):
                raise TypeError(f"model must be an aecore.Autoencoder, got {type(model).__name__}")
            first = next(part for part in model.decoder.modules() if isinstance(part, nn.Linear))
            found = {**taken(model), "width": first.in_features}
        super().__init__(**{**found, **traits})

    @property
    def height(self) -> tuple[int, int]:  # type: ignore[override]  # it depends on what is shown
        choice = int(self.main != "width")
        return (456 + 20 * choice, 715 + 80 * choice) if self.small else (775, 1570)

    def trained_model(self) -> ae.Autoencoder:
        """What the reader has trained, as an `aecore.Autoencoder`.

        Raises:
            ValueError: nothing was trained yet.
        """
        tensors, encoder, decoder = networks(self.weights, self.given, self.activation)
        model = ae.Autoencoder(encoder, decoder)
        model.load_state_dict(tensors)
        encoder.append(SQUASH[self.sparsity]())
        return model

    def _shown(self) -> ae.Autoencoder:
        """The model of the still picture: the reader's, or one that aecore trained."""
        if self.weights or self.given:
            return self.trained_model()
        network = (self.width, self.hidden, self.activation, self.sparsity)
        return _trained(*network, self.weight, self.rho, self.noise, self.level)

    def _disturbed(self) -> Tensor:
        """Test digits with the noise of training, or else with Gaussian noise: shape (8, 784)."""
        noise, level = (self.noise, self.level) if self.noise != "none" and self.level else ("gaussian", DISTURBED)
        return _noisy(images("test")[:SHOWN], noise, level, seed=0)

    def sentence(self) -> str:
        model, test = self._shown(), images("test")
        with torch.no_grad():
            error = float(ae.squared_error(model(test), test).mean())
        after = "" if self.weights or self.given else f" after {EPOCHS} epochs on 5,000 digits"
        numbers = "number" if self.width == 1 else "numbers"
        return (
            f"An autoencoder with {self.width} {numbers} in its code{after}: the codes of test digits, each written as "
            "its class, and beside them digits, their reconstructions, the digits with noise, and what it makes of "
            f"those. The squared error on clean test digits is {error:.1f}."
        )

    def draw(self) -> Drawing:
        model, test, noisy = self._shown(), images("test"), self._disturbed()
        with torch.no_grad():
            codes, back, cleaned = model.encode(test), model(test[:SHOWN]), model(noisy)
        rows = {"test digits": test[:SHOWN], "reconstructed": back, "with noise": noisy, "from that": cleaned}
        return scene(codes, rows)
