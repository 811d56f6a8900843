"""The theme's icons as inline SVG, from the script that would else draw them in the page (1.5 MB of JavaScript)."""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from .bundle import node

__all__ = ["SCRIPT", "draw_icons"]

SCRIPT = "theme/pydata_sphinx_theme/static/scripts/fontawesome.js"
ICON = re.compile(r'<(?P<tag>i|span) class="(?P<classes>[^"]*\bfa-[^"]*)"(?P<rest>[^>]*)></(?P=tag)>')
STYLES = {"fa-solid": "fas", "fas": "fas", "fa-brands": "fab", "fab": "fab", "fa-regular": "far", "far": "far"}
SIZES = re.compile(r"fa-(?:2xs|xs|sm|lg|xl|2xl|fw|\d+x)")
# Of the script's whole table, the drawings of these names: each is [width, height, other names, code, path].
READ = """
const [file, ...names] = process.argv.slice(1), window = {};
require("vm").runInNewContext(require("fs").readFileSync(file, "utf8"), { window });
const styles = window.___FONT_AWESOME___.styles;
const other = (style, name) => Object.values(styles[style] ?? {}).find((icon) => icon[2].includes(name));
const find = (style, name) => styles[style]?.[name] ?? other(style, name);
console.log(JSON.stringify(names.map((name) => find(...name.split("/")) ?? null)));
"""
CREDIT = "<!-- icons: Font Awesome Free by @fontawesome, CC BY 4.0, https://fontawesome.com/license/free -->"


@cache
def drawings(names: tuple[str, ...]) -> dict[str, tuple[int, int, str]]:
    """Width, height and path of each icon, by "style/name"; one that does not exist is left out."""
    script = Path(find_spec("pydata_sphinx_theme").origin).parent / SCRIPT
    found = json.loads(node("-e", READ, script, *names))
    return {name: (icon[0], icon[1], icon[4]) for name, icon in zip(names, found, strict=True) if icon}


def _name(classes: str) -> str:
    words = classes.split()
    style = next((STYLES[word] for word in words if word in STYLES), "fas")
    names = [word for word in words if word.startswith("fa-") and word not in STYLES and not SIZES.fullmatch(word)]
    return f"{style}/{names[0][3:]}" if names else ""


def draw_icons(pages: dict[Path, str]) -> dict[Path, str]:
    """Every icon of the pages as SVG, with the classes and attributes that it had.

    Raises:
        ValueError: a page asks for an icon that the script does not have.
    """
    names = sorted({_name(found["classes"]) for text in pages.values() for found in ICON.finditer(text)} - {""})
    known = drawings(tuple(names))
    if missing := set(names) - set(known):
        raise ValueError(f"an icon must be one of Font Awesome's free ones, got {', '.join(sorted(missing))}")

    def put(found: re.Match) -> str:
        name = _name(found["classes"])
        if not name:
            return found[0]
        width, height, path = known[name]
        title = re.search(r'\btitle="([^"]*)"', found["rest"])
        rest = re.sub(r'\s*\btitle="[^"]*"', "", found["rest"])
        said = f"<title>{title[1]}</title>" if title else ""
        return (
            f'<svg class="svg-inline--fa {" ".join(found["classes"].split())}"{rest} aria-hidden="true" '
            f'viewBox="0 0 {width} {height}" width="{width / height:.4g}em" height="1em">{said}'
            f'<path fill="currentColor" d="{escape(path)}"/></svg>'
        )

    return {path: _credited(text, ICON.sub(put, text)) for path, text in pages.items()}


def _credited(before: str, after: str) -> str:
    return after if before == after else after.replace("</head>", f"{CREDIT}\n</head>", 1)
