"""Still pictures of numbers: curves, codes in a plane, densities over a plane.

What is plotted is the argument; how it looks is decided here and in `aelab.stills.style`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy
from torch import Tensor

from aecore import _check
from aelab.stills import checks, style
from aelab.stills.picture import Picture

__all__ = ["density", "latent_scatter", "lines", "panels_of"]


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
        series: name -> (x, y) or (x, y, error): sequences or tensors of one length. Error bars reach from y - error
            to y + error.
        x_label, y_label: what the axes are, with units.
        alt: what the picture shows, in one sentence.
        log_x, log_y: logarithmic axes. A 0 lies below them.
        x_ticks: the only ticks of the x axis.

    Returns:
        A `Picture`.

    Raises:
        TypeError: for what holds no numbers.
        ValueError: for no curve, sequences of different length, values that are not finite, negative errors, or
            negative values on a logarithmic axis.

    Example:
        >>> from aelab import stills
        >>> curve = {"square": ([0, 1, 2], [0, 1, 4])}
        >>> stills.lines(curve, x_label="x", y_label="x²", alt="A parabola.")
        Picture: A parabola.
    """
    curves = {
        name: _curve(f"series[{name!r}]", parts, log_x, log_y)
        for name, parts in checks.named("series", series, "curve").items()
    }
    ticks = None if x_ticks is None else checks.numbers("x_ticks", x_ticks)

    def draw() -> Figure:
        # Lower, unless the names at the curves' ends or that of the axis need the room.
        height = 2.8 if len(curves) < 5 and len(y_label) < 28 else 3.4
        figure, ax = plt.subplots(figsize=(7.2, height))
        if log_x:
            ax.set_xscale("log", base=2 if ticks is not None and ticks[0] in (1, 2) else 10)
        if log_y:
            ax.set_yscale("log")
        ax.grid(axis="y")
        colours = style.hues(curves)
        for index, (x, y, *error) in enumerate(curves.values()):
            marker = "os^Dv*"[index % 6] if len(x) < 13 else ""
            (curve,) = ax.plot(x, y, marker=marker, markersize=4.5, color=colours[index])
            if error:  # a few points aside, so that error bars do not hide each other
                place = offset_copy(ax.transData, figure, x=4 * index - 2 * (len(curves) - 1), units="points")
                curve.set_transform(place)
                bars = ax.errorbar(x, y, yerr=error[0], fmt="none", ecolor=colours[index], elinewidth=1, capsize=2.5)
                for part in (*bars[1], *bars[2]):
                    part.set_transform(place)
        if ticks is not None:
            ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            ax.minorticks_off()
        ax.set(xlabel=x_label, ylabel=y_label)
        _name_ends(ax, curves, colours, apart=0.255 / height)
        return figure

    return Picture(draw, alt=alt)


def _curve(name: str, parts: object, log_x: bool, log_y: bool) -> list[np.ndarray]:
    """[x, y] or [x, y, error], checked."""
    if not isinstance(parts, Sequence) or isinstance(parts, str) or len(parts) not in (2, 3):
        count = f" of {len(parts)}" if isinstance(parts, Sequence) else ""
        raise TypeError(f"{name} must be (x, y) or (x, y, error), got {type(parts).__name__}{count}")
    words = ("x", "y", "error")[: len(parts)]
    arrays = [checks.numbers(f"the {word} of {name}", part) for word, part in zip(words, parts, strict=True)]
    if len({len(array) for array in arrays}) > 1:
        raise ValueError(f"{name} must hold sequences of one length, got {[len(array) for array in arrays]}")
    for word, array, positive in zip(words, arrays, (log_x, log_y, True), strict=False):
        if positive and array.min() < 0:
            where = "" if word == "error" else " on a logarithmic axis"
            raise ValueError(f"the {word} of {name} must be at least 0{where}, got {array.min():g}")
    return arrays


def _name_ends(ax: Axes, curves: Mapping[str, Sequence[np.ndarray]], colours: list[str], apart: float) -> None:
    """Write each curve's name beside its last point, pushed apart where they would touch."""
    ax.autoscale_view()
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = []
    for index, (name, (x, y, *_)) in enumerate(curves.items()):
        right, height = to_axes.transform((x[-1], y[-1]))
        ends.append((float(height), float(right), index, name))
    last = -apart  # no name below the axis, where a 0 lies if it is logarithmic
    for height, right, index, name in sorted(ends):
        last = max(height, last + apart)
        ax.annotate(
            name,
            (right, last),
            xytext=(11, 0),
            xycoords="axes fraction",
            textcoords="offset points",
            color=colours[index],
            va="center",
            annotation_clip=False,
        )


