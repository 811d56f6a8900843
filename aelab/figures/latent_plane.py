"""A plane of codes under the reader's hand: what an autoencoder's decoder draws between the codes that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from aelab.figures.kit.base import Figure, Number, OneOf, digit_labels, finite_array
from aelab.figures.kit.quantize import forward, quantize
from aelab.stills.style import DIGIT_HUES, ink_colormap

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

    from aecore import VAE, Autoencoder

__all__ = ["LatentPlane"]

RATIO = 0.86  # height of the plane over its width: the limits keep it, so that a unit is as long both ways


class LatentPlane(Figure):
    r"""Codes of real digits in the plane; the page decodes the point under the hand, and a walk from A to B.

    The read-out compares the way to the nearest code with the median distance from a code to its nearest neighbour.
    It opens in the widest gap between two classes: A and B are the codes in the middle of their classes, and the point
    stands where the way from one to the other is farthest from every code. Another plane keeps the two digits A and B.

    Args:
        planes: for each model its name and `(codes, decoder)`: codes of shape (n, 2), the same digits in the same
            order, and what `quantize` takes, from 2 to 784 values: means, or probabilities with a sigmoid at the end.
        labels: the class of each digit, integers from 0 to 9, shape (n,).

    Traits:
        plane: the name of the plane that is shown.
        x, y: the point.
        ax, ay, bx, by: the ends A and B.
        along: where on the way from A to B the point stands, from 0 to 1.
        things: what the codes are of, in its words.

    Raises:
        ValueError: no planes, an empty set, another shape, NaN, a decoder of another size.
        TraitError: a plane that there is not, a number that is not finite.

    Example:
        >>> import numpy as np
        >>> codes = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
        >>> decoder = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]
        >>> figure = LatentPlane({"toy": (codes, decoder)}, labels=[0, 0, 1, 1])
        >>> figure.ax, figure.bx, figure.x
        (0.0, 9.0, 4.5)
        >>> figure.y = 2    # the page's hand and Python's assignment move the same figure
        >>> figure
        LatentPlane(along=0.5, ax=0.0, ay=0.0, bx=9.0, by=0.0, plane='toy', x=4.5, y=2.0)
    """

    module = "latent_plane"
    height = (720, 828)
    plane = OneOf("names", "")
    x, y = Number(0), Number(0)
    ax, ay, bx, by = Number(0), Number(0), Number(0), Number(0)
    along = Number(0, min=0, max=1)
    planes: t.List = t.List().tag(sync=True)
    labels = t.Bytes().tag(sync=True)
    things = t.Unicode("test digits").tag(sync=True, words=True)
    title = t.Unicode("A plane of digits.").tag(sync=True)
    caption = t.Unicode(
        "Each small number is a test digit that the encoder has put there. Drag the orange point, or let a mouse pass "
        "over the plane: the decoder draws what is there. Drag A and B: eight steps between."
    ).tag(sync=True)

    def __init__(self, planes: Any, labels: Any, **traits: Any) -> None:
        if not isinstance(planes, dict) or not planes or not all(isinstance(name, str) and name for name in planes):
            raise ValueError(f"planes must be a dict of names and (codes, decoder), got {planes!r}")
        labels = digit_labels(labels)
        packed = [_packed(name, pair, len(labels)) for name, pair in planes.items()]
        shown = traits.get("plane", packed[0]["name"])
        start = next((_start(plane, labels) for plane in packed if plane["name"] == shown), {})
        super().__init__(planes=packed, labels=labels.tobytes(), **{"plane": shown, **start, **traits})
        if "along" not in traits and {"x", "y", "ax", "ay", "bx", "by"} & set(traits):
            self.along = self.place()

    def show(self, planes: Any) -> None:
        """Put other models' planes in place of these, for the same digits; the figure starts anew in their gap."""
        other = type(self)(planes, np.frombuffer(self.labels, np.uint8))
        with self.hold_sync():
            self.planes = other.planes
            for name in ("plane", "x", "y", "ax", "ay", "bx", "by", "along"):
                setattr(self, name, getattr(other, name))
        other.close()

    @property
    def names(self) -> list[str]:
        """The names of the planes."""
        return [plane["name"] for plane in self.planes]

    def place(self) -> float:
        """Where on the way from A to B the point is nearest, from 0 to 1."""
        way = np.array([self.bx - self.ax, self.by - self.ay])
        length = way @ way
        return float(np.clip(way @ (self.x - self.ax, self.y - self.ay) / length, 0, 1)) if length else 0.0

    @classmethod
    def example(cls) -> LatentPlane:
        import torch
        from torch import nn

        import aecore as ae

        plain, vae = trained_pair()
        test, labels = (part[:2000] for part in ae.mnist("test"))
        with torch.no_grad():
            codes = plain.encode(test), vae.posterior(test)[0]
        planes = {
            "autoencoder": (codes[0], plain.decoder),
            "VAE": (codes[1], nn.Sequential(vae.decoder, nn.Sigmoid())),
        }
        return cls(planes, labels)

    def _now(self) -> dict:
        return next(plane for plane in self.planes if plane["name"] == self.plane)

    def nearest(self) -> tuple[int, float]:
        """The label of the nearest code, and how far it is in units of what neighbours usually are apart."""
        plane = self._now()
        distance = np.linalg.norm(_codes(plane) - (self.x, self.y), axis=1)
        return self.labels[distance.argmin()], float(distance.min()) / plane["spacing"]

    def sentence(self) -> str:
        label, far = self.nearest()
        return (
            f"The codes of {len(self.labels):,} {self.things} in the plane of the {self.plane}, each drawn as its "
            f"class, and the image decoded at a point whose nearest code, a {label}, is {far:.1f} times as far away as "
            "neighbours usually are; below, eight images decoded on the way from A to B."
        )

    def draw(self) -> Drawing:
        from matplotlib import pyplot as plt

        plane, labels = self._now(), np.frombuffer(self.labels, np.uint8)
        codes, ways = _codes(plane), np.linspace(0, 1, 8)[:, None]
        ends = np.array([[self.ax, self.ay], [self.bx, self.by]])
        paper, ink = plt.rcParams["figure.facecolor"], plt.rcParams["text.color"]
        figure = plt.figure(figsize=(7.2, 6.4))
        grid = figure.add_gridspec(2, 8, height_ratios=(5.4, 1))
        axis = figure.add_subplot(grid[0, :6])
        for digit in np.unique(labels):
            x, y = codes[labels == digit].T
            axis.scatter(
                x, y, s=22, marker=f"${digit}$", linewidths=0, color=f"C{DIGIT_HUES[digit]}", alpha=0.8, rasterized=True
            )
        axis.plot(*ends.T, color=ink, linewidth=1.2)
        axis.plot(self.x, self.y, "o", color="C1", markersize=9, markeredgecolor=paper)
        for end, name in zip(ends, "AB", strict=True):
            axis.plot(*end, "o", color=ink, markersize=7, markeredgecolor=paper)
            axis.annotate(name, end, (6, 6), textcoords="offset points")
        axis.set(xlim=plane["limits"][0], ylim=plane["limits"][1], aspect="equal")
        pictures = forward(plane["decoder"], np.vstack([[[self.x, self.y]], ends[0] + ways * (ends[1] - ends[0])]))
        places = [grid[0, 6:], *(grid[1, k] for k in range(8))]
        for place, picture in zip(places, pictures, strict=True):
            small = figure.add_subplot(place)
            small.imshow(picture.reshape(28, 28), cmap=ink_colormap(), vmin=0, vmax=1)
            small.set(xticks=[], yticks=[])
        figure.axes[1].set_title("decoded")
        return figure


