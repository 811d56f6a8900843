"""What a figure shows, read back from its SVG and canvases: curves, areas, bars, points, labels, pixels.

Pixels become numbers through the axes as a reader sees them: the map is fitted to the words at the ticks and to where
they stand. Nothing of the page's own scales is asked. Every comparison allows a pixel.

    drawn = figure.drawn()
    plot = drawn.plot("Penalty over the mean activation")
    plot.curve("KL(ρ‖ρ̂)", "blue", lambda q: kl(rho, q))
    plot.handle("target ρ", "muted", rho, 0)
    drawn.complete()  # whatever else is drawn is a mark that no test compares
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from aelab.stills.style import LIGHT

from .axis import Axis, subpaths

PIXEL = 1.0

READ = Path(__file__).with_name("read.js").read_text("utf-8").rstrip().rstrip(";")


def fmt(value: float, digits: int = 2) -> str:
    """A number as the figures write it: a real minus, and no minus before zero."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


class PlotRead:
    """One plot as it is drawn."""

    def __init__(self, read: dict, x: str, y: str, xlim, ylim):
        self.read, self.name = read, read["name"]
        self.x, self.y = Axis(read, "x", x, xlim), Axis(read, "y", y, ylim)
        self.corner = np.array([read["clip"]["x"], read["clip"]["y"]])
        for axis in "xy":
            lines = read["lines"][axis]
            assert lines == [] or lines == [pixel for _, pixel in read[axis]], f"{self.name}: {axis} ticks and numbers"
        assert read["lines"]["base"] == [read["clip"]["y"] + read["clip"]["height"]]

    def take(self, tag: str, name: str, hue: str, filled: bool | None = None) -> dict:
        """The one mark of that kind and name; it counts as compared."""
        what = (tag, name, filled)
        found = [mark for mark in self.read["marks"] if (mark["tag"], mark["name"], mark.get("filled")) == what]
        assert len(found) == 1, f"{self.name}: {len(found)} marks {tag} {name!r} among {self.kinds()}"
        assert found[0]["hue"] == hue, f"{name} is {found[0]['hue']}, not {hue}"
        found[0]["compared"] = True
        return found[0]

    def kinds(self) -> list[str]:
        return [f"{mark['tag']} {mark['name']!r}" for mark in self.read["marks"]]

    def _parts(self, name: str, hue: str, filled: bool, tag: str = "path") -> list[np.ndarray]:
        mark = self.take(tag, name, hue, filled)
        return [part + self.corner for part in subpaths(mark["d"])]

    def parts(self, name: str, hue: str) -> list[np.ndarray]:
        """The pieces of a line, in pixels."""
        return self._parts(name, hue, filled=False)

    def points(self, name: str, hue: str, tag: str = "path") -> tuple[np.ndarray, np.ndarray]:
        """The corners of a line, or dots (`tag="dots"`), in numbers: x and y."""
        got = np.concatenate(self._parts(name, hue, filled=False, tag=tag))
        return self.x.value(got[:, 0]), self.y.value(got[:, 1])

    def _pixels(self, xs, ys) -> np.ndarray:
        x, y = self.x.pixel(xs), self.y.pixel(ys)
        far = np.clip(y, self.corner[1] - 9999, self.corner[1] + 9999)
        return np.stack(np.broadcast_arrays(x, far), axis=-1)

    def _held(self, x: float, y: float) -> np.ndarray:
        low, high = self.y.ends
        place = self._pixels([x], [y])
        place[:, 1] = np.clip(place[:, 1], high, low)
        return place

    def _near(self, name: str, got: np.ndarray, wanted: np.ndarray, within: float = PIXEL) -> None:
        assert got.shape == wanted.shape, f"{name}: {len(got)} points, wanted {len(wanted)}"
        off = np.abs(got - wanted).max() if len(got) else 0
        assert off <= within, f"{self.name}: {name} is {off:.1f} pixels off"

    def curve(self, name: str, hue: str, f: Callable) -> None:
        """A line over the whole width follows `f`, wherever it is inside the axes."""
        (got,) = self._parts(name, hue, filled=False)
        left, right = self.x.ends
        assert got[0, 0] <= left + 1 and got[-1, 0] >= right - 1, f"{name} does not span the axes"  # noqa: PT018
        assert len(got) >= 100
        assert (np.diff(got[:, 0]) > 0).all()
        got = got[1:-1]  # at the very edge a penalty may be infinite
        wanted = self._pixels(self.x.value(got[:, 0]), np.asarray(f(self.x.value(got[:, 0])), float))
        low, high = self.y.ends
        seen = (np.minimum(got[:, 1], wanted[:, 1]) < low + 20) & (np.maximum(got[:, 1], wanted[:, 1]) > high - 20)
        assert seen.sum() >= 10, f"{name} is not seen"
        self._near(name, got[seen], wanted[seen])

    def line(self, name: str, hue: str, xs, ys) -> None:
        """A line through these points; nan interrupts it."""
        xs, ys = np.broadcast_arrays(np.asarray(xs, float), np.asarray(ys, float))
        pieces = np.split(np.arange(len(ys)), np.flatnonzero(np.isnan(ys)))
        pieces = [piece[~np.isnan(ys[piece])] for piece in pieces]
        wanted = [self._pixels(xs[piece], ys[piece]) for piece in pieces if len(piece)]
        got = self._parts(name, hue, filled=False)
        assert len(got) == len(wanted), f"{name}: {len(got)} pieces, wanted {len(wanted)}"
        self._near(name, np.concatenate([*got, np.zeros((0, 2))]), np.concatenate([*wanted, np.zeros((0, 2))]))

    def area(self, name: str, hue: str, xs, ys, base=0.0) -> None:
        """The area between a curve through these points and its base."""
        (got,) = self._parts(name, hue, filled=True)
        top, low = self._pixels(xs, ys), self._pixels(xs, base)
        self._near(name, got, np.concatenate([top, low[::-1]]))

    def bars(self, name: str, hue: str, edges, heights) -> None:
        """Bars that stand on 0 and reach their height, a gap of a pixel between them."""
        got, heights = np.array(self._parts(name, hue, filled=True)), np.asarray(heights, float)
        assert got.shape == (len(heights), 4, 2)
        foot = self._pixels(edges, max(0, self.y.limits[0]))
        self._near(f"the feet of {name}", got[:, 0], foot[:-1])
        self._near(f"the feet of {name}", got[:, 3], foot[1:])
        self._near(f"the tops of {name}", got[:, 1], self._pixels(np.asarray(edges)[:-1], heights))
        self._near(f"the tops of {name}", got[:, 2], self._pixels(np.asarray(edges)[1:], heights))

    def dots(self, name: str, hue: str, xs, ys) -> None:
        """Many dots at these points, in this order."""
        parts = self._parts(name, hue, filled=False, tag="dots")
        got = np.concatenate(parts) if parts else np.zeros((0, 2))
        self._near(name, got, self._pixels(xs, ys).reshape(-1, 2))

    def dot(self, name: str, hue: str, x: float, y: float) -> None:
        """A point at (x, y); above or below the axes it is drawn at their edge."""
        mark = self.take("circle", name, hue)
        self._near(name, np.array([[mark["cx"], mark["cy"]]]), self._held(x, y))

    def rule(self, name: str, hue: str, *, x: float | None = None, y: float | None = None) -> None:
        """A straight line from edge to edge at x or at y."""
        (got,) = self._parts(name, hue, filled=False)
        if x is not None:
            wanted = np.stack([np.full(2, self.x.pixel(x)), sorted(self.y.ends)], axis=1)
        else:
            wanted = np.stack([self.x.ends, np.full(2, self.y.pixel(y))], axis=1)
        self._near(name, got, wanted)

    def arrow(self, name: str, hue: str, start, tip) -> None:
        """An arrow from `start` to `tip`, its head behind the tip."""
        wanted = self._pixels(*np.array([start, tip], float).T)
        way = wanted[1] - wanted[0]
        parts = self._parts(name, hue, filled=False)
        if np.hypot(*way) < 1:
            assert parts == []
            return
        self._near(name, parts[0], wanted)
        self._near(f"the head of {name}", parts[1][1:2], wanted[1:])
        assert ((parts[1][[0, 2]] - wanted[1]) @ way < 0).all(), f"{name} points the other way"

    def handle(self, label: str, hue: str, x: float, y: float) -> dict:
        """A handle at (x, y), which says where it is; it stays in reach."""
        mark = self.take("handle", label, hue)
        wanted = self._held(x, y)
        wanted[:, 0] = np.clip(wanted[:, 0], *self.x.ends)
        self._near(label, np.array([[mark["x"], mark["y"]]]), wanted)
        assert mark["text"]
        return mark

    def label(self, name: str, hue: str, words: str, x: float, y: float, within: float = 24) -> None:
        """Words in the hue of what they name, at most `within` pixels from a point of it."""
        mark = self.take("text", name, hue)
        assert mark["words"] == words
        if not words:
            return
        left, top, right, low = mark["box"]
        px, py = self._pixels(x, y)
        away = math.hypot(max(left - px, 0, px - right), max(top - py, 0, py - low))
        assert away <= within, f"{words!r} stands {away:.0f} pixels away from its place"

    def end_labels(self, *curves: tuple[str, str, float]) -> None:
        """Words at the right ends of curves, each at the height of its own, kept apart from the others."""
        marks = [self.take("text", f"end of {words}", hue) for words, hue, _ in curves]
        low, high = self.y.ends
        ends = [float(np.clip(self.y.pixel(y), high, low)) for _, _, y in curves]
        for mark, end, (words, _, _) in zip(marks, ends, curves, strict=True):
            assert mark["words"] == words
            left, top, right, foot = mark["box"]
            assert self.x.ends[1] < left <= self.x.ends[1] + 12
            assert right <= self.read["size"][0] + PIXEL
            crowd = sum(abs(other - end) < 16 * len(curves) for other in ends)
            assert abs((top + foot) / 2 - end) <= 6 + 16 * (crowd - 1), f"{words} is not at the end of its curve"
        tops = [mark["box"][1] for mark in marks]
        for (end, top), (other, below) in combinations(zip(ends, tops, strict=True), 2):
            assert abs(top - below) >= 12, f"{self.name}: the labels at the ends cover each other"
            assert abs(end - other) < 1 or (end < other) is (top < below), f"{self.name}: labels in another order"


