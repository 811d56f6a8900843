"""A still picture that is readable on a light page, on a dark page, and to someone who cannot see it."""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Callable

from . import style

__all__ = ["Picture", "render_svg"]

MIME = "application/x-aecore-picture+json"
_RASTER = re.compile(r"base64,([A-Za-z0-9+/=\s]+)")
_PATH = re.compile(r"^\S*(/|\\)\S*$|\.(png|svg|jpe?g|gif|webp|pdf)$", re.IGNORECASE)


def _check_alt(alt: str) -> str:
    if not isinstance(alt, str):
        raise TypeError(f"alt: got {type(alt).__name__}, takes a sentence that says what the picture shows")
    if not alt.strip():
        raise ValueError("alt: got an empty text, takes a sentence that says what the picture shows")
    if _PATH.search(alt.strip()):
        raise ValueError(f"alt: got {alt!r}, which looks like a path; takes a sentence that says what it shows")
    return " ".join(alt.split())


def _drawn(draw: Callable, *arguments):
    """Call ``draw`` without letting its figures leak into pyplot's global list."""
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    before = set(pyplot.get_fignums())
    try:
        figure = draw(*arguments)
        if not isinstance(figure, Figure):
            raise TypeError(f"draw: returned {type(figure).__name__}, has to return a matplotlib Figure")
        return figure
    finally:
        for number in set(pyplot.get_fignums()) - before:
            pyplot.close(number)


def _saved(figure, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _lean(raster: re.Match) -> str:
    """A raster inside an SVG in at most 256 colours: a third of the bytes, and a book of pictures that travels."""
    from PIL import Image

    buffer, image = io.BytesIO(), Image.open(io.BytesIO(b64decode(raster[1]))).convert("RGBA")
    image.quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return f"base64,{b64encode(buffer.getvalue()).decode()}"


def render_svg(draw: Callable, *arguments) -> dict:
    """Draw once for a light and once for a dark page: ``{"light": svg, "dark": svg, "width": px, "height": px}``.

    The same drawing gives the same bytes (salted ids, no date), so that a build can name files by their hash.

    Example:
        >>> from matplotlib.figure import Figure
        >>> sorted(render_svg(Figure))
        ['dark', 'height', 'light', 'width']
    """
    out = {}
    for name, mode in (("light", style.light), ("dark", style.dark)):
        with mode():
            figure = _drawn(draw, *arguments)
            svg = _saved(figure, "svg", transparent=True, dpi=200, metadata={"Date": None, "Creator": None})
            out[name] = _RASTER.sub(_lean, svg.decode())
            out["width"], out["height"] = (round(96 * inches) for inches in figure.get_size_inches())
    return out


class Picture:
    """What a chapter shows instead of a bare matplotlib figure.

    Args:
        draw: takes nothing, returns a matplotlib ``Figure``. It is called under the light and under the dark style
            of :mod:`aecore.style`: leave colours to the style (``"C0"``, ``"C1"``, …) or take them from
            ``matplotlib.rcParams``, and both are readable.
        alt: one sentence that says what the picture shows, for a reader who cannot see it.

    In JupyterLab, Colab and VS Code it shows as a PNG on a light ground; on the book's page as an SVG that follows
    the reader's theme.

    Raises:
        ValueError: ``alt`` is empty or looks like a file name.
        TypeError: ``draw`` is not callable or does not return a ``Figure``.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> def draw():
        ...     figure, axes = plt.subplots()
        ...     axes.plot([0, 1], [0, 1])
        ...     return figure
        >>> Picture(draw, alt="A straight line from the lower left to the upper right.")
        Picture: A straight line from the lower left to the upper right.
    """

    def __init__(self, draw: Callable, *, alt: str):
        if not callable(draw):
            raise TypeError(f"draw: got {type(draw).__name__}, takes a function that returns a matplotlib Figure")
        self.alt = _check_alt(alt)
        self.draw = draw

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"

    def data(self) -> dict:
        """What the published page needs: ``{"alt", "light", "dark", "width", "height"}``.

        Example:
            >>> from matplotlib.figure import Figure
            >>> Picture(Figure, alt="Nothing at all.").data()["alt"]
            'Nothing at all.'
        """
        return {"alt": self.alt, **render_svg(self.draw)}

    def _repr_mimebundle_(self, include=None, exclude=None):
        data = self.data()
        with style.light():
            png = _saved(_drawn(self.draw), "png", dpi=192)
        bundle = {"text/plain": repr(self), "image/png": b64encode(png).decode(), MIME: data}
        return bundle, {"image/png": {"width": data["width"], "height": data["height"], "alt": self.alt}}
