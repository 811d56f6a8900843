"""One style sheet for all pages, without the rules for what no page has: of the theme's 0.5 MB an eighth is left.

A rule stays if each class and id in one of its selectors stands in a page, or anywhere in a script that a page loads:
what a script adds later is named there. What is inside `:not(…)`, `:is(…)` and `:has(…)` never counts against a rule.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import tinycss2

from .bundle import esbuild

__all__ = ["join_sheets", "purge", "words"]

LINK = re.compile(
    r'[ \t]*<link [^>]*href="([^"?]+)[^"]*"[^>]*rel="stylesheet"[^>]*>\n?|'
    r'[ \t]*<link [^>]*rel="stylesheet"[^>]*href="([^"?]+)[^"]*"[^>]*>\n?'
)
OWN = "aebook.css"  # the book's own sheet, which is kept whole
NAMES = re.compile(r"""\b(?:class|id)="([^"]*)\"""")
IMPORT = re.compile(r"""@import (?:url\()?["']([^"']+)["']\)?;""")
ADDRESS = re.compile(r"""url\((["']?)(?!data:|["'])([^)"']+)\1\)""")
INSIDE = {"not", "is", "where", "has", "host", "slotted", "nth-child", "nth-last-child"}


def words(pages: Iterable[str], scripts: Iterable[str]) -> set[str]:
    """Every class and id of the pages, and every word of the scripts."""
    names = {name for page in pages for value in NAMES.findall(page) for name in value.split()}
    return names | {word for script in scripts for word in re.findall(r"[A-Za-z_][\w-]*", script)}


def _needs(selector: list) -> set[str]:
    """The classes and ids without which a selector selects nothing."""
    found, after_dot = set(), False
    for token in selector:
        if (after_dot and token.type == "ident") or token.type == "hash":
            found.add(token.value)
        after_dot = token.type == "literal" and token.value == "."
    return found


def _selectors(prelude: list) -> list[list]:
    parts: list[list] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def purge(css: str, known: set[str]) -> str:
    """The style sheet without what selects nothing where only these names are.

    Example:
        >>> purge(".a, .b > i { top: 0 } @media print { .b { top: 1px } }", {"a"})
        '.a{ top: 0 }'
    """
    return _purged(tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True), known)


def _purged(rules: list, known: set[str]) -> str:
    kept = []
    for rule in rules:
        if rule.type == "qualified-rule":
            left = [part for part in _selectors(rule.prelude) if _needs(part) <= known]
            if left:
                names = ",".join(tinycss2.serialize(part).strip() for part in left)
                kept.append(f"{names}{{{tinycss2.serialize(rule.content)}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports", "layer", "container"):
            inside = _purged(tinycss2.parse_rule_list(rule.content, True, True), known) if rule.content else ""
            if inside:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inside}}}")
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            text = rule.serialize()
            if "webfonts/" not in text:  # the letters of the icons, which are drawn in the pages
                kept.append(text)
    return "\n".join(kept)


@cache
def _read(sheet: Path, static: Path) -> str:
    """A style sheet and all that it imports, its addresses as seen from `static`."""

    def imported(found: re.Match) -> str:
        return _read((sheet.parent / found[1]).resolve(), static)

    def moved(found: re.Match) -> str:
        place = posixpath.relpath(sheet.parent.as_posix(), static.as_posix())
        return f'url("{posixpath.normpath(posixpath.join(place, found[2]))}")'

    own = ADDRESS.sub(moved, re.sub(r"/\*.*?\*/", "", sheet.read_text("utf-8"), flags=re.DOTALL))
    return IMPORT.sub(imported, own)


def join_sheets(pages: dict[Path, str], static: Path) -> dict[Path, str]:
    """The pages with one link to `book.css` in `static`, which is written, in the place of all they had."""
    static = static.resolve()
    _read.cache_clear()
    order: list[Path] = []
    for path, text in pages.items():
        place = 0
        for link in LINK.finditer(text):
            sheet = (path.parent / (link[1] or link[2])).resolve()
            if sheet not in order:
                order.insert(place, sheet)
            place = order.index(sheet) + 1
    scripts = [path.read_text("utf-8") for path in (*static.glob("*.js"), *static.glob("scripts/*.js"))]
    theme = "\n".join(_read(sheet, static) for sheet in order if sheet.name != OWN)
    sheet = purge(theme, words(pages.values(), scripts)) + _read(static / OWN, static)
    (static / "book.css").write_text(esbuild("--loader=css", "--external:*", source=sheet), "utf-8")
    done = {}
    for path, text in pages.items():
        root = posixpath.relpath(static.as_posix(), path.resolve().parent.as_posix())
        first, *others = list(LINK.finditer(text)) or [None]
        for link in others:
            text = text.replace(link[0], "", 1)
        done[path] = text.replace(first[0], f'<link rel="stylesheet" href="{root}/book.css">\n', 1) if first else text
    return done