def trained_pair() -> tuple[Autoencoder, VAE]:
    """The autoencoder and the VAE of the example, cached."""
    import torch
    from torch import nn

    import aecore as ae
    from aelab.figures.kit.trained import trained

    train = ae.mnist("train")[0][:30_000].flatten(1)

    def networks(codes: int) -> tuple[nn.Sequential, nn.Sequential]:
        torch.manual_seed(0)
        return ae.mlp([784, 256, 64, codes], nn.Tanh), ae.mlp([2, 64, 96, 784], nn.Tanh)

    plain, vae = ae.Autoencoder(*networks(2)), ae.VAE(*networks(4))
    for model in (plain, vae):
        trained(model, train, epochs=8, batch_size=128, lr=3e-3)
    return plain, vae


def _packed(name: str, pair: object, count: int) -> dict:
    """A plane as the page gets it, checked."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"planes[{name!r}] must be (codes, decoder), got {type(pair).__name__}")
    codes, decoder = finite_array(f"codes of {name}", pair[0], (count, 2)), quantize(pair[1])
    ends = decoder["layers"][0][0], decoder["layers"][-1][1]
    if ends != (2, 784):
        raise ValueError(f"decoder of {name} must be from 2 values to 784, got one from {ends[0]} to {ends[1]}")
    from sklearn.neighbors import NearestNeighbors

    spacing = float(np.median(NearestNeighbors(n_neighbors=1).fit(codes).kneighbors()[0]))
    low, high = np.quantile(codes, [0.003, 0.997], axis=0).astype(float)
    middle, half = (low + high) / 2, (high - low) / 2 * 1.06
    half = np.maximum(max(half[0], half[1] / RATIO, 1e-3) * np.array([1, RATIO]), 0)
    limits = [[float(m - h), float(m + h)] for m, h in zip(middle, half, strict=True)]
    return {"name": name, "codes": codes.tobytes(), "decoder": decoder, "spacing": spacing or 1e-6, "limits": limits}


def _codes(plane: dict) -> np.ndarray:
    return np.frombuffer(plane["codes"], "<f4").reshape(-1, 2).astype(float)


def _start(plane: dict, labels: np.ndarray) -> dict:
    """A, B and the point between them that is farthest from every code."""
    codes, classes = _codes(plane), np.unique(labels)
    middles = []
    for label in classes:
        members = codes[labels == label]
        middles.append(members[np.linalg.norm(members - np.median(members, axis=0), axis=1).argmin()])
    if len(classes) < 2:
        middles = [codes[0], codes[-1]]
    best = (-1.0, middles[0], middles[1], 0.5)
    for i, a in enumerate(middles):
        for b in middles[i + 1 :]:
            for way in np.linspace(0.3, 0.7, 9):
                gap = np.linalg.norm(codes - (a + way * (b - a)), axis=1).min()
                best = max(best, (gap, a, b, way), key=lambda item: item[0])
    _, a, b, way = best
    point = a + way * (b - a)
    names = ("ax", "ay", "bx", "by", "x", "y", "along")
    return dict(zip(names, map(float, (*a, *b, *point, way)), strict=True))
