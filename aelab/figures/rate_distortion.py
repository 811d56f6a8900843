"""Bytes against decibels: one picture as PNG, as JPEG and through autoencoders, every byte of them real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, OneOf, finite_array
from aelab.stills.style import ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing


__all__ = ["RateDistortion"]

QUALITIES = (1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95)


class RateDistortion(Figure):
    r"""A picture in three files: PNG, which loses nothing, JPEG, and a learned codec, with bytes and PSNR of each.

    The files are written when the figure is made, by `ae.write_pictures` and `ae.Codec.encode`, and the pictures in it
    are what is read back. PSNR, $-10 \log_{10}$ of the mean squared error, is computed in the page as by `ae.psnr`.

    Args:
        pictures: shape (n, 1, 28, 28) in [0, 1].
        names: what each picture shows, such as "a 2" or "a boot".
        codecs: one or two rows, name -> codecs of increasing size (`ae.Codec` with decreasing steps), equally many.

    Traits:
        picture: which of the pictures, from 0.
        quality: of JPEG, one of 1, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95.
        size: which codec of its row, from 0, the smallest.
        codec: the name of the row.
        headers: count headers too, those of JPEG and PNG; a learned code has only its length, which always counts.

    Raises:
        ValueError: pictures of another shape or range, names or codecs of another number.
        TraitError: a trait that is none of the values above.

    Example:
        >>> import aecore as ae, torch
        >>> digits = ae.mnist("test")[0][:200]
        >>> model = ae.Autoencoder(ae.mlp([784, 8]), ae.mlp([8, 784], out_shape=(1, 28, 28)))
        >>> codecs = [ae.Codec(model, digits, step) for step in (0.5, 0.1)]
        >>> figure = RateDistortion(digits[:2], ["a 7", "a 2"], {"untrained": codecs}, quality=50)
        >>> figure
        RateDistortion(codec='untrained', headers=False, picture=0, quality=50, size=0)
        >>> {name: size for name, (size, decibels) in figure.points().items()}
        {'PNG': 193, 'JPEG': 160, 'untrained': 2}
    """

    module = "rate_distortion"
    height = (524, 830)
    picture = OneOf("pictures", 0)
    quality = OneOf(QUALITIES, 5)
    size = OneOf("sizes", 0)
    codec = OneOf("rows", "")
    headers = OneOf((False, True), False)
    names = t.List(t.Unicode()).tag(sync=True)
    files = t.Dict().tag(sync=True)
    pixels = t.Bytes().tag(sync=True)
    title = t.Unicode("The same bytes, another picture.").tag(sync=True)
    caption = t.Unicode(
        "One picture as PNG, as JPEG and through an autoencoder that was trained on digits only. Move both sliders, or "
        "match the bytes; then count the headers, and give it clothes."
    ).tag(sync=True)

    def __init__(self, pictures: Any, names: Any, codecs: Any, **traits: Any) -> None:
        import torch

        import aecore as ae

        names = list(names)
        pictures = torch.from_numpy(finite_array("pictures", pictures, (None, 1, 28, 28), low=0, high=1))
        if len(names) != len(pictures):
            raise ValueError(f"names must be {len(pictures)}, one for each picture, got {len(names)}")
        lengths = _lengths(codecs)
        if len(lengths) not in (1, 2) or len(set(lengths.values())) != 1 or not all(lengths.values()):
            raise ValueError(f"codecs must be one or two rows of one length, not empty, got rows of {lengths}")
        shown = [pictures]
        files: dict[str, Any] = {"qualities": list(QUALITIES), "jpeg": [], "learned": {name: [] for name in codecs}}
        png = ae.write_pictures(pictures, "PNG")
        files["png"] = [[len(file), ae.payload_size(file)] for file in png]
        for quality in QUALITIES:
            # The smaller of what can be sent: with headers, tables made for the picture; without, the usual ones.
            usual, own = (ae.write_pictures(pictures, quality=quality, own_tables=own) for own in (False, True))
            files["jpeg"].append([[len(b), ae.payload_size(a)] for a, b in zip(usual, own, strict=True)])
            shown.append(ae.read_pictures(usual))
        for name, row in codecs.items():
            for codec in row:
                written = codec.encode(pictures)
                files["learned"][name].append([len(file) for file in written])
                shown.append(codec.decode(written).view(-1, 1, 28, 28))
        pixels = np.concatenate([(255 * images).round().byte().numpy() for images in shown])
        first = next(iter(codecs))
        super().__init__(names=names, files=files, pixels=pixels.tobytes(), **{"codec": first, **traits})

    def show(self, codecs: Any) -> None:
        """Put other codecs in place of these, for the same pictures; the figure starts anew, its settings kept.

        Args:
            codecs: as for the figure: the same names, and as many codecs in each row.

        Raises:
            ValueError: other names, or rows of another length.
        """
        import torch

        rows, now = _lengths(codecs), _lengths(self.files["learned"])
        if rows != now:
            raise ValueError(f"codecs must be rows of {now}, got rows of {rows}")
        n = len(self.names)
        original = np.frombuffer(self.pixels, np.uint8)[: 784 * n].reshape(n, 1, 28, 28)
        other = type(self)(torch.from_numpy(original / np.float32(255)), self.names, codecs)
        with self.hold_sync():
            self.files, self.pixels = other.files, other.pixels
        other.close()

    @property
    def pictures(self) -> range:
        """The numbers of the pictures."""
        return range(len(self.names))

    @property
    def rows(self) -> list[str]:
        """The names of the rows of codecs."""
        return list(self.files["learned"])

    @property
    def sizes(self) -> range:
        """The places of the codecs in their row."""
        return range(len(self.files["learned"][self.rows[0]]))

    @classmethod
    def example(cls) -> RateDistortion:
        import torch

        import aecore as ae
        from aelab.pretrained import digit_codec

        train = ae.mnist("train")[0]
        # A linear autoencoder as wide as the picture, its best weights by eigenvectors instead of by training.
        flat = train[:20_000].flatten(1).double()
        mean = flat.mean(dim=0)
        axes = torch.linalg.eigh((flat - mean).T @ (flat - mean)).eigenvectors.flip(1)
        linear = ae.Autoencoder(ae.mlp([784, 784]), ae.mlp([784, 784], out_shape=(1, 28, 28)))
        with torch.no_grad():
            for layers, weight, bias in ((linear.encoder, axes.T, -mean @ axes), (linear.decoder, axes, mean)):
                layer: Any = layers.get_submodule("1")
                layer.weight.copy_(weight), layer.bias.copy_(bias)
        steps = {
            "deep, 64 numbers": (digit_codec(0), (8, 5, 3.5, 2.6, 2, 1.5, 1.1, 0.8, 0.55, 0.35)),
            "linear, 784 numbers": (linear, (4, 2.5, 1.6, 1.1, 0.75, 0.5, 0.33, 0.22, 0.15, 0.08)),
        }
        counted = train[:5000]  # enough for the tables
        codecs = {name: [ae.Codec(model, counted, step) for step in row] for name, (model, row) in steps.items()}
        digits, labels = ae.mnist("test")
        clothes, kinds = ae.fashion_mnist()
        chosen = [digits[(labels == digit).nonzero()[0, 0]] for digit in (4, 2, 8)]
        chosen += [clothes[(kinds == kind).nonzero()[0, 0]] for kind in (9, 0, 8)]
        names = ["a 4", "a 2", "an 8", "a boot", "a T-shirt", "a bag"]
        return cls(torch.stack(chosen), names, codecs, quality=1, size=9)

    def points(self) -> dict[str, tuple[int, float]]:
        """Bytes and PSNR of each file, as they are now: "PNG", "JPEG" and the learned codec by its name."""
        import torch

        import aecore as ae

        at, which = QUALITIES.index(self.quality), 0 if self.headers else 1
        learned = self.files["learned"][self.codec][self.size][self.picture]
        original, *others = torch.from_numpy(self.shown()).split(1)
        jpeg, decoded = (ae.psnr(other, original) for other in others)
        return {
            "PNG": (self.files["png"][self.picture][which], float("inf")),
            "JPEG": (self.files["jpeg"][at][self.picture][which], float(jpeg)),
            self.codec: (learned, float(decoded)),
        }

    def shown(self) -> np.ndarray:
        """The original, JPEG's picture and the learned codec's: float64 in [0, 1], shape (3, 28, 28)."""
        learned = 1 + len(QUALITIES) + self.rows.index(self.codec) * len(self.sizes) + self.size
        rows = [0, 1 + QUALITIES.index(self.quality), learned]
        return np.frombuffer(self.pixels, np.uint8).reshape(-1, len(self.names), 28, 28)[rows, self.picture] / 255.0

    def sentence(self) -> str:
        (png, _), (jpeg, jpeg_db), (learned, learned_db) = self.points().values()
        return (
            f"{self.names[self.picture].capitalize()} in three files, {'with' if self.headers else 'without'} headers: "
            f"PNG in {png} bytes without loss, JPEG in {jpeg} bytes at {jpeg_db:.1f} dB, and an autoencoder trained on "
            f"digits ({self.codec}) in {learned} bytes at {learned_db:.1f} dB."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        figure, (plane, *tiles) = plt.subplots(1, 4, width_ratios=(3, 1, 1, 1))
        for name, (size, decibels) in list(self.points().items())[1:]:
            plane.plot(size, decibels, "o", label=f"{name}: {size} bytes")
        plane.set(xscale="log", xlim=(2, 1000), ylim=(0, 52), xlabel="bytes", title="PSNR, dB")
        plane.legend()
        for axis, picture, name in zip(tiles, self.shown(), ("PNG", "JPEG", "learned"), strict=True):
            axis.imshow(picture, cmap=ink_colormap(), vmin=0, vmax=1)
            axis.set(title=name, xticks=[], yticks=[])
        return figure


def _lengths(codecs: object) -> dict[str, int]:
    """How many codecs each row has."""
    if not isinstance(codecs, dict) or not all(isinstance(row, (list, tuple)) for row in codecs.values()):
        raise TypeError(f"codecs must be a dict of names and lists of codecs, got {codecs!r}")
    return {name: len(row) for name, row in codecs.items()}
