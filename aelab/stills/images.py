"""Still pictures of images: rows of them, and what a decoder makes of a plane of codes."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from aecore import _check
from aelab.stills import checks, style
from aelab.stills.picture import Picture

__all__ = ["decoded_grid", "image_rows"]

_CELL = 0.56  # inches a digit takes in a row


def _tiles(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """(n, channels, h, w) -> (channels, height, width) of one sheet, row by row, with nan in the gaps."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.full((channels, rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan, np.float32)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def _show(ax: Axes, sheet: np.ndarray, low: float, high: float, **options) -> None:
    """Grey sheets in the colours of the page, colour sheets in their own; nothing where the sheet holds nan."""
    if len(sheet) == 1:
        ax.imshow(sheet[0], cmap=style.ink_colormap(), vmin=low, vmax=high, **options)
        return
    there = np.isfinite(sheet[:1])
    colours = np.where(there, (sheet - low) / (high - low), 0).clip(0, 1)
    ax.imshow(np.concatenate([colours, there]).transpose(1, 2, 0), **options)


def image_rows(
    rows: Mapping[str, Tensor], *, alt: str, columns: int | None = None, low: float = 0, high: float = 1
) -> Picture:
    """Rows of images under each other, each with its name at the left.

    Args:
        rows: name -> images, floating-point, shape (n, 1, height, width) for grey ones, (n, 3, height, width) for
            red, green and blue. An empty name leaves the left margin out.
        alt: what the picture shows, in one sentence.
        columns: images side by side; all of a row if left out.
        low, high: the values drawn as paper and as ink; of each colour, as none and as full.

    Returns:
        A `Picture`.

    Raises:
        TypeError: if a row holds no floating-point tensor.
        ValueError: for no row, a row of another shape (channels last, say) or with values that are not finite, images
            on another scale than from `low` to `high`, or an `alt` that says nothing.

    Example:
        >>> import torch
        >>> from aelab import stills
        >>> stills.image_rows({"ones": torch.ones(4, 1, 8, 8)}, alt="Four filled squares in a row.")
        Picture: Four filled squares in a row.
    """
    low, high = _check.number("low", low), _check.number("high", high)
    if low >= high:
        raise ValueError(f"low must be below high = {high:g}, got {low:g}")
    arrays = {
        name: checks.images(f"rows[{name!r}]", images, low, high)
        for name, images in checks.named("rows", rows, "row of images").items()
    }
    widest = max(map(len, arrays.values())) if columns is None else _check.count("columns", columns)
    sheets = {name: _tiles(images, min(widest, len(images))) for name, images in arrays.items()}
    lines = [-(-len(images) // widest) for images in arrays.values()]

    def draw() -> Figure:
        margin = 0.085 * max(len(name) for name in sheets)
        size = (margin + _CELL * widest, _CELL * sum(lines) + 0.08 * len(sheets))
        figure, axes = plt.subplots(len(sheets), 1, figsize=size, squeeze=False, height_ratios=lines)
        for ax, (name, sheet) in zip(axes[:, 0], sheets.items(), strict=True):
            _show(ax, sheet, low, high)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            ax.set_ylabel(name, rotation=0, ha="right", va="center", labelpad=6)
            ax.set_anchor("W")
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
    """What a decoder makes of a regular grid of points of a 2-D latent plane: each image stands around its point.

    Args:
        decode: from codes (n, 2) to images with values from 0 to 1, shape (n, 1, height, width) or
            (n, 3, height, width).
        x_range, y_range: the first and the last grid point of each axis, (low, high).
        alt: what the picture shows, in one sentence.
        steps: grid points along each side, at least 2.
        x_label, y_label: what the axes are.

    Returns:
        A `Picture`.

    Raises:
        TypeError: if `decode` is no function, or returns no floating-point tensor.
        ValueError: for ranges that are not (low, high), or another number or shape of images than asked for.

    Example:
        >>> import torch
        >>> from aelab import stills
        >>> flat = lambda z: z[:, :1, None, None].expand(-1, 1, 4, 4)
        >>> stills.decoded_grid(flat, x_range=(0, 1), y_range=(0, 1), alt="A ramp from paper to ink.")
        Picture: A ramp from paper to ink.
    """
    if not callable(decode):
        raise TypeError(f"decode must be a function from codes to images, got {type(decode).__name__}")
    steps = _check.count("steps", steps, low=2)
    x_side, y_side = checks.interval("x_range", x_range), checks.interval("y_range", y_range)
    across, down = torch.linspace(*x_side, steps), torch.linspace(*y_side, steps).flip(0)
    grid = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        images = checks.images("decode(codes)", decode(grid), 0, 1)
    if len(images) != steps**2:
        raise ValueError(f"decode(codes) must hold an image for each of {steps**2} codes, got {len(images)}")
    sheet, extent = _tiles(images, steps, gap=0), (*checks.edges(x_side, steps), *checks.edges(y_side, steps))

    def draw() -> Figure:
        figure, ax = plt.subplots(figsize=(6.2, 6.2))
        _show(ax, sheet, 0, 1, extent=extent, aspect="auto")
        ax.set(xlabel=x_label, ylabel=y_label)
        return figure

    return Picture(draw, alt=alt)
