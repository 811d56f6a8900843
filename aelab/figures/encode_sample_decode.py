"""A VAE at work: a digit is drawn, encoded as a cloud, sampled with noise from outside, and decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, Whole, digit_labels, finite_array
from aelab.figures.kit.quantize import forward, quantize
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["EncodeSampleDecode"]

REACH = 3.0  # of the plane of ε


class EncodeSampleDecode(Figure):
    r"""What a VAE with two latent dimensions does with a drawing: x, the cloud q(z|x), z = μ + σ ε, a picture.

    Args:
        encoder: what `quantize` takes, from 784 values to 4: the two means, then the two log σ².
        decoder: what `quantize` takes, from 2 values to 784 probabilities.
        digits: ten test digits in [0, 1], 0 to 9, shape (10, 784).
        codes: means of further digits, shape (n, 2), which are shown faintly.
        labels: their classes, integers from 0 to 9, shape (n,).

    Traits:
        digit: the test digit on the pad, -1 for a drawing.
        drawing: the drawing, 784 bytes.
        e0, e1: the noise ε.
        seed: of the noise that "New noise" draws.

    Raises:
        ValueError: networks of other sizes, arrays of another shape, NaN.
        TraitError: a number that is not finite or out of range.

    Example:
        >>> import numpy as np
        >>> encoder = [(np.zeros((4, 784)), np.array([1.0, 2.0, 0.0, 0.0]), "linear")]
        >>> decoder = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]
        >>> codes = np.array([[0.0, 0.0], [2.0, 2.0]])
        >>> figure = EncodeSampleDecode(encoder, decoder, np.zeros((10, 784)), codes, labels=[0, 1])
        >>> figure.e0 = 0.5
        >>> [float(v) for v in figure.sampled()]
        [1.5, 1.25]
    """

    module = "encode_sample_decode"
    height = (578, 980)
    digit = Whole(3, min=-1, max=9)
    drawing = t.Bytes(bytes(784)).tag(sync=True)
    e0 = Number(1.0, min=-REACH, max=REACH)
    e1 = Number(-0.75, min=-REACH, max=REACH)
    seed = Whole(0, min=0, max=2**31)
    encoder = t.Dict().tag(sync=True)
    decoder = t.Dict().tag(sync=True)
    digits = t.Bytes().tag(sync=True)
    codes = t.Bytes().tag(sync=True)
    labels = t.Bytes().tag(sync=True)
    limits: t.List = t.List().tag(sync=True)
    title = t.Unicode("Draw, encode, sample, decode.").tag(sync=True)
    caption = t.Unicode(
        "Draw a digit on the pad. The encoder answers with a cloud; the noise ε picks one point z of it, and the "
        "decoder draws that point. Move ε, or draw new noise."
    ).tag(sync=True)

    def __init__(self, encoder: Any, decoder: Any, digits: Any, codes: Any, labels: Any, **traits: Any) -> None:
        networks = {"encoder": (quantize(encoder), (784, 4)), "decoder": (quantize(decoder), (2, 784))}
        for name, (packed, sizes) in networks.items():
            found = packed["layers"][0][0], packed["layers"][-1][1]
            if found != sizes:
                raise ValueError(
                    f"{name} must be from {sizes[0]} values to {sizes[1]}, got one from {found[0]} to {found[1]}"
                )
        classes = digit_labels(labels)
        points = finite_array("codes", codes, (len(classes), 2))
        pixels = finite_array("digits", digits, (10, 784), low=0, high=1)
        low, high = np.quantile(points, [0.003, 0.997], axis=0).astype(float)
        middle, half = (low + high) / 2, max(float((high - low).max()), 1e-3) / 2 * 1.15
        super().__init__(
            encoder=networks["encoder"][0],
            decoder=networks["decoder"][0],
            digits=np.round(255 * pixels).astype(np.uint8).tobytes(),
            codes=points.astype("<f4").tobytes(),
            labels=classes.tobytes(),
            limits=[[float(m - half), float(m + half)] for m in middle],
            **traits,
        )

    @t.validate("drawing")
    def _whole(self, proposal: dict) -> bytes:
        if len(proposal["value"]) != 784:
            raise t.TraitError(f"drawing must have 784 bytes, got {len(proposal['value'])}")
        return bytes(proposal["value"])

    @classmethod
    def example(cls) -> EncodeSampleDecode:
        import torch
        from torch import nn

        import aecore as ae
        from aelab.figures.latent_plane import trained_pair

        _, vae = trained_pair()
        images, labels = ae.mnist("test")
        first = [int((labels == label).nonzero()[0]) for label in range(10)]
        with torch.no_grad():
            codes = vae.posterior(images[:1500].flatten(1))[0]
        decoder = nn.Sequential(vae.decoder, nn.Sigmoid())
        return cls(vae.encoder, decoder, images[first].flatten(1), codes, labels[:1500])

    def image(self) -> np.ndarray:
        """What is on the pad, float32 in [0, 1], shape (784,)."""
        raw = self.drawing if self.digit < 0 else self.digits[784 * self.digit : 784 * (self.digit + 1)]
        return np.frombuffer(raw, np.uint8) / np.float32(255)

    def cloud(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and width of q(z|x), each of shape (2,)."""
        moments = forward(self.encoder, self.image()[None])[0]
        return moments[:2], np.exp(0.5 * moments[2:])

    def sampled(self) -> np.ndarray:
        """z = μ + σ ε, shape (2,)."""
        mean, width = self.cloud()
        return mean + width * np.array([self.e0, self.e1], dtype=np.float32)

    def decoded(self) -> np.ndarray:
        """The decoded picture, probabilities, shape (28, 28)."""
        return forward(self.decoder, self.sampled()[None])[0].reshape(28, 28)

    def sentence(self) -> str:
        (m0, m1), (w0, w1) = self.cloud()
        z0, z1 = self.sampled()
        what = "A drawing" if self.digit < 0 else f"A test digit {self.digit}"
        return (
            f"{what}, the cloud that the encoder answers with, around {m0:.2f}, {m1:.2f} and of width {w0:.2f} and "
            f"{w1:.2f}, the point z at {z0:.2f}, {z1:.2f} that the noise picks of it, and the picture decoded from z."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        figure, (pad, near, out) = plt.subplots(1, 3, figsize=(7.2, 2.9), width_ratios=[1, 1.5, 1])
        for axis, picture, name in ((pad, self.image().reshape(28, 28), "x"), (out, self.decoded(), "decoded from z")):
            axis.imshow(picture, cmap=ink_colormap(), vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[], title=name)
        (mean, width), turn, ink = self.cloud(), np.linspace(0, 2 * np.pi, 73), plt.rcParams["text.color"]
        for k in (1, 2):
            near.plot(mean[0] + k * width[0] * np.cos(turn), mean[1] + k * width[1] * np.sin(turn), color="C0")
        z = self.sampled()
        near.plot([mean[0], z[0]], [mean[1], z[1]], color=ink, linewidth=1.2)
        near.plot(*z, "o", color=ink)
        near.set(aspect="equal", title="q(z|x), and z")
        return figure
