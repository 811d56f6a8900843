"""What opens under the pointer: equations by their number, works by their link, symbols of the notation page.

All of it is read from plain Markdown, once for the whole book, before any page is written: `\\tag{6.9}` is an anchor,
"(6.9)" in the text of any page leads there, a link to a work that the references list shows its entry, and the first
use of a symbol in a section shows its meaning. The notebooks stay portable.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import NamedTuple

import nbformat
from docutils import nodes

__all__ = ["Book", "mark", "read_book"]

DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.DOTALL)
TAG = re.compile(r"\\tag\{([A-Z0-9]+\.\d+)\}")
NUMBER = r"(?:\d+|[A-Z])\.\d+"
IN_TEXT = re.compile(rf"\({NUMBER}(?:(?:,\s*|\s+and\s+|\s*[–-]\s*|\s+to\s+){NUMBER})*\)")
WORK = re.compile(r"^- (.*?)\[([^\]]+)\]\(((?:[^()\s]|\([^()\s]*\))+)\)(.*)$", re.MULTILINE)
LEFT_ALONE = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.reference, nodes.raw, nodes.title)


class Equation(NamedTuple):
    page: str
    tex: str


class Book(NamedTuple):
    """Everything that can be pointed at: equations by number, entries of the references by link, symbols by TeX."""

    equations: dict[str, Equation]
    works: dict[str, str]
    symbols: dict[str, str]


def anchor(number: str) -> str:
    """The id of an equation on its page."""
    return "eq-" + number.lower().replace(".", "-")


def read_book(source: Path) -> Book:
    """Read the notebooks, the references and the notation of the book in this folder."""
    equations: dict[str, Equation] = {}
    for path in sorted([*source.glob("*.ipynb"), *source.glob("chapters/*.ipynb")]):
        page = path.relative_to(source).with_suffix("").as_posix()
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                for tex in DISPLAY.findall(cell.source):
                    for number in TAG.findall(tex):
                        equations[number] = Equation(page, tex.strip())
    return Book(equations, _works(source / "references.md"), _symbols(source / "notation.md"))


def _works(path: Path) -> dict[str, str]:
    text = path.read_text("utf-8") if path.is_file() else ""
    return {url: f"{before}{title}{after}".strip() for before, title, url, after in WORK.findall(text)}


def _symbols(path: Path) -> dict[str, str]:
    """The symbols in the first column of the notation's table, with the part of the second that belongs to each."""
    found: dict[str, str] = {}
    for row in path.read_text("utf-8").splitlines() if path.is_file() else ():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        if not row.startswith("| $") or len(cells) < 2:
            continue
        symbols, meanings = re.findall(r"\$([^$]+)\$", cells[0]), [part.strip() for part in cells[1].split(";")]
        for number, symbol in enumerate(symbols):
            found[symbol] = meanings[number] if len(meanings) == len(symbols) else cells[1]
    return found


def mark(app, doctree: nodes.document) -> None:
    """Give each numbered equation its anchor, and each mention of one, of a work or of a symbol what opens there."""
    if app.builder.format != "html":
        return
    book: Book = app.aebook_book
    page = app.env.docname
    notes: dict[str, dict[str, str]] = {}
    for block in doctree.findall(nodes.math_block):
        for number in TAG.findall(block.astext()):
            block["ids"].append(anchor(number))
    for text in [node for node in doctree.findall(nodes.Text) if not _inside(node, LEFT_ALONE)]:
        _link_numbers(app, text, page, book, notes)
    for link in doctree.findall(nodes.reference):
        if link.get("refuri") in book.works and page != "references":
            link["classes"].append("ae-work")
            notes[link["refuri"]] = {"text": book.works[link["refuri"]]}
    if page != "notation":
        _explain_symbols(app, doctree, page, book, notes)
    if notes:
        data = json.dumps(notes, ensure_ascii=False).replace("<", "\\u003c")
        doctree += nodes.raw("", f'<script type="application/json" id="ae-notes">{data}</script>', format="html")


def _inside(node: nodes.Node, kinds: tuple) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def _link_numbers(app, text: nodes.Text, page: str, book: Book, notes: dict) -> None:
    parts: list[nodes.Node] = []
    end, whole = 0, text.astext()
    for group in IN_TEXT.finditer(whole):
        for number in re.finditer(NUMBER, group[0]):
            equation = book.equations.get(number[0])
            if equation is None:
                continue
            start = group.start() + number.start()
            here = "" if equation.page == page else app.builder.get_relative_uri(page, equation.page)
            if here:  # an equation of this page is copied from where it stands
                notes[number[0]] = {"tex": equation.tex, "page": equation.page.rsplit("/", 1)[-1]}
            link = f'<a class="ae-ref" href="{here}#{anchor(number[0])}" data-note="{number[0]}">{number[0]}</a>'
            parts += [nodes.Text(whole[end:start]), nodes.raw("", link, format="html")]
            end = start + len(number[0])
    if parts:
        text.parent.replace(text, [*parts, nodes.Text(whole[end:])])


def _explain_symbols(app, doctree: nodes.document, page: str, book: Book, notes: dict) -> None:
    """The first use in each section: a page full of dotted underlines would be no help."""
    target = app.builder.get_relative_uri(page, "notation") if "notation" in app.env.all_docs else None
    if target is None:
        return
    seen: set[tuple[int, str]] = set()
    for formula in list(doctree.findall(nodes.math)):
        symbol = formula.astext().strip()
        if symbol not in book.symbols or _inside(formula, (nodes.title, nodes.reference)):
            continue
        section = formula.parent
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        if (id(section), symbol) in seen:
            continue
        seen.add((id(section), symbol))
        notes[f"${symbol}$"] = {"text": book.symbols[symbol]}
        begin = f'<a class="ae-symbol" href="{target}" data-note="{escape(f"${symbol}$")}">'
        formula.parent.replace(
            formula, [nodes.raw("", begin, format="html"), formula, nodes.raw("", "</a>", format="html")]
        )