def latent_scatter(codes: Tensor, labels: Tensor, *, alt: str, limit: int = 2000) -> Picture:
    """A 2-D latent plane: each image is drawn as its own label, so that the classes need no colours to be told apart.

    Args:
        codes: floating-point, shape (n, 2).
        labels: integers from 0 to 9, shape (n,).
        alt: what the picture shows, in one sentence.
        limit: draw the first `limit` codes only.

    Returns:
        A `Picture`.

    Raises:
        TypeError: for codes that are not floating-point, or labels that are not integers.
        ValueError: for codes that are not finite or not of shape (n, 2), labels of another number or not from 0 to 9.

    Example:
        >>> import torch
        >>> from aelab import stills
        >>> stills.latent_scatter(torch.randn(9, 2), torch.arange(9), alt="Nine digits in a plane.")
        Picture: Nine digits in a plane.
    """
    points = checks.points("codes", codes)
    digits = _check.labels("labels", labels, len(points)).cpu().numpy().copy()
    if digits.min() < 0 or digits.max() > 9:
        raise ValueError(f"labels must be from 0 to 9, got {digits.min()} to {digits.max()}")
    limit = _check.count("limit", limit)
    points, digits = points[:limit], digits[:limit]

    def draw() -> Figure:
        figure, ax = plt.subplots(figsize=(6.2, 5.6))
        for digit in np.unique(digits):
            x, y = points[digits == digit].T
            hue = f"C{style.DIGIT_HUES[digit]}"
            ax.scatter(x, y, s=26, marker=f"${digit}$", linewidths=0, color=hue, alpha=0.75, rasterized=True)
        # A few far codes would squeeze the rest into a corner.
        for set_limits, values in ((ax.set_xlim, points[:, 0]), (ax.set_ylim, points[:, 1])):
            low, high = np.quantile(values, (0.005, 0.995))
            margin = 0.03 * (high - low) or 1.0  # where all codes are one
            set_limits(low - margin, high + margin)
        ax.set(xlabel="$h_1$", ylabel="$h_2$")
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
    """Densities over a plane, each from paper at 0 to full colour at its own largest value.

    They stand side by side, more than four of them in two rows.

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
        TypeError: for what holds no floating-point tensors.
        ValueError: for no panel, values that are negative, not finite or all 0, or points of another shape or of a
            panel that is not there.

    Example:
        >>> import torch
        >>> from aelab import stills
        >>> axis = torch.linspace(-2, 2, 41)
        >>> bump = (-(axis**2) - axis[:, None] ** 2).exp()
        >>> stills.density({"": bump}, x_range=(-2, 2), y_range=(-2, 2), alt="One round bump.")
        Picture: One round bump.
    """
    (left, right), (bottom, top) = checks.interval("x_range", x_range), checks.interval("y_range", y_range)
    grids = {}
    for name, values in checks.named("panels", panels, "grid of values").items():
        _check.tensor(f"panels[{name!r}]", values, ndim=2, low=0)
        if min(values.shape) < 2 or not values.any():
            raise ValueError(f"panels[{name!r}] must hold at least 2 × 2 values that are not all 0")
        grids[name] = values.detach().double().cpu().numpy().copy()
    dots = {}
    for name, places in checks.named("points", {} if points is None else points, "tensor", least=0).items():
        if name not in grids:
            raise ValueError(f"points must belong to one of the panels {list(grids)}, got {name!r}")
        dots[name] = checks.points(f"points[{name!r}]", places)

    def draw() -> Figure:
        figure, axes = panels_of(list(grids), (left, right), (bottom, top), x_label, y_label)
        for ax, (name, values) in zip(axes, grids.items(), strict=True):
            rows, columns = values.shape
            edges = (*checks.edges((left, right), columns), *checks.edges((bottom, top), rows))
            ink = style.ink_colormap("C0")
            ax.imshow(values, cmap=ink, vmin=0, extent=edges, origin="lower", interpolation="bilinear")
            if name in dots:
                ax.scatter(
                    dots[name][:, 0], dots[name][:, 1], s=9, linewidths=0, color="C1", rasterized=len(dots[name]) > 500
                )
        return figure

    return Picture(draw, alt=alt)


def panels_of(
    names: Sequence[str], x_range: tuple[float, float], y_range: tuple[float, float], x_label: str, y_label: str
) -> tuple[Figure, list[Axes]]:
    """A figure with a plane for each name, a unit as long both ways; more than four stand in two rows."""
    rows = 2 if len(names) > 4 else 1
    columns = -(-len(names) // rows)
    width = min(7.2 / columns, 4.6)
    height = (width - 0.35) * (y_range[1] - y_range[0]) / (x_range[1] - x_range[0]) + 0.85  # and room for words
    figure, axes = plt.subplots(
        rows, columns, figsize=(width * columns, height * rows), squeeze=False, sharex=True, sharey=True
    )
    for ax in axes.flat[len(names) :]:
        ax.remove()
    for ax in axes[-1]:
        ax.set_xlabel(x_label)
    for ax in axes[:, 0]:
        ax.set_ylabel(y_label)
    for ax, name in zip(axes.flat, names, strict=False):  # the last place may be empty
        ax.set(title=name, xlim=x_range, ylim=y_range, aspect="equal")
    return figure, list(axes.flat[: len(names)])
