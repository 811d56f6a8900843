"""Pages that work under `Content-Security-Policy: default-src 'self'`: no script stands in one, none in an attribute.

The theme and its extensions write a handful of settings into every page. They become one file for all pages that have
the same, in the place of the first that follows Sphinx's own options; what pages differ in, their name, stands in an
attribute. Two buttons call a function in `onclick`; `page.js` does that instead.
"""

from __future__ import annotations

import re
from hashlib import sha256
from html import escape
from pathlib import Path

__all__ = ["file_of", "strict"]

SCRIPT = re.compile(
    r"[ \t]*<script(?![^>]*(?:\ssrc=|type=\"application/json\"))[^>]*>(?P<code>.*?)</script>\n?", re.DOTALL
)
OPTIONS = re.compile(r"<script[^>]*documentation_options\.js[^>]*></script>\n?")
NAME = re.compile(r"DOCUMENTATION_OPTIONS\.pagename = '([^']*)';")
CLICK = re.compile(r"\sonclick=\"(?:window\.)?(\w+)\(\)\"")


def file_of(static: Path, code: str) -> str:
    """The name of a file in `static` that holds this code."""
    name = f"page-{sha256(code.encode()).hexdigest()[:16]}.js"
    (static / name).write_text(code, "utf-8")
    return name


def strict(text: str, static: Path, root: str) -> str:
    """The page `text` without a script in it; what they were are files in `static`, which the page finds under `root`.

    Example:
        >>> strict('<body><p onclick="window.print()">', Path("_static"), "_static")
        '<body><p data-click="print">'
    """
    head, body_tag, body = text.partition("<body")
    settings: list[str] = []

    def collect(found: re.Match[str]) -> str:
        code = found["code"].strip()
        if code not in settings:
            settings.append(code)
        return ""

    def move(found: re.Match[str]) -> str:
        return f'<script src="{root}/{file_of(static, found["code"].strip() + chr(10))}"></script>\n'

    options = OPTIONS.search(head)
    if options:
        head = SCRIPT.sub(collect, head)
        code = "\n".join(settings) + "\n"
        if name := NAME.search(code):
            head = head.replace("<html ", f'<html data-page="{escape(name[1])}" ', 1)
            code = NAME.sub("DOCUMENTATION_OPTIONS.pagename = document.documentElement.dataset.page;", code)
        tag = f'    <script src="{root}/{file_of(static, code)}"></script>\n'
        head = OPTIONS.sub(lambda found: found[0] + tag * bool(settings), head, count=1)
    return head + body_tag + CLICK.sub(r' data-click="\1"', SCRIPT.sub(move, body))