class Drawn:
    """A figure as it is drawn now."""

    def __init__(self, read: dict):
        self.read, self.traits, self.say = read, read["traits"], read["say"]
        self.plots = {plot["name"]: plot for plot in read["plots"]}
        self.pictures = {picture["name"]: picture for picture in read["pictures"]}
        assert read["error"] == ""

    def plot(self, name: str, *, x: str = "linear", y: str = "linear", xlim=None, ylim=None) -> PlotRead:
        """A plot by its name; `x` and `y` as `kind` of an `Axis`, limits where an axis has no numbers."""
        assert name in self.plots, f"no plot {name!r} among {list(self.plots)}"
        return PlotRead(self.plots[name], x, y, xlim, ylim)

    def slider(self, label: str, value: float, said: str) -> None:
        """A slider stands at `value`, is filled up to there, and says so."""
        (found,) = (slider for slider in self.read["sliders"] if slider["label"] == label)
        found["compared"] = True
        off = abs(found["value"] - value)
        assert off <= found["step"] / 2 + 1e-9, f"{label} stands at {found['value']}, not {value}"
        assert found["said"] == found["spoken"] == said
        share = (value - found["min"]) / (found["max"] - found["min"])
        assert math.isclose(float(found["fill"].rstrip("%")), 100 * share, abs_tol=0.01), f"{label} is filled wrongly"

    def shows(self, *wanted: tuple[str, str, str]) -> None:
        """The numbers under the figure: name, hue and text of each."""
        assert [tuple(cell) for cell in self.read["numbers"]] == list(wanted)

    def pixels(self, name: str) -> np.ndarray:
        """The colours of a canvas: uint8, shape (height, width, 4)."""
        picture = self.pictures[name]
        picture["compared"] = True
        return np.frombuffer(picture["pixels"], np.uint8).reshape(picture["height"], picture["width"], 4)

    def raster(self, name: str, values, mode: str = "ink") -> None:
        """A picture of numbers, 0 to 1 from paper to ink; or from −1 in orange to 1 in blue."""
        values = np.clip(np.asarray(values, float), -1 if mode == "diverging" else 0, 1)
        got = self.pixels(name)[..., :3].astype(float)
        assert got.shape == (*values.shape, 3)
        low, high = ("orange", "blue") if mode == "diverging" else ("surface", "ink")
        to = np.where(values[..., None] < 0, rgb(low), rgb(high))
        wanted = rgb("surface") + np.abs(values)[..., None] * (to - rgb("surface"))
        assert np.abs(got - wanted).max() <= 1.5, f"{name}: colours up to {np.abs(got - wanted).max():.0f} of 255 off"

    def glyphs(self, name: str, plot: PlotRead, xs, ys, hues: Sequence[str]) -> None:
        """A scatter of digits on the canvas under a plot: each in its hue at its place, and nothing elsewhere.

        A digit under a later one of another hue may be hidden by it: of a model that has collapsed, nearly all are, and
        what is left to see is that there is ink at every place, and how far the ink reaches.
        """
        image, picture = self.pixels(name), self.pictures[name]
        height, width = image.shape[:2]
        corner = plot.corner
        assert np.abs(np.array(picture["at"]) - corner).max() < PIXEL, "the canvas does not lie under the axes"
        x, y, hues = plot.x.pixel(xs) - corner[0], plot.y.pixel(ys) - corner[1], np.asarray(hues)
        inside = (x > 6) & (x < width - 6) & (y > 6) & (y < height - 6)
        assert inside.mean() > 0.3
        right, inked = [], []
        for i in np.flatnonzero(inside):
            row, column = int(y[i]), int(x[i])
            around = image[row - 4 : row + 6, column - 3 : column + 5].reshape(-1, 4).astype(float)
            opaque = around[:, 3] > 90
            inked.append(opaque.any())
            above = (np.abs(x[i + 1 :] - x[i]) < 6) & (np.abs(y[i + 1 :] - y[i]) < 8) & (hues[i + 1 :] != hues[i])
            if not above.any():
                near = np.abs(around[:, :3] - rgb(hues[i])).max(axis=1) < 40
                right.append((near & opaque).any())
        assert np.mean(inked) > 0.97, f"nothing is drawn at {1 - np.mean(inked):.0%} of the codes"
        assert np.mean(right) > 0.97, f"{1 - np.mean(right):.0%} of the digits are not where their code is"
        if inside.all():
            ink = np.argwhere(image[..., 3] > 0)[:, ::-1] + 0.5
            size = np.array([2, 3])  # from the middle of a digit to its edges, a little other in each font
            low, high = np.array([x.min(), y.min()]) - size, np.array([x.max(), y.max()]) + size
            off = np.abs([ink.min(axis=0) - low, ink.max(axis=0) - high]).max()
            assert off <= 2.5, f"the ink of the digits ends {off:.1f} pixels from where their codes end"
        empty = np.ones((height, width), bool)
        for px, py in zip(x, y, strict=True):
            empty[max(0, int(py) - 8) : max(0, int(py) + 9), max(0, int(px) - 6) : max(0, int(px) + 7)] = False
        assert (image[empty][:, 3] == 0).all(), "something is drawn where no code is"

    def complete(self) -> None:
        """Every mark, slider and picture that is seen was compared, and every label lies in its picture."""
        left = [
            f"{name}: {mark['tag']} {mark['name']!r}"
            for name, plot in self.plots.items()
            for mark in plot["marks"]
            if not mark.get("compared") and (mark.get("d") or mark.get("words") or mark["tag"] in ("circle", "handle"))
        ]
        left += [f"slider {s['label']}" for s in self.read["sliders"] if not s.get("compared")]
        left += [f"canvas {p['name']!r}" for p in self.read["pictures"] if not p.get("compared")]
        assert left == [], "no test compares these"
        for name, plot in self.plots.items():
            width, height = plot["size"]
            for mark in plot["marks"]:
                if mark["tag"] == "text" and mark["words"]:
                    x0, y0, x1, y1 = mark["box"]
                    inside = x0 >= -2 and y0 >= -2 and x1 <= width + 2 and y1 <= height + 2
                    assert inside, f"{name}: {mark['words']!r} reaches out of the picture"


def rgb(hue: str) -> np.ndarray:
    """A colour of the light theme, three numbers up to 255."""
    return np.array([int(LIGHT[hue][i : i + 2], 16) for i in (1, 3, 5)], float)
