"""Schematic drawings of the models, made by code: what goes in, what is computed, what is drawn at random."""

from collections.abc import Callable

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Polygon

from aecore import _check
from aelab.stills.picture import Picture

__all__ = ["scheme"]

WORDS = {
    "autoencoder": "An autoencoder from left to right: the image x, the encoder f, which narrows to the code h, "
    "the decoder g, which widens again, and the reconstruction x hat.",
    "denoising": "A denoising autoencoder: noise is added to the clean image x, the encoder and the decoder see only "
    "the corrupted image, and the loss compares the reconstruction x hat with the clean x.",
    "codec": "An autoencoder as a codec: the encoder turns the image x into the code h, which is rounded to integers "
    "q and written to a file; the receiver reads q from the file, multiplies by the step, and decodes to x hat.",
    "vae": "A variational autoencoder: the encoder turns the image x into a mean μ and a width σ, the noise "
    "ε comes in from outside, z is μ + σ ⊙ ε, and the decoder turns z into p(x|z).",
    "graphical model": "The graphical model: the latent variable z, an open circle, points to the observed image x, "
    "a filled circle, once for each of the n images; dashed, the approximate posterior q points back from x to z.",
    "two levels": "A model of two levels: the upper latent variable z 2 points to the lower one, z 1, which points to "
    "the image x; dashed, q points back from x to z 1 and from z 1 to z 2.",
    "latent diffusion": "Latent diffusion: the encoder turns the image x into the code z 0; a fixed q, dashed, adds "
    "noise level by level up to z T; a network leads back level by level, and the decoder turns z 0 into x hat.",
}


