"""Formulas are set when the book is built, by the MathJax that would else set them in every reader's page.

So a page shows its mathematics at once, without JavaScript too, and nothing moves: MathJax is 1.2 MB of script, which
keeps a phone busy for seconds. Its letters are cut to the characters of this book. Only the slides set their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html import escape, unescape
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile

from .bundle import esbuild, node

__all__ = ["copy_for_slides", "set_formulas", "typeset", "write_letters"]

MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
FONTS = "output/chtml/fonts/woff-v2"
# What Sphinx's own writer leaves for MathJax in a page, and the equations of other pages in the notes of one.
FORMULA = re.compile(
    r'(<(?P<tag>span|div) class="math notranslate nohighlight[^"]*"[^>]*)>\s*'
    r"(?:\\\((?P<inline>.*?)\\\)|\\\[(?P<display>.*?)\\\])\s*(?P<end></(?P=tag)>)",
    re.DOTALL,
)
NOTES = re.compile(r'(<script type="application/json" id="ae-notes">)(.*?)(</script>)', re.DOTALL)
FACE = re.compile(r"@font-face[^{]*\{\s*font-family: ([\w-]+);\s*src: url\(\"FONTS/([\w-]+)\.woff\"\)[^}]*\}")
DRAWN = re.compile(r'mjx-c\.mjx-c[0-9A-F]+(?:\.TEX-(\w+))?::before \{[^}]*content: "((?:[^"\\]|\\.)+)"')
ALWAYS = (
    "MJXZERO",
    "MJXTEX",
    "MJXTEX-A",
    "MJXTEX-S1",
    "MJXTEX-S4",
)  # brackets that grow are made of these
Formula = tuple[str, bool]


def typeset(formulas: Iterable[Formula]) -> tuple[dict[Formula, str], str]:
    """The HTML of each formula (its TeX, whether it stands alone), and the style sheet of all.

    Raises:
        ValueError: MathJax cannot read one of them.
    """
    asked = list(dict.fromkeys(formulas))
    found = json.loads(node(Path(__file__).parent / "typeset.cjs", MATHJAX, source=json.dumps(asked)))
    for (tex, _), html in zip(asked, found["html"], strict=True):
        if "data-mjx-error" in html or "<mjx-merror" in html:
            raise ValueError(f"a formula must be TeX that MathJax reads, got {tex}")
    # The height of a row that Node cannot measure, and ids which no link of the book leads to.
    clean = [re.sub(r' style="height: NaNem;"| id="mjx-eqn:[^"]*"', "", html) for html in found["html"]]
    return dict(zip(asked, clean, strict=True)), found["css"]


def _formula(found: re.Match) -> Formula:
    return unescape(found["inline"] or found["display"]).strip(), found["display"] is not None


def set_formulas(pages: dict[Path, str]) -> tuple[dict[Path, str], str]:
    """The pages with their formulas set, and the style sheet for all of them.

    The TeX stays in the attribute `data-tex`: who copies a page, or tests it, still finds it.
    """
    notes = {path: json.loads(found[2]) for path, text in pages.items() if (found := NOTES.search(text))}
    asked = [_formula(found) for text in pages.values() for found in FORMULA.finditer(text)]
    asked += [(note["tex"], True) for data in notes.values() for note in data.values() if "tex" in note]
    drawn, css = typeset(asked)

    def put(found: re.Match) -> str:
        tex, display = _formula(found)
        return f'{found[1]} data-tex="{escape(tex)}">{drawn[tex, display]}{found["end"]}'

    done = {}
    for path, text in pages.items():
        for note in notes.get(path, {}).values():
            if "tex" in note:
                note["html"] = drawn[note.pop("tex"), True]
        if path in notes:
            data = json.dumps(notes[path], ensure_ascii=False).replace("<", "\\u003c")
            text = NOTES.sub(lambda found, data=data: f"{found[1]}{data}{found[3]}", text)
        done[path] = FORMULA.sub(put, text)
    return done, css


def write_letters(css: str, folder: Path) -> str:
    """MathJax's letters, as far as the formulas need them, as WOFF2 in `folder`: the style sheet that asks for them.

    The faces keep MathJax's names; one that no formula uses is left out.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    drawn = DRAWN.findall(css)
    characters = {char for _, content in drawn for char in _unescaped(content)}
    used = {*ALWAYS, *(f"MJXTEX-{face}" for face, _ in drawn)}
    folder.mkdir(parents=True, exist_ok=True)

    def face(found: re.Match) -> str:
        name, file = found[1], found[2]
        if name not in used:
            return ""
        font = TTFont(MATHJAX / FONTS / f"{file}.woff")
        whole = name == "MJXZERO"  # its few letters without width hold the lines
        kept = [code for code in font.getBestCmap() if whole or chr(code) in characters]
        subsetter = Subsetter(Options(notdef_outline=True, drop_tables=["FFTM"]))
        subsetter.populate(unicodes=kept)
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(folder / f"{file}.woff2")
        address = f"{folder.name}/{file}.woff2"
        return f'@font-face {{ font-family: {name}; src: url("{address}") format("woff2"); font-display: block; }}'

    return esbuild("--loader=css", "--external:*", source=FACE.sub(face, css))


def _unescaped(content: str) -> str:
    return re.sub(r"\\([0-9A-Fa-f]{1,6}) ?|\\(.)", lambda m: chr(int(m[1], 16)) if m[1] else m[2], content)


def copy_for_slides(static: Path) -> None:
    """MathJax itself (of its 24 MB one script, its fonts, the TeX extensions loaded on demand), for the decks alone."""
    for part in ("tex-chtml.js", FONTS, "input/tex/extensions"):
        source = MATHJAX / part
        for path in [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]:
            target = static / "mathjax" / path.relative_to(MATHJAX)
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(path, target)
