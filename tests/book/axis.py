"""From pixels to numbers and back, by the words at a plot's ticks alone; and the corners of an SVG path."""

import math
import re
from collections.abc import Sequence

import numpy as np


def number(text: str) -> float:
    """What a reader takes the words at a tick for."""
    plain = text.replace("−", "-").replace(",", "").strip()
    return float(plain.rstrip(" %")) / 100 if plain.endswith("%") else float(plain)


def subpaths(d: str) -> list[np.ndarray]:
    """The corners of each part of an SVG path of straight lines, shape (n, 2)."""
    parts: list[list[tuple[float, float]]] = []
    x = y = 0.0
    for command, rest in re.findall(r"([MLHVhZ])([^MLHVhZ]*)", d):
        values = [float(value) for value in re.findall(r"-?[\d.]+(?:e-?\d+)?", rest)]
        if command == "M":
            parts.append([])
        if command in "ML":
            for x, y in zip(values[::2], values[1::2], strict=True):
                parts[-1].append((x, y))
        elif command in "HV":
            (x, y) = (values[0], y) if command == "H" else (x, values[0])
            parts[-1].append((x, y))
    return [np.array(part) for part in parts]


class Axis:
    """From numbers to pixels and back, from the words at the ticks alone.

    `kind` is "linear", "log" or "rank" (the ticks are 0, 1, 2, … in their order); an axis without ticks needs `limits`.
    """

    def __init__(self, plot: dict, name: str, kind: str = "linear", limits: Sequence[float] | None = None):
        clip, ticks = plot["clip"], plot[name]
        start, length = (clip["x"], clip["width"]) if name == "x" else (clip["y"], clip["height"])
        ends = (start, start + length) if name == "x" else (start + length, start)
        where = f"{plot['name']}, {name}"
        self.texts, self.ends, self.log = [text for text, _ in ticks], ends, kind == "log"
        if limits is None:
            assert len(ticks) >= 2, f"{where}: no numbers at the axis"
            values, pixels = [number(text) for text in self.texts], np.array([pixel for _, pixel in ticks])
            assert values == sorted(set(values)), f"{where}: {self.texts}"
            if kind == "rank":
                values = list(range(len(values)))
        else:
            assert ticks == [], f"{where} has ticks of its own"
            values, pixels = list(limits), np.array(ends)
        self.values = np.array(values, float)
        scaled = np.log10(self.values) if self.log else self.values
        self.slope, self.offset = np.polyfit(scaled, pixels, 1)
        assert np.abs(self.offset + self.slope * scaled - pixels).max() < 0.5, f"{where}: ticks out of place {ticks}"
        assert self.slope > 0 if name == "x" else self.slope < 0, f"{where}: upside down"
        assert all(start - 0.5 <= pixel <= start + length + 0.5 for pixel in pixels), f"{where}: ticks beside the axis"

    def pixel(self, values):
        """Where numbers stand, in pixels."""
        values = np.asarray(values, float)
        return self.offset + self.slope * (np.log10(values) if self.log else values)

    def value(self, pixels):
        """The numbers at pixels."""
        values = (np.asarray(pixels, float) - self.offset) / self.slope
        return 10**values if self.log else values

    @property
    def limits(self) -> tuple[float, float]:
        """The numbers at both ends of the axis."""
        low, high = self.value(self.ends)
        return float(low), float(high)

    @property
    def is_round(self) -> bool:
        """Whether the ticks are multiples of 1, 2, 2.5 or 5 times a power of ten, each the next one."""
        steps = np.diff(self.values)
        step = steps[0]
        lead = step / 10 ** math.floor(math.log10(step) + 1e-9)
        multiples = self.values / step
        return bool(
            np.allclose(steps, step)
            and min(abs(lead - one) for one in (1, 2, 2.5, 5)) < 1e-6
            and np.allclose(multiples, multiples.round(), atol=1e-6)
        )
