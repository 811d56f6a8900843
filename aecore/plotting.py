"""The still pictures of the lectures. Each function returns a `Picture`: light, dark, and in words (`alt`).

What is plotted is the argument; how it looks is decided here and in `aecore.style`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy
from torch import Tensor

from aecore import _check, style
from aecore.picture import Picture

__all__ = ["decoded_grid", "density", "image_rows", "latent_scatter", "lines"]

_CELL = 0.56  # inches a digit takes in a row


def _ink(hue: str | None = None) -> LinearSegmentedColormap:
    """From paper to ink (or to `hue`) in the page's own colours: digits look printed on it, light or dark."""
    paper, ink = plt.rcParams["savefig.facecolor"], hue or plt.rcParams["text.color"]
    raised = {style.LIGHT["surface"]: style.LIGHT["raised"], style.DARK["surface"]: style.DARK["raised"]}
    return LinearSegmentedColormap.from_list("ink", [raised.get(paper, paper), ink])


def _side(name: str, side: tuple[float, float]) -> tuple[float, float]:
    """The two ends of an axis, as floats, low before high."""
    low, high = (_check.number(name, end) for end in side)
    if low >= high:
        raise ValueError(f"{name} must be (low, high) with low < high, got {side}")
    return low, high


def _tiles(images: Tensor, columns: int, gap: int = 2) -> np.ndarray:
    """(n, 1, h, w) -> one array with `gap` transparent (nan) pixels between the pictures."""
    pictures = images.detach().float().cpu().numpy()[:, 0]
    n, height, width = pictures.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, picture in enumerate(pictures):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def image_rows(
    rows: Mapping[str, Tensor], *, alt: str, columns: int | None = None, low: float = 0, high: float = 1
) -> Picture:
    """Rows of grey images under each other, each with its name at the left.

    Args:
        rows: name -> images of shape (n, 1, height, width). An empty name leaves the left margin out.
        alt: what the picture shows, in one sentence.
        columns: images side by side; all of a row if left out.
        low, high: the values drawn as paper and as ink.

    Returns:
        A `Picture`.

    Raises:
        TypeError, ValueError: for rows that hold no image tensors, or an alt that says nothing.

    Example:
        >>> import torch
        >>> from aecore import plotting
        >>> plotting.image_rows({"ones": torch.ones(4, 1, 8, 8)}, alt="Four filled squares in a row.")
        Picture: Four filled squares in a row.
    """
    if not rows:
        raise ValueError("rows must hold at least one row of images, got none")
    for name, images in rows.items():
        _check.tensor(f"rows[{name!r}]", images, ndim=4)
    widest = max(len(images) for images in rows.values()) if columns is None else _check.count("columns", columns)
    sheets = {name: _tiles(images, min(widest, len(images))) for name, images in rows.items()}
    lines_of = [-(-len(images) // widest) for images in rows.values()]

    def draw() -> Figure:
        margin = 0.085 * max(len(name) for name in rows)
        size = (margin + _CELL * widest, _CELL * sum(lines_of) + 0.08 * len(rows))
        figure, axes = plt.subplots(len(rows), 1, figsize=size, squeeze=False, height_ratios=lines_of)
        for ax, (name, sheet) in zip(axes[:, 0], sheets.items(), strict=True):
            ax.imshow(sheet, cmap=_ink(), vmin=low, vmax=high)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            ax.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
            ax.set_anchor("W")
        return figure

    return Picture(draw, alt=alt)


def lines(
    series: Mapping[str, Sequence],
    *,
    x_label: str,
    y_label: str,
    alt: str,
    log_x: bool = False,
    log_y: bool = False,
    x_ticks: Sequence[float] | None = None,
) -> Picture:
    """Curves with their names written at their ends, and error bars where they are given.

    Args:
        series: name -> (x, y) or (x, y, error), sequences of one length.
        x_label, y_label: what the axes are, with units.
        alt: what the picture shows, in one sentence.
        log_x, log_y: logarithmic axes.
        x_ticks: the only ticks of the x axis.

    Returns:
        A `Picture`.

    Raises:
        ValueError: for an empty `series`, sequences of different length, values that are not finite.

    Example:
        >>> from aecore import plotting
        >>> curve = {"square": ([0, 1, 2], [0, 1, 4])}
        >>> plotting.lines(curve, x_label="x", y_label="x²", alt="A parabola.")
        Picture: A parabola.
    """
    if not series:
        raise ValueError("series must hold at least one curve, got none")
    curves = {name: [np.asarray(part, dtype=float) for part in parts] for name, parts in series.items()}
    for name, parts in curves.items():
        if len({part.shape for part in parts}) != 1 or parts[0].ndim != 1 or not np.isfinite(parts).all():
            raise ValueError(f"series[{name!r}] must hold finite sequences of one length")

    def draw() -> Figure:
        figure, ax = plt.subplots()
        if log_x:
            ax.set_xscale("log", base=2 if x_ticks and x_ticks[0] in (1, 2) else 10)
        if log_y:
            ax.set_yscale("log")
        ax.grid(axis="y")
        for index, (x, y, *error) in enumerate(curves.values()):
            marker = "os^Dv*"[index % 6] if len(x) < 13 else ""
            (curve,) = ax.plot(x, y, marker=marker, markersize=4.5, color=f"C{index}")
            if error:  # a few points aside, so that error bars do not hide each other
                place = offset_copy(ax.transData, figure, x=4 * index - 2 * (len(curves) - 1), units="points")
                curve.set_transform(place)
                bars = ax.errorbar(x, y, yerr=error[0], fmt="none", ecolor=f"C{index}", elinewidth=1, capsize=2.5)
                for part in (*bars[1], *bars[2]):
                    part.set_transform(place)
        if x_ticks is not None:
            ax.set_xticks(x_ticks, [f"{tick:g}" for tick in x_ticks])
            ax.minorticks_off()
        ax.set(xlabel=x_label, ylabel=y_label)
        _name_ends(ax, curves)
        return figure

    return Picture(draw, alt=alt)


def _name_ends(ax: Axes, curves: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Write each curve's name beside its last point, pushed apart where they would touch."""
    ax.autoscale_view()
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = []
    for index, (name, (x, y, *_)) in enumerate(curves.items()):
        right, height = to_axes.transform((x[-1], y[-1]))
        ends.append((float(height), float(right), index, name))
    apart, last = 0.075, -1.0
    for height, right, index, name in sorted(ends):
        last = max(height, last + apart)
        ax.annotate(
            name,
            (right, last),
            xytext=(11, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=f"C{index}",
            va="center",
            annotation_clip=False,
        )


def latent_scatter(codes: Tensor, labels: Tensor, *, alt: str, limit: int = 2000) -> Picture:
    """A 2-D latent plane: each image is drawn as its own label, so that the classes need no colours to be told apart.

    Args:
        codes: shape (n, 2).
        labels: integers 0..9, shape (n,).
        alt: what the picture shows, in one sentence.
        limit: draw the first `limit` codes only.

    Returns:
        A `Picture`.

    Raises:
        TypeError, ValueError: for codes that are not finite of shape (n, 2), or labels of another shape.

    Example:
        >>> import torch
        >>> from aecore import plotting
        >>> plotting.latent_scatter(torch.randn(9, 2), torch.arange(9), alt="Nine digits in a plane.")
        Picture: Nine digits in a plane.
    """
    _check.tensor("codes", codes, ndim=2)
    if codes.shape[1] != 2:
        raise ValueError(f"codes must have shape (n, 2), got {tuple(codes.shape)}")
    _check.labels("labels", labels, len(codes))
    limit = _check.count("limit", limit)
    points, digits = codes.detach().cpu().numpy()[:limit], labels.cpu().numpy()[:limit]

    def draw() -> Figure:
        figure, ax = plt.subplots(figsize=(6.2, 5.6))
        for digit in np.unique(digits):
            x, y = points[digits == digit].T
            hue = f"C{digit % 6}"
            ax.scatter(x, y, s=26, marker=f"${digit}$", linewidths=0, color=hue, alpha=0.75, rasterized=True)
        # A few far codes would squeeze the rest into a corner.
        for set_limits, values in ((ax.set_xlim, points[:, 0]), (ax.set_ylim, points[:, 1])):
            low, high = np.quantile(values, (0.005, 0.995))
            set_limits(low - 0.03 * (high - low), high + 0.03 * (high - low))
        ax.set(xlabel="$h_1$", ylabel="$h_2$")
        return figure

    return Picture(draw, alt=alt)


def decoded_grid(
    decode: Callable[[Tensor], Tensor],
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    alt: str,
    steps: int = 16,
    x_label: str = "$h_1$",
    y_label: str = "$h_2$",
) -> Picture:
    """What a decoder makes of a regular grid of points of a 2-D latent plane.

    Args:
        decode: from codes (n, 2) to images (n, 1, height, width).
        x_range, y_range: the part of the plane, (low, high) each.
        alt: what the picture shows, in one sentence.
        steps: grid points along each side.
        x_label, y_label: what the axes are.

    Returns:
        A `Picture`.

    Raises:
        TypeError, ValueError: for ranges or steps of another kind.

    Example:
        >>> import torch
        >>> from aecore import plotting
        >>> flat = lambda z: z[:, :1, None, None].expand(-1, 1, 4, 4)
        >>> plotting.decoded_grid(flat, x_range=(0, 1), y_range=(0, 1), alt="A ramp from paper to ink.")
        Picture: A ramp from paper to ink.
    """
    steps = _check.count("steps", steps, low=2)
    sides = [torch.linspace(*_side(name, side), steps) for name, side in (("x_range", x_range), ("y_range", y_range))]
    grid = torch.stack(torch.meshgrid(sides[0], sides[1].flip(0), indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        sheet = _tiles(decode(grid), steps, gap=0)

    def draw() -> Figure:
        figure, ax = plt.subplots(figsize=(6.2, 6.2))
        ax.imshow(sheet, cmap=_ink(), vmin=0, vmax=1, extent=(*x_range, *y_range), aspect="auto")
        ax.set(xlabel=x_label, ylabel=y_label)
        return figure

    return Picture(draw, alt=alt)


def density(
    panels: Mapping[str, Tensor],
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    alt: str,
    points: Mapping[str, Tensor] | None = None,
    x_label: str = "$x_1$",
    y_label: str = "$x_2$",
) -> Picture:
    """Densities over a plane, side by side, each from paper at 0 to full colour at its own largest value.

    Args:
        panels: name -> values on a regular grid, shape (rows, columns), at least 0: the first row lies at the low end
            of `y_range`, the first column at the low end of `x_range`. `torch.meshgrid(x, y, indexing="xy")` is such
            a grid.
        x_range, y_range: (low, high), the first and the last grid point of each axis.
        alt: what the picture shows, in one sentence.
        points: name of a panel -> points (n, 2) that are drawn on it.
        x_label, y_label: what the axes are.

    Returns:
        A `Picture`.

    Raises:
        TypeError, ValueError: for no panel, values that are negative, not finite or all 0, or points of another shape
            or of a panel that is not there.

    Example:
        >>> import torch
        >>> from aecore import plotting
        >>> axis = torch.linspace(-2, 2, 41)
        >>> bump = (-(axis**2) - axis[:, None] ** 2).exp()
        >>> plotting.density({"": bump}, x_range=(-2, 2), y_range=(-2, 2), alt="One round bump.")
        Picture: One round bump.
    """
    if not panels:
        raise ValueError("panels must hold at least one grid of values, got none")
    (left, right), (bottom, top) = _side("x_range", x_range), _side("y_range", y_range)
    grids = {}
    for name, values in panels.items():
        _check.tensor(f"panels[{name!r}]", values, ndim=2, low=0)
        if min(values.shape) < 2 or not values.any():
            raise ValueError(f"panels[{name!r}] must hold at least 2 × 2 values that are not all 0")
        grids[name] = values.detach().cpu().numpy()
    dots = {}
    for name, places in (points or {}).items():
        if name not in panels:
            raise ValueError(f"points must belong to one of the panels {list(panels)}, got {name!r}")
        _check.tensor(f"points[{name!r}]", places, ndim=2)
        if places.shape[1] != 2:
            raise ValueError(f"points[{name!r}] must have shape (n, 2), got {tuple(places.shape)}")
        dots[name] = places.detach().cpu().numpy()

    def draw() -> Figure:
        width = min(7.2 / len(grids), 4.6)
        size = (width * len(grids), (width - 0.35) * (top - bottom) / (right - left) + 0.85)  # and room for words
        figure, axes = plt.subplots(1, len(grids), figsize=size, squeeze=False, sharey=True)
        for ax, (name, values) in zip(axes[0], grids.items(), strict=True):
            across, up = (right - left) / (values.shape[1] - 1) / 2, (top - bottom) / (values.shape[0] - 1) / 2
            edges = (left - across, right + across, bottom - up, top + up)  # a value stands in the middle of its cell
            ax.imshow(values, cmap=_ink("C0"), vmin=0, extent=edges, origin="lower", interpolation="bilinear")
            if name in dots:
                ax.scatter(*dots[name].T, s=9, linewidths=0, color="C1", rasterized=len(dots[name]) > 500)
            ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=x_label, title=name, aspect="equal")
        axes[0, 0].set_ylabel(y_label)
        return figure

    return Picture(draw, alt=alt)
