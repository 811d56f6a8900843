"""Bytes against decibels: one picture as PNG, as JPEG and through autoencoders, every byte of them real."""

from __future__ import annotations

import math

import numpy as np
import traitlets as t

from .base import Figure

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
    picture = t.Int(0).tag(sync=True)
    quality = t.Int(5).tag(sync=True)
    size = t.Int(0).tag(sync=True)
    codec = t.Unicode().tag(sync=True)
    headers = t.Bool(False).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    files = t.Dict().tag(sync=True)
    pixels = t.Bytes().tag(sync=True)
    title = t.Unicode("The same bytes, another picture.").tag(sync=True)
    caption = t.Unicode(
        "One picture as PNG, as JPEG and through an autoencoder that was trained on digits only. Move both sliders, or "
        "match the bytes; then count the headers, and give it clothes."
    ).tag(sync=True)

    def __init__(self, pictures, names, codecs, **traits):
        import aecore as ae

        if tuple(pictures.shape[1:]) != (1, 28, 28) or len(names) != len(pictures):
            raise ValueError(
                f"pictures: got {tuple(pictures.shape)} and {len(names)} names, takes (n, 1, 28, 28) and n"
            )
        lengths = [len(row) for row in codecs.values()]
        if len(lengths) not in (1, 2) or len(set(lengths)) != 1 or not lengths[0]:
            raise ValueError(f"codecs: got rows of {lengths} codecs, takes one or two rows of one length, not empty")
        shown, files = [pictures], {"qualities": list(QUALITIES), "jpeg": [], "learned": {name: [] for name in codecs}}
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
        super().__init__(names=list(names), files=files, pixels=pixels.tobytes(), **{"codec": first, **traits})

    def show(self, codecs) -> None:
        """Put other codecs in place of these, for the same pictures; the figure starts anew, its settings kept.

        Args:
            codecs: as for the figure: the same names, and as many codecs in each row.

        Raises:
            ValueError: other names, or rows of another length.
        """
        import torch

        rows = {name: len(row) for name, row in codecs.items()}
        if rows != (now := {name: len(row) for name, row in self.files["learned"].items()}):
            raise ValueError(f"codecs: got rows of {rows}, takes rows of {now}")
        n = len(self.names)
        original = np.frombuffer(self.pixels, np.uint8)[: 784 * n].reshape(n, 1, 28, 28)
        other = type(self)(torch.from_numpy(original / np.float32(255)), self.names, codecs)
        with self.hold_sync():
            self.files, self.pixels = other.files, other.pixels
        other.close()

    @t.validate("picture", "quality", "size", "codec")
    def _one_of(self, proposal):
        name, value = proposal["trait"].name, proposal["value"]
        if not self.files:
            return value
        takes = {
            "picture": range(len(self.names)),
            "quality": QUALITIES,
            "size": range(len(next(iter(self.files["learned"].values())))),
            "codec": list(self.files["learned"]),
        }[name]
        if value not in takes:
            raise t.TraitError(f"{name}: got {value!r}, takes one of {', '.join(map(str, takes))}")
        return value

    @classmethod
    def example(cls) -> RateDistortion:
        import torch

        import aecore as ae

        from .trained import trained

        def for_the_coder(
            model, x, target
        ):  # noise as wide as a step of 1, and the bits the code would take if Gaussian
            h = model.encode(x)
            bits = 0.5 * (2 * math.pi * math.e * (h.var(dim=0) + 1 / 12)).log2().sum()
            noisy = h + torch.rand_like(h) - 0.5
            return {"error": ae.squared_error(model.decode(noisy), target), "rate": 0.02 * bits}

        train = ae.mnist("train")[0]
        torch.manual_seed(0)
        decoder = torch.nn.Sequential(ae.mlp([64, 256, 784], out_shape=(1, 28, 28)), torch.nn.Sigmoid())
        deep = ae.Autoencoder(ae.mlp([784, 256, 64]), decoder)
        trained(deep, train, epochs=5, lr=2e-3, loss=for_the_coder)
        # A linear autoencoder as wide as the picture, its best weights by eigenvectors instead of by training.
        flat = train[:20_000].flatten(1).double()
        mean = flat.mean(dim=0)
        axes = torch.linalg.eigh((flat - mean).T @ (flat - mean)).eigenvectors.flip(1)
        linear = ae.Autoencoder(ae.mlp([784, 784]), ae.mlp([784, 784], out_shape=(1, 28, 28)))
        with torch.no_grad():
            linear.encoder[1].weight.copy_(axes.T), linear.encoder[1].bias.copy_(-mean @ axes)
            linear.decoder[1].weight.copy_(axes), linear.decoder[1].bias.copy_(mean)
        steps = {
            "deep, 64 numbers": (deep, (5, 3.5, 2.6, 2, 1.5, 1.1, 0.8, 0.55, 0.35, 0.2)),
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
        at, which = QUALITIES.index(self.quality), 0 if self.headers else 1
        learned = self.files["learned"][self.codec][self.size][self.picture]
        original, jpeg, decoded = self._shown()
        return {
            "PNG": (self.files["png"][self.picture][which], float("inf")),
            "JPEG": (self.files["jpeg"][at][self.picture][which], _psnr(jpeg, original)),
            self.codec: (learned, _psnr(decoded, original)),
        }

    def _shown(self) -> np.ndarray:
        """The original, JPEG's and the learned codec's picture."""
        row = (
            1 + len(QUALITIES) + list(self.files["learned"]).index(self.codec) * len(self.files["learned"][self.codec])
        )
        rows = [0, 1 + QUALITIES.index(self.quality), row + self.size]
        return np.frombuffer(self.pixels, np.uint8).reshape(-1, len(self.names), 28, 28)[rows, self.picture] / 255.0

    def sentence(self) -> str:
        (png, _), (jpeg, jpeg_db), (learned, learned_db) = self.points().values()
        return (
            f"{self.names[self.picture].capitalize()} in three files, {'with' if self.headers else 'without'} headers: "
            f"PNG in {png} bytes without loss, JPEG in {jpeg} bytes at {jpeg_db:.1f} dB, and an autoencoder trained on "
            f"digits ({self.codec}) in {learned} bytes at {learned_db:.1f} dB."
        )

    def draw(self):
        from matplotlib import pyplot as plt
        from matplotlib.colors import LinearSegmentedColormap

        ink = LinearSegmentedColormap.from_list("ink", [plt.rcParams["figure.facecolor"], plt.rcParams["text.color"]])
        figure, (plane, *tiles) = plt.subplots(1, 4, width_ratios=(3, 1, 1, 1))
        for name, (size, decibels) in list(self.points().items())[1:]:
            plane.plot(size, decibels, "o", label=f"{name}: {size} bytes")
        plane.set(xscale="log", xlim=(2, 1000), ylim=(0, 52), xlabel="bytes", title="PSNR, dB")
        plane.legend()
        for axis, picture, name in zip(tiles, self._shown(), ("PNG", "JPEG", "learned"), strict=True):
            axis.imshow(picture, cmap=ink, vmin=0, vmax=1)
            axis.set(title=name, xticks=[], yticks=[])
        return figure


def _psnr(picture: np.ndarray, original: np.ndarray) -> float:
    error = np.mean((picture - original) ** 2)
    return float(-10 * np.log10(error)) if error else float("inf")
