"""A still picture that is readable on a light page, on a dark page, and to someone who cannot see it."""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from aelab.stills import style

if TYPE_CHECKING:  # matplotlib takes long to import, and is needed only where something is drawn
    from matplotlib.figure import Figure

__all__ = ["MIME", "Picture", "check_alt", "render_svg"]

MIME = "application/x-aecore-picture+json"
_RASTER = re.compile(r"base64,([A-Za-z0-9+/=\s]+)")
_PATH = re.compile(r"^\S*(/|\\)\S*$|\.(png|svg|jpe?g|gif|webp|pdf)$", re.IGNORECASE)


def check_alt(alt: object) -> str:
    """The text that stands for a picture, with single spaces.

    Raises:
        TypeError: if `alt` is no text.
        ValueError: if it is empty or looks like the name of a file.

    Example:
        >>> check_alt("A straight  line.")
        'A straight line.'
        >>> check_alt("line.png")
        Traceback (most recent call last):
        ValueError: alt must be a sentence that says what the picture shows, got 'line.png'
    """
    wanted = "alt must be a sentence that says what the picture shows"
    if not isinstance(alt, str):
        raise TypeError(f"{wanted}, got {type(alt).__name__}")
    if not alt.strip() or _PATH.search(alt.strip()):
        raise ValueError(f"{wanted}, got {alt!r}")
    return " ".join(alt.split())


def _call(draw: Callable[..., Figure], *arguments: object) -> Figure:
    """Call `draw` without leaving its figures in pyplot's global list."""
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    before = set(pyplot.get_fignums())
    try:
        figure = draw(*arguments)
        if not isinstance(figure, Figure):
            raise TypeError(f"draw must return a matplotlib Figure, got {type(figure).__name__}")
        return figure
    finally:
        for number in set(pyplot.get_fignums()) - before:
            pyplot.close(number)


def _encode(figure: Figure, kind: str, **options: Any) -> bytes:
    """The figure as the bytes of a file of this kind."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, **options)
    return buffer.getvalue()


def _palette(image: bytes) -> str:
    """An image with at most 256 colours, that of its corner exact, in a third of the bytes: PNG in base64."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels: Any = Image.open(io.BytesIO(image)).convert("RGBA")
    few: Any = pixels.quantize(256, method=Image.Quantize.FASTOCTREE)
    palette, at = bytearray(few.palette.palette), 4 * few.getpixel((0, 0))
    palette[at : at + 4] = bytes(pixels.getpixel((0, 0)))
    few.putpalette(palette, "RGBA")
    few.save(buffer, "PNG", optimize=True)
    return b64encode(buffer.getvalue()).decode()


def _shrink(raster: re.Match[str]) -> str:
    return f"base64,{_palette(b64decode(raster[1]))}"


def png(draw: Callable[..., Figure]) -> str:
    """The drawing on a light ground, two pixels for each of the page's and at most 256 colours: PNG in base64."""
    with style.light():
        return _palette(_encode(_call(draw), "png", dpi=192))


def image_html(png: str, alt: str, width: int, height: int) -> str:
    """An image that carries its words: JupyterLab shows an `image/png` without them."""
    size = f'width="{width}" height="{height}" style="max-width:100%;height:auto"'
    return f'<img alt="{escape(alt)}" {size} src="data:image/png;base64,{png}">'


def render_svg(draw: Callable[..., Figure], *arguments: object) -> dict[str, Any]:
    """Draw once for a light and once for a dark page: `{"light": svg, "dark": svg, "width": px, "height": px}`.

    The same drawing gives the same bytes (salted ids, no date), so that a build can name files by their hash.

    Args:
        draw: returns a matplotlib `Figure`; called with `arguments`.

    Raises:
        TypeError: if `draw` returns something else.

    Example:
        >>> from matplotlib.figure import Figure
        >>> sorted(render_svg(Figure))
        ['dark', 'height', 'light', 'width']
    """
    out: dict[str, Any] = {}
    for name, mode in (("light", style.light), ("dark", style.dark)):
        with mode():
            figure = _call(draw, *arguments)
            svg = _encode(figure, "svg", transparent=True, dpi=200, metadata={"Date": None, "Creator": None})
            out[name] = _RASTER.sub(_shrink, svg.decode())
            out["width"], out["height"] = (round(96 * inches) for inches in figure.get_size_inches())
    return out


class Picture:
    """What a chapter shows instead of a bare matplotlib figure.

    Args:
        draw: takes nothing, returns a matplotlib `Figure`. It is called under the light and under the dark style
            of `aelab.stills.style`: leave colours to the style (`"C0"`, `"C1"`, …) or take them from
            `matplotlib.rcParams`, and both are readable.
        alt: one sentence that says what the picture shows, for a reader who cannot see it.

    In JupyterLab, Colab and VS Code it shows as a PNG on a light ground, with its words; on the book's page as an SVG
    that follows the reader's theme.

    Raises:
        ValueError: if `alt` is empty or looks like a file name.
        TypeError: if `draw` is no function, or, when the picture is shown, does not return a `Figure`.

    Example:
        >>> from matplotlib import pyplot as plt
        >>> def draw():
        ...     figure, axes = plt.subplots()
        ...     axes.plot([0, 1], [0, 1])
        ...     return figure
        >>> Picture(draw, alt="A straight line from the lower left to the upper right.")
        Picture: A straight line from the lower left to the upper right.
    """

    def __init__(self, draw: Callable[[], Figure], *, alt: str) -> None:
        if not callable(draw):
            raise TypeError(f"draw must be a function that returns a matplotlib Figure, got {type(draw).__name__}")
        self.alt = check_alt(alt)
        self.draw = draw

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"

    def data(self) -> dict[str, Any]:
        """What the published page needs: `{"alt", "light", "dark", "width", "height"}`.

        Example:
            >>> from matplotlib.figure import Figure
            >>> Picture(Figure, alt="Nothing at all.").data()["alt"]
            'Nothing at all.'
        """
        return {"alt": self.alt, **render_svg(self.draw)}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data, image = self.data(), png(self.draw)
        size = {"width": data["width"], "height": data["height"]}
        html = image_html(image, self.alt, **size)
        bundle = {"text/plain": repr(self), "image/png": image, "text/html": html, MIME: data}
        return bundle, {"image/png": {**size, "alt": self.alt}}
