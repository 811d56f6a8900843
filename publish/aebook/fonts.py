"""The book's own letters: a line breaks at the same word, and a figure is as tall, on every reader's machine.

Source Sans 3 (Paul D. Hunt and others, OFL) from its package, cut to the characters of this book. The licence
keeps the name "Source" for the whole font, so the cut one is called Book Sans.
"""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

from aelab.stills.fonts import PAGE, codes, package, rename

__all__ = ["write_fonts"]

FACES = {"SourceSans3[wght].ttf": "book-sans", "SourceSans3-Italic[wght].ttf": "book-sans-italic"}


def write_fonts(folder: Path) -> None:
    """Both faces as WOFF2 with every weight from 200 to 900, and their licence."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    folder.mkdir(parents=True, exist_ok=True)
    copyfile(package() / "LICENSE", folder / "LICENSE-book-sans.txt")
    for file, name in FACES.items():
        font = TTFont(package() / "files" / file)
        subsetter = Subsetter(Options(layout_features=["kern", "mark", "mkmk", "ccmp", "liga", "tnum"]))
        subsetter.populate(unicodes=codes(PAGE))
        subsetter.subset(font)
        rename(font)
        font.flavor = "woff2"
        font.save(folder / f"{name}.woff2")
