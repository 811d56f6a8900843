"""A pad to draw on, noise to spoil the drawing, and a denoising autoencoder that cleans it in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, Whole, finite_array
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward, quantize
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["DenoisePad"]

KINDS = ("masking", "Gaussian", "salt and pepper")


class DenoisePad(Figure):
    r"""A digit, drawn by the reader or real, before noise, after noise, and after the denoising autoencoder.

    The noise is that of `ae.mask`, `ae.add_gaussian` and `ae.salt_and_pepper`, from seeded numbers: one pattern, that
    grows with the level. A drawing is scaled and centred as MNIST's digits were. Noisy pictures are shown, and their
    PSNR is measured, with values cut to [0, 1]; the network takes them as they are.

    Args:
        network: the trained denoiser, what `quantize` takes, from 784 values to 784.
        digits: ten pictures in [0, 1] to pick from, shape (10, 784).

    Traits:
        digit: which of the ten, or -1: the drawing.
        kind: "masking", "Gaussian" or "salt and pepper".
        level: probability that a pixel is spoiled, or the standard deviation, from 0 to 0.9.
        seed: of the noise, from 0.
        drawing: 784 bytes, the drawing on the scale of MNIST.

    Raises:
        ValueError: a network of another size, digits of another shape or outside [0, 1], NaN.
        TraitError: a trait outside its range.

    Example:
        >>> import numpy as np
        >>> identity = [(np.eye(784), np.zeros(784), "linear")]
        >>> figure = DenoisePad(identity, np.eye(10, 784), kind="masking", level=0)
        >>> clean, noisy, cleaned = figure.pictures()
        >>> bool(np.allclose(clean, cleaned, atol=1e-6))
        True
        >>> figure.pick(np.ones((28, 28)))    # any picture of Python's becomes the drawing on the pad
        >>> figure
        DenoisePad(digit=-1, kind='masking', level=0.0, seed=1)
    """

    module = "denoise_pad"
    height = (496, 840)
    digit = Whole(3, min=-1, max=9)
    kind = OneOf(KINDS, "Gaussian")
    level = Number(0.5, min=0, max=0.9)
    seed = Whole(1, min=0, max=2**31)
    drawing = t.Bytes(bytes(784)).tag(sync=True)
    digits = t.Bytes().tag(sync=True)
    network = t.Dict().tag(sync=True)
    title = t.Unicode("Cleaned as you draw.").tag(sync=True)
    caption = t.Unicode(
        "Draw a digit on the pad, or pick a test digit, and spoil it. The autoencoder was trained to undo masking and "
        "Gaussian noise up to level 0.8; salt and pepper it has never seen."
    ).tag(sync=True)

    def __init__(self, network: Any, digits: Any, **traits: Any) -> None:
        packed = quantize(network)
        sizes = packed["layers"][0][0], packed["layers"][-1][1]
        if sizes != (784, 784):
            raise ValueError(f"network must be from 784 values to 784, got one from {sizes[0]} to {sizes[1]}")
        super().__init__(network=packed, digits=_pixels("digits", digits, (10, 784)), **traits)

    @t.validate("drawing")
    def _whole(self, proposal: dict) -> bytes:
        if len(proposal["value"]) != 784:
            raise t.TraitError(f"drawing must have 784 bytes, got {len(proposal['value'])}")
        return bytes(proposal["value"])

    @classmethod
    def example(cls) -> DenoisePad:
        import torch
        from torch import nn

        import aecore as ae
        from aelab.figures.kit.trained import trained

        def corrupt(x: torch.Tensor) -> torch.Tensor:
            half, levels = len(x) // 2, (0.8 * torch.rand(2)).tolist()
            return torch.cat([ae.mask(x[:half], levels[0]), ae.add_gaussian(x[half:], levels[1])])

        train = ae.mnist("train")[0][:20_000].flatten(1)
        torch.manual_seed(0)
        model = ae.Autoencoder(
            nn.Sequential(nn.Linear(784, 128), nn.ReLU()), nn.Sequential(nn.Linear(128, 784), nn.Sigmoid())
        )
        trained(model, train, epochs=15, lr=2e-3, corrupt=corrupt)
        images, labels = ae.mnist("test")
        first = [int((labels == label).nonzero()[0]) for label in range(10)]
        return cls(nn.Sequential(model.encoder, model.decoder), images[first].flatten(1))

    def pick(self, image: Any) -> None:
        """Put a picture of shape (28, 28), in [0, 1], on the pad."""
        self.drawing = _pixels("image", image, (28, 28))
        self.digit = -1

    def pictures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Clean, noisy and cleaned, as they are now: each float32 of shape (28, 28)."""
        chosen = self.drawing if self.digit < 0 else self.digits[784 * self.digit : 784 * (self.digit + 1)]
        clean = np.frombuffer(chosen, np.uint8) / np.float32(255)
        chance = uniforms(self.seed, 784)
        if self.kind == "masking":
            noisy = np.where(chance < self.level, 0, clean)
        elif self.kind == "Gaussian":
            noisy = clean + self.level * normals(self.seed, 784)
        else:
            noisy = np.where(chance < self.level, chance >= self.level / 2, clean)
        first, second, third = (
            picture.astype(np.float32).reshape(28, 28) for picture in (clean, noisy, forward(self.network, noisy[None]))
        )
        return first, second, third

    def sentence(self) -> str:
        import torch

        import aecore as ae

        clean, noisy, cleaned = (torch.from_numpy(picture[None]) for picture in self.pictures())
        before, after = (ae.psnr(picture.clamp(0, 1), clean).item() for picture in (noisy, cleaned))
        what = "a drawing" if self.digit < 0 else f"a test digit {self.digit}"
        return (
            f"Three pictures of {what}: clean; with {self.kind} noise of level {self.level:g}, at {before:.1f} dB; "
            f"and cleaned by a denoising autoencoder, at {after:.1f} dB."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 3, figsize=(7.2, 2.6))
        for axis, picture, name in zip(axes, self.pictures(), ("clean", "noisy", "cleaned"), strict=True):
            axis.imshow(picture, cmap=ink_colormap(), vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[], title=name)
        return figure


def _pixels(name: str, value: object, shape: tuple[int, ...]) -> bytes:
    return np.round(255 * finite_array(name, value, shape, low=0, high=1)).astype(np.uint8).tobytes()
