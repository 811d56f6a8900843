"""The letters of the page in still pictures: Source Sans 3, if its package is there (it comes with the extra `lab`).

matplotlib draws a variable font in its thinnest weight. So the regular weight is cut out once, without the characters
that no picture needs, and kept in the cache; where that is not possible, pictures are in matplotlib's own letters.
The licence keeps the name "Source" for the whole font, so the cut one is called Book Sans.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aecore._cache import cache_folder

__all__ = ["FALLBACK", "NAME", "PAGE", "codes", "families", "package", "rename"]

NAME, FALLBACK = "Book Sans", "DejaVu Sans"  # which ships with matplotlib and has every sign
# Latin, marks that combine (ρ̂), Greek, punctuation, sub- and superscripts, letterlike signs, arrows, operators.
PAGE = ((0x20, 0x17F), (0x300, 0x33F), (0x370, 0x3FF), (0x2010, 0x209C), (0x2100, 0x22FF), (0x25A0, 0x25FF))

# Of these what pictures need: the fewer, the sooner it is made.
PICTURES = (
    *((0x20, 0x7E), (0xA0, 0xFF), (0x302, 0x302), (0x391, 0x3C9), (0x2010, 0x2026)),
    *((0x2070, 0x209C), (0x2190, 0x2193), (0x2200, 0x2265)),
)


def codes(ranges: tuple[tuple[int, int], ...]) -> list[int]:
    """All code points of some ranges, both ends included."""
    return [code for first, last in ranges for code in range(first, last + 1)]


def package() -> Path:
    """The folder of the fonts' package, which is not imported: that takes seconds.

    Raises:
        ImportError: if it is not installed.
    """
    found = find_spec("fontpkg_source_sans_3")
    if found is None or found.origin is None:
        raise ImportError("fontpkg-source-sans-3 must be installed: it comes with the extra `lab`")
    return Path(found.origin).parent


def rename(font: Any) -> None:
    """Call a font of fontTools by the name of the cut one."""
    for record in font["name"].names:
        record.string = record.toUnicode().replace("Source Sans 3", NAME).replace("SourceSans3", NAME.replace(" ", ""))


@cache
def families() -> list[str]:
    """The font families of a picture, the first that has a character draws it.

    Example:
        >>> families()[-1]
        'DejaVu Sans'
    """
    try:
        from matplotlib import font_manager

        font_manager.fontManager.addfont(_regular())
    except (ImportError, OSError, RuntimeError):  # no package, or no folder that can be written
        return [FALLBACK]
    return [NAME, FALLBACK]


def _regular() -> Path:
    """The file of the regular weight, made if it is not there."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from fontTools.varLib.instancer import instantiateVariableFont

    source = package() / "files" / "SourceSans3[wght].ttf"
    target = cache_folder() / "fonts" / f"book-sans-{source.stat().st_size}-{len(codes(PICTURES))}.ttf"
    if target.is_file():
        return target
    font = TTFont(source)
    subsetter = Subsetter(Options(layout_features=["mark", "mkmk", "ccmp"], hinting=False))
    subsetter.populate(unicodes=codes(PICTURES))
    subsetter.subset(font)
    instantiateVariableFont(font, {"wght": 400}, inplace=True)
    rename(font)
    for record in font["name"].names:  # the weight was part of these
        record.string = {1: NAME, 2: "Regular", 16: NAME, 17: "Regular"}.get(record.nameID, record.toUnicode())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".part", delete=False) as part:
        font.save(part)
    os.replace(part.name, target)  # another process may have made it meanwhile: the same bytes
    return target
