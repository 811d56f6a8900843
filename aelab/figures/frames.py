"""Any matplotlib sweep as an interactive figure: pictures computed at execution, a slider between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import traitlets as t

from aelab.figures.kit.base import Figure, OneOf
from aelab.stills.picture import Picture, render_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

__all__ = ["Frames", "frames"]


class Frames(Figure):
    """Pictures with a slider between them; made by `frames`.

    Traits:
        index: the frame that shows, from 0.
        labels: what the slider says at each frame.
    """

    module = "frames"
    index = OneOf("places", 0)
    label = t.Unicode().tag(sync=True)
    alt = t.Unicode().tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    size = t.List(t.Int()).tag(sync=True)
    light = t.List(t.Bytes()).tag(sync=True)
    dark = t.List(t.Bytes()).tag(sync=True)
    _drawing: Callable[[int], Drawing]

    @property
    def places(self) -> range:
        """The numbers of the frames."""
        return range(len(self.labels))

    @classmethod
    def example(cls) -> Frames:
        def draw(sigma: float) -> Drawing:
            from matplotlib import pyplot as plt
            from numpy import exp, linspace, log

            x = linspace(-4, 4, 400)
            figure, axes = plt.subplots(figsize=(7.2, 2.8))
            axes.plot(x, exp(-x * x / (2 * sigma**2)) / (sigma * 2.5066282746))
            axes.set(ylim=(0, 0.85), xlabel="x", title=f"entropy {0.5 + log(sigma * 2.5066282746):.2f} nats")
            return figure

        alt = "A normal density: the wider it is, the lower its peak and the higher its entropy."
        title, caption = "Width and entropy.", "Each picture was drawn by matplotlib when the page was built."
        return frames(draw, [0.5, 0.75, 1.0, 1.5, 2.0], label="σ", alt=alt, start=2, title=title, caption=caption)

    def __repr__(self) -> str:
        return f"Frames({self.label}: {', '.join(self.labels)})"

    def sentence(self) -> str:
        return f"{self.alt} Shown for {self.label} {self.labels[self.index]}."

    def draw(self) -> Drawing:
        return self._drawing(self.index)

    def still(self) -> dict:
        picture = {"alt": self.sentence(), "width": self.size[0], "height": self.size[1]}
        return picture | {"light": self.light[self.index].decode(), "dark": self.dark[self.index].decode()}


def frames(
    draw: Callable, values: Sequence, *, label: str, alt: str, start: int = 0, title: str = "", caption: str = ""
) -> Frames:
    """A slider over pictures drawn once for each value, light and dark.

    Args:
        draw: takes one value, returns a matplotlib `Figure` (all of one size).
        values: two to forty values; few frames keep the page small.
        label: what the slider sets, in a word or two.
        alt: one sentence that says what the pictures show.
        start: the frame to open with.

    Raises:
        ValueError: too few or too many values, an empty label or alt, frames of different sizes.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> def draw(power):
        ...     figure, axes = plt.subplots(figsize=(4, 2))
        ...     axes.plot([x**power for x in range(10)])
        ...     return figure
        >>> frames(draw, [1, 2, 3], label="power", alt="The power of the first ten numbers.")
        Frames(power: 1, 2, 3)
    """
    values, alt = list(values), Picture(draw, alt=alt).alt
    if not 2 <= len(values) <= 40:
        raise ValueError(f"values must be 2 to 40, got {len(values)}")
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"label must name what the slider sets, got {label!r}")
    if start not in range(len(values)):
        raise ValueError(f"start must be an integer from 0 to {len(values) - 1}, got {start!r}")
    drawn = [render_svg(draw, value) for value in values]
    sizes = {(frame["width"], frame["height"]) for frame in drawn}
    if len(sizes) > 1:
        raise ValueError(f"draw must return figures of one size, got {sorted(sizes)}")
    size = sizes.pop()
    figure = Frames(
        label=label,
        alt=alt,
        labels=[f"{value:g}" if isinstance(value, float) else str(value) for value in values],
        size=list(size),
        index=start,
        light=[frame["light"].encode() for frame in drawn],
        dark=[frame["dark"].encode() for frame in drawn],
        title=title,
        caption=caption,
    )
    words = len(title) + len(caption)
    lines = [math.ceil(words / width) * 20 for width in (105, 44)]  # what the caption takes, wide and narrow
    figure.height = (size[1] + 113 + lines[0], round(size[1] * min(1, 328 / size[0])) + 153 + lines[1])
    figure._drawing = lambda index: draw(values[index])
    return figure
