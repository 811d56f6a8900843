"""The book's own letters: a line breaks at the same word, and a figure is as tall, on every reader's machine.

Source Sans 3 (Paul D. Hunt and others, OFL) from its package, cut to the characters of this book. The licence
keeps the name "Source" for the whole font, so the cut one is called Book Sans.
"""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

__all__ = ["write_fonts"]

# Latin, marks that combine (ρ̂), Greek, punctuation, sub- and superscripts, letterlike signs, arrows, operators.
RANGES = ((0x20, 0x17F), (0x300, 0x33F), (0x370, 0x3FF), (0x2010, 0x209C), (0x2100, 0x22FF), (0x25A0, 0x25FF))
FACES = {"SourceSans3[wght].ttf": "book-sans", "SourceSans3-Italic[wght].ttf": "book-sans-italic"}


def write_fonts(folder: Path) -> None:
    """Both faces as WOFF2 with every weight from 200 to 900, and their licence."""
    import fontpkg_source_sans_3
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    package = Path(fontpkg_source_sans_3.ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(package / "LICENSE", folder / "LICENSE-book-sans.txt")
    for file, name in FACES.items():
        font = TTFont(package / "files" / file)
        subsetter = Subsetter(Options(layout_features=["kern", "mark", "mkmk", "ccmp", "liga", "tnum"]))
        subsetter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
        subsetter.subset(font)
        for record in font["name"].names:
            record.string = record.toUnicode().replace("Source Sans 3", "Book Sans").replace("SourceSans3", "BookSans")
        font.flavor = "woff2"
        font.save(folder / f"{name}.woff2")
