"""The book's own letters: a line breaks at the same word, and a figure is as tall, on every reader's machine.

Source Sans 3 (Paul D. Hunt and others, OFL) from its package, cut to the characters of this book. The licence
keeps the name "Source" for the whole font, so the cut one is called Book Sans.
"""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile

from aelab.stills.fonts import PAGE, codes, package, rename

__all__ = ["LATE", "write_fonts"]

FACES = {"SourceSans3[wght].ttf": "book-sans", "SourceSans3-Italic[wght].ttf": "book-sans-italic"}


# Brings the upright letters to a page that they reached too late (`font-display: optional`): for paper, and for tests.
LATE = """async () => {
  const script = document.querySelector('script[src*="aebook.js"]');
  if (!script) return;
  const address = new URL("fonts/book-sans.woff2", script.src);
  const letters = new FontFace("Book Sans", `url("${address}")`, { weight: "200 900" });
  await letters.load().then((face) => document.fonts.add(face), () => 0);
}"""


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