def scheme(name: str) -> Picture:
    """The drawing of a model.

    Args:
        name: "autoencoder", "denoising", "codec", "vae", "graphical model", "two levels" or "latent diffusion".

    Returns:
        A `Picture`, with words for who cannot see it.

    Raises:
        TypeError, ValueError: for another name.

    Example:
        >>> from aelab import stills
        >>> stills.scheme("autoencoder").alt[:14]
        'An autoencoder'
    """
    _check.choice("name", name, tuple(WORDS))
    return Picture(DRAWINGS[name], alt=WORDS[name])


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A drawing without axes, one unit an inch."""
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    return figure, axes


def _ink() -> str:
    return str(plt.rcParams["text.color"])


def _box(axes: Axes, x: float, y: float, words: str, *, hue: str | None = None, width: float = 0.62) -> None:
    """A value: a box with its name, centred at (x, y)."""
    edge = hue or _ink()
    corner = (x - width / 2, y - 0.31)
    axes.add_patch(FancyBboxPatch(corner, width, 0.62, boxstyle="round,pad=0,rounding_size=0.09", fc="none", ec=edge))
    axes.text(x, y, words, ha="center", va="center_baseline", color=edge, fontsize=13)


def _network(axes: Axes, x: float, y: float, words: str, *, narrows: bool, hue: str) -> None:
    """A network: a trapezoid that narrows towards the code, or widens from it."""
    wide, narrow, half = 0.62, 0.28, 0.52
    left, right = (wide, narrow) if narrows else (narrow, wide)
    corners = [(x - half, y - left), (x - half, y + left), (x + half, y + right), (x + half, y - right)]
    axes.add_patch(Polygon(corners, closed=True, fc=hue, ec=hue, alpha=0.16))
    axes.add_patch(Polygon(corners, closed=True, fc="none", ec=hue))
    axes.text(x, y, words, ha="center", va="center_baseline", fontsize=10.5)


def _variable(axes: Axes, x: float, y: float, words: str, *, seen: bool) -> None:
    """A variable of a graphical model: a circle, filled if it is observed."""
    axes.add_patch(Circle((x, y), 0.3, fc=plt.rcParams["grid.color"] if seen else "none", ec=_ink()))
    axes.text(x, y, words, ha="center", va="center", fontsize=13)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], *, dashed: bool = False, bend: float = 0):
    style = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=11,
        shrinkA=0,
        shrinkB=0,
        lw=1.2,
        color=plt.rcParams["xtick.color"],
        linestyle=(0, (3, 2)) if dashed else "-",
        connectionstyle=f"arc3,rad={bend}",
    )
    axes.add_patch(style)


def _label(axes: Axes, x: float, y: float, words: str, hue: str | None = None) -> None:
    axes.text(x, y, words, ha="center", va="center", fontsize=10, color=hue or plt.rcParams["xtick.color"])


def _autoencoder() -> Figure:
    figure, axes = _canvas(7.2, 1.7)
    middle = 0.95
    _box(axes, 0.5, middle, "$x$")
    _network(axes, 2.0, middle, "encoder", narrows=True, hue="C0")
    _box(axes, 3.6, middle, "$h$", hue="C0")
    _network(axes, 5.2, middle, "decoder", narrows=False, hue="C0")
    _box(axes, 6.7, middle, r"$\hat x$")
    for start, end in ((0.84, 1.45), (2.55, 3.26), (3.94, 4.65), (5.75, 6.36)):
        _arrow(axes, (start, middle), (end, middle))
    for x, words in ((0.5, "image"), (3.6, "code"), (6.7, "reconstruction")):
        _label(axes, x, 0.32, words)
    return figure


def _denoising() -> Figure:
    figure, axes = _canvas(7.2, 2.6)
    middle = 1.6
    _box(axes, 0.4, middle, "$x$")
    _box(axes, 1.7, middle, r"$\tilde x$", hue="C1")
    _network(axes, 3.0, middle, "encoder", narrows=True, hue="C0")
    _box(axes, 4.25, middle, "$h$", hue="C0")
    _network(axes, 5.5, middle, "decoder", narrows=False, hue="C0")
    _box(axes, 6.8, middle, r"$\hat x$")
    for start, end in ((0.74, 1.36), (2.04, 2.45), (3.55, 3.91), (4.59, 4.95), (6.05, 6.46)):
        _arrow(axes, (start, middle), (end, middle))
    _arrow(axes, (1.05, 2.4), (1.05, middle + 0.06))
    _label(axes, 1.05, 2.5, "noise", hue="C1")
    _arrow(axes, (0.4, middle - 0.38), (6.8, middle - 0.38), dashed=True, bend=0.24)
    _label(axes, 3.6, 0.22, r"the loss compares $\hat x$ with the clean $x$")
    return figure


def _codec() -> Figure:
    figure, axes = _canvas(8.0, 1.9)
    middle = 1.15
    _box(axes, 0.4, middle, "$x$")
    _network(axes, 1.5, middle, "encoder", narrows=True, hue="C0")
    _box(axes, 2.6, middle, "$h$", hue="C0")
    _box(axes, 3.55, middle, "$q$", hue="C0")
    _box(axes, 4.5, middle, "file", hue="C1")
    _box(axes, 5.45, middle, r"$\hat h$", hue="C0")
    _network(axes, 6.5, middle, "decoder", narrows=False, hue="C0")
    _box(axes, 7.6, middle, r"$\hat x$")
    for start, end in (
        (0.74, 0.95),
        (2.05, 2.26),
        (2.94, 3.21),
        (3.89, 4.16),
        (4.84, 5.11),
        (5.79, 5.95),
        (7.05, 7.26),
    ):
        _arrow(axes, (start, middle), (end, middle))
    for x, words in ((0.4, "image"), (2.6, "code"), (3.55, "rounded"), (4.5, "bytes"), (5.45, "times Δ")):
        _label(axes, x, 0.52, words)
    return figure


def _vae() -> Figure:
    figure, axes = _canvas(7.2, 2.5)
    middle = 1.05
    _box(axes, 0.4, middle, "$x$")
    _network(axes, 1.65, middle, "encoder", narrows=True, hue="C0")
    _box(axes, 3.0, middle + 0.42, r"$\mu$", hue="C0")
    _box(axes, 3.0, middle - 0.42, r"$\sigma$", hue="C0")
    _box(axes, 4.3, 2.15, r"$\varepsilon$", hue="C1")
    _box(axes, 4.3, middle, "$z$")
    _network(axes, 5.55, middle, "decoder", narrows=False, hue="C2")
    _box(axes, 6.75, middle, "$p(x|z)$", width=0.8)
    _arrow(axes, (0.74, middle), (1.1, middle))
    _arrow(axes, (2.2, middle + 0.1), (2.66, middle + 0.38))
    _arrow(axes, (2.2, middle - 0.1), (2.66, middle - 0.38))
    _arrow(axes, (3.34, middle + 0.38), (3.96, middle + 0.08))
    _arrow(axes, (3.34, middle - 0.38), (3.96, middle - 0.08))
    _arrow(axes, (4.3, 1.82), (4.3, middle + 0.34))
    _arrow(axes, (4.64, middle), (5.0, middle))
    _arrow(axes, (6.1, middle), (6.32, middle))
    _label(axes, 5.62, 2.15, r"noise from outside, $\mathcal{N}(0, I)$", hue="C1")
    _label(axes, 4.3, 0.42, r"$z = \mu + \sigma \odot \varepsilon$")
    return figure


def _graphical_model() -> Figure:
    figure, axes = _canvas(3.4, 2.3)
    plate = FancyBboxPatch((0.5, 0.15), 2.3, 2.0, boxstyle="round,pad=0,rounding_size=0.1", fc="none")
    plate.set_edgecolor(plt.rcParams["xtick.color"])
    axes.add_patch(plate)
    _label(axes, 2.6, 0.32, "$n$")
    _variable(axes, 1.4, 1.68, "$z$", seen=False)
    _variable(axes, 1.4, 0.6, "$x$", seen=True)
    _arrow(axes, (1.4, 1.37), (1.4, 0.92))
    _arrow(axes, (1.62, 0.82), (1.62, 1.46), dashed=True, bend=0.5)
    _label(axes, 0.86, 1.14, r"$p_\theta(x|z)$")
    _label(axes, 2.24, 1.14, r"$q_\phi(z|x)$")
    _label(axes, 1.98, 1.86, "$p(z)$")
    return figure


def _two_levels() -> Figure:
    figure, axes = _canvas(6.0, 1.9)
    middle = 0.95
    for x, words in ((0.9, "$z_2$"), (3.0, "$z_1$"), (5.1, "$x$")):
        _variable(axes, x, middle, words, seen=words == "$x$")
    for start, end in ((1.24, 2.66), (3.34, 4.76)):
        _arrow(axes, (start, middle), (end, middle))
        _arrow(axes, (end + 0.12, middle - 0.24), (start - 0.12, middle - 0.24), dashed=True, bend=-0.22)
    for x, words in ((0.9, "$p(z_2)$"), (1.95, r"$p_\theta(z_1|z_2)$"), (4.05, r"$p_\theta(x|z_1)$")):
        _label(axes, x, 1.5 if x < 1 else 1.2, words)
    for x, words in ((1.95, r"$q_\phi(z_2|z_1)$"), (4.05, r"$q_\phi(z_1|x)$")):
        _label(axes, x, 0.2, words)
    return figure


def _latent_diffusion() -> Figure:
    figure, axes = _canvas(8.4, 2.9)
    high, low, middle = 2.2, 0.7, 1.45
    _box(axes, 0.4, high, "$x$")
    _network(axes, 1.6, high, "encoder", narrows=True, hue="C0")
    _box(axes, 0.4, low, r"$\hat x$")
    _network(axes, 1.6, low, "decoder", narrows=True, hue="C2")
    for x, words in ((3.1, "$z_0$"), (4.5, "$z_1$"), (5.9, r"$\cdots$"), (7.6, "$z_T$")):
        _box(axes, x, middle, words, hue="C0" if x < 4 else None)
    _arrow(axes, (0.74, high), (1.05, high))
    _arrow(axes, (2.15, high), (2.74, middle + 0.16))
    _arrow(axes, (2.74, middle - 0.16), (2.15, low))
    _arrow(axes, (1.05, low), (0.74, low))
    for start, end in ((3.44, 4.16), (4.84, 5.56), (6.24, 7.26)):
        _arrow(axes, (start, middle + 0.14), (end, middle + 0.14), dashed=True)
        _arrow(axes, (end, middle - 0.14), (start, middle - 0.14))
    _label(axes, 5.4, 2.25, "fixed: add a little noise", hue="C1")
    _label(axes, 5.4, 0.65, "learned: take it away again")
    return figure


DRAWINGS: dict[str, Callable[[], Figure]] = {
    "autoencoder": _autoencoder,
    "denoising": _denoising,
    "codec": _codec,
    "vae": _vae,
    "graphical model": _graphical_model,
    "two levels": _two_levels,
    "latent diffusion": _latent_diffusion,
}
