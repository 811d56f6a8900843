"""Any matplotlib sweep as an interactive figure: pictures computed at execution, a slider between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import traitlets as t

from ..picture import _check_alt, render_svg
from .base import Figure

__all__ = ["Frames", "frames"]


class Frames(Figure):
    """Pictures with a slider between them; made by :func:`frames`.

    Traits:
        index: the frame that shows, from 0.
        labels: what the slider says at each frame.
    """

    module = "frames"
    index = t.Int(0).tag(sync=True)
    label = t.Unicode().tag(sync=True)
    alt = t.Unicode().tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    size = t.List(t.Int()).tag(sync=True)
    light = t.List(t.Bytes()).tag(sync=True)
    dark = t.List(t.Bytes()).tag(sync=True)

    @t.validate("index")
    def _valid_index(self, proposal):
        if self.labels and not 0 <= proposal.value < len(self.labels):
            raise t.TraitError(f"index: got {proposal.value}, takes 0 to {len(self.labels) - 1}")
        return proposal.value

    @classmethod
    def example(cls) -> Frames:
        def draw(sigma):
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

    def still(self) -> dict:
        picture = {"alt": self.sentence(), "width": self.size[0], "height": self.size[1]}
        return picture | {"light": self.light[self.index].decode(), "dark": self.dark[self.index].decode()}


def frames(
    draw: Callable, values: Sequence, *, label: str, alt: str, start: int = 0, title: str = "", caption: str = ""
) -> Frames:
    """A slider over pictures drawn once for each value, light and dark.

    Args:
        draw: takes one value, returns a matplotlib ``Figure`` (all of one size).
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
    values, alt = list(values), _check_alt(alt)
    if not 2 <= len(values) <= 40:
        raise ValueError(f"values: got {len(values)}, takes 2 to 40")
    if not isinstance(label, str) or not label.strip():
        raise ValueError(f"label: got {label!r}, takes the name of what the slider sets")
    if not 0 <= start < len(values):
        raise ValueError(f"start: got {start}, takes 0 to {len(values) - 1}")
    drawn = [render_svg(draw, value) for value in values]
    sizes = {(frame["width"], frame["height"]) for frame in drawn}
    if len(sizes) > 1:
        raise ValueError(f"draw: got frames of sizes {sorted(sizes)}, takes one size for all")
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
    return figure
