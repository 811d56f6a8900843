"""Still pictures of maps of the plane: where each point is moved to."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from aelab.stills import checks
from aelab.stills.picture import Picture
from aelab.stills.plotting import panels_of

__all__ = ["arrows"]


def arrows(
    panels: Mapping[str, Sequence[Tensor]],
    *,
    alt: str,
    points: Tensor | None = None,
    x_label: str = "$x_1$",
    y_label: str = "$x_2$",
) -> Picture:
    """Panels, in each of them arrows from where points are to where a map moves them.

    Args:
        panels: name -> (start, end), floating-point, both of shape (n, 2). Arrows are as long as the way: none is
            scaled.
        alt: what the picture shows, in one sentence.
        points: shape (m, 2), drawn as dots in every panel: the data that a map was learned from.
        x_label, y_label: what the axes are.

    Returns:
        A `Picture`; all panels have the same axes.

    Raises:
        TypeError: for what holds no floating-point tensors.
        ValueError: for no panel, another shape, values that are not finite, or a pair of different lengths.

    Example:
        >>> import torch
        >>> from aelab import stills
        >>> start = torch.randn(9, 2)
        >>> stills.arrows({"to the middle": (start, 0.5 * start)}, alt="Nine arrows that point to the middle.")
        Picture: Nine arrows that point to the middle.
    """
    ways = {name: _way(f"panels[{name!r}]", pair) for name, pair in checks.named("panels", panels, "pair").items()}
    dots = np.empty((0, 2)) if points is None else checks.points("points", points)
    everything = np.vstack([dots, *(end for way in ways.values() for end in way)])
    low, high = everything.min(axis=0), everything.max(axis=0)
    margin = 0.04 * float((high - low).max()) or 1.0  # where all points are one
    low, high = low - margin, high + margin

    def draw() -> Figure:
        figure, axes = panels_of(list(ways), (low[0], high[0]), (low[1], high[1]), x_label, y_label)
        for ax, (start, end) in zip(axes, ways.values(), strict=True):
            ax.scatter(dots[:, 0], dots[:, 1], s=7, linewidths=0, color="C0", alpha=0.5, rasterized=len(dots) > 500)
            ax.quiver(
                *start.T, *(end - start).T, angles="xy", scale_units="xy", scale=1, color="C1", width=0.007, zorder=3
            )
        return figure

    return Picture(draw, alt=alt)


def _way(name: str, pair: object) -> tuple[np.ndarray, np.ndarray]:
    """Start and end, checked."""
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise TypeError(f"{name} must be a pair (start, end), got {type(pair).__name__}")
    start = checks.points(f"the start of {name}", pair[0])
    end = checks.points(f"the end of {name}", pair[1])
    if len(start) != len(end):
        raise ValueError(f"{name} must be (start, end) of one length, got {len(start)} and {len(end)}")
    return start, end
