"""Slides from the lectures' own notebooks: one deck per chapter, beside the book's pages, whose assets it shares.

A lecture's prose is too long for a slide, and cutting it automatically makes bad slides. So a cell says in its own
metadata what a slide shows of it, and everything else stays where it is:

    "slideshow": {"slide_type": "slide"}     a new slide begins; "fragment": the next key press brings this;
                                             "skip": neither slide nor notes
    "slides": {"title": "A bound",           of the slide, as short Markdown
               "text": ["- a point", …],     lines of Markdown in the prose's place; a line "(6.9)" alone is that
                                             equation of the lecture, so no equation is written twice
               "show": "code",               or "output", or "both": of this code cell
               "of": "c028",                 shows that cell instead, which stands elsewhere in the lecture
               "lines": [2, 7],              of the code that is shown, from 1
               "shows": ["plane"],           of a live figure: the plots and pictures that stay, by their names; and
               "moves": ["β"],               the controls, by their labels. So what stays can be large
               "layout": "side",             words to the left of what is shown, else above it
               "minutes": 2,                 how long the slide takes
               "notes": "Ask first: …"}      for the lecturer

The prose between two slides goes into the notes of the first, under what the lecturer is told. A cell without
metadata is on no slide: who extends a chapter does not break its deck.
"""

from __future__ import annotations

import json
import re
from copy import deepcopy
from html import escape
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.cache.main import JupyterCacheBase
from nbformat.v4 import new_markdown_cell, new_raw_cell

from .formulas import copy_for_slides
from .nodes import FIGURE, PICTURE, SAVED, figure_html, picture_html

__all__ = ["compose", "has_deck", "write_assets", "write_decks"]

HERE = Path(__file__).parent
KEYS = {"title", "text", "show", "of", "lines", "shows", "moves", "layout", "minutes", "notes"}
SHOWS = {"code": (True, False), "output": (False, True), "both": (True, True)}
EQUATION = re.compile(r"\$\$[^$]*?\\tag\{([A-Z0-9]+\.\d+)\}[^$]*\$\$")
REFERENCE = re.compile(r"^\(([A-Z0-9]+\.\d+)\)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\([^)\s]+\)")


def has_deck(notebook: Path) -> bool:
    """Whether a cell of the notebook opens a slide with words of its own."""
    return notebook.suffix == ".ipynb" and any(
        "slides" in cell.metadata for cell in nbformat.read(notebook, as_version=4).cells
    )


def compose(notebook) -> nbformat.NotebookNode:
    """The deck as a notebook: only cells that are seen, the first and the last of each slide marked as such.

    Raises:
        ValueError: a slide names what is not there, by the cell's id.
    """
    equations = {
        found[1]: found[0]
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for found in EQUATION.finditer(cell.source)
    }
    code = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    slides: list[list] = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind == "skip":
            continue
        said = _checked(cell, kind)
        words = REFERENCE.sub(lambda found, cell=cell: _equation(equations, found[1], cell), "\n".join(said["text"]))
        seen = _seen(cell, said, code)
        if kind == "slide":
            slides.append([{**said, "name": cell.id, "words": words, "told": [said["notes"]]}])
            slides[-1] += [seen] * (seen is not None)
        elif not slides:
            continue
        else:
            shown = [new_markdown_cell(words)] * bool(words) + [seen] * (seen is not None)
            for part in shown:
                part.metadata["fragment"] = kind == "fragment"
            slides[-1] += shown
            slides[-1][0]["told"].append(said["notes"])
        if cell.cell_type == "markdown" and not cell.source.startswith("# "):
            slides[-1][0]["told"].append(LINK.sub(r"\1", re.sub(r"(?m)^#+ (.*)", r"**\1**", cell.source)))
    deck = nbformat.v4.new_notebook(metadata=deepcopy(notebook.metadata))
    for number, (slide, *parts) in enumerate(slides):
        parts = parts or [new_raw_cell("")]
        parts[0].metadata.update(
            opens=True,
            name=slide["name"],
            title=slide["title"],
            words=slide["words"],
            level="h2" if number else "h1",
            layout=slide["layout"] if number else "title",
            seconds=round(60 * slide["minutes"]),
        )
        parts[-1].metadata.update(closes=True, notes="\n\n".join(filter(None, slide["told"])))
        deck.cells += parts
    deck.metadata["deck"] = {"title": slides[0][0]["title"]}
    return deck


def _checked(cell, kind: str) -> dict:
    said = cell.metadata.get("slides", {})

    def refuse(name: str, takes: str):
        raise ValueError(f"cell {cell.id}, slides.{name}: got {said.get(name)!r}, takes {takes}")

    if set(said) - KEYS:
        refuse(min(set(said) - KEYS), "nothing: it is none of " + ", ".join(sorted(KEYS)))
    if kind == "slide" and not said.get("title"):
        refuse("title", "the title of the slide")
    if kind == "slide" and not said.get("minutes", 0) > 0:
        refuse("minutes", "how long the slide takes")
    if said.get("show") not in (*SHOWS, None) or ("show" in said and "of" not in said and cell.cell_type != "code"):
        refuse("show", "for a code cell, one of " + ", ".join(SHOWS))
    for name in ("shows", "moves"):
        if name in said and not (said.get("show") == "output" and all(isinstance(part, str) for part in said[name])):
            refuse(name, "names of what stays of a live figure, with show: output")
    if said.get("layout", "") not in ("", "side"):
        refuse("layout", "side, or nothing")
    return {
        "title": "",
        "text": [],
        "notes": "",
        "layout": "",
        "minutes": 0,
        "of": "",
        "shows": [],
        "moves": [],
        **said,
    }


def _equation(equations: dict, tag: str, cell) -> str:
    if tag not in equations:
        raise ValueError(f"cell {cell.id}, slides.text: got ({tag}), takes an equation of this lecture")
    return equations[tag]


def _seen(cell, said: dict, code: dict):
    """The part of a code cell that its slide shows, or None; the cell itself, or the one of `code` that it names."""
    if said["of"] and said["of"] not in code:
        raise ValueError(f"cell {cell.id}, slides.of: got {said['of']!r}, takes the id of a code cell of this lecture")
    if "show" not in said:
        return None
    seen = deepcopy(code[said["of"]] if said["of"] else cell)
    seen.id = cell.id  # two slides may show the same cell, and a notebook has no id twice
    seen.metadata = nbformat.NotebookNode(shows=said["shows"], moves=said["moves"])
    code, output = SHOWS[said["show"]]
    if code and "lines" in said:
        first, last = said["lines"]
        if not 1 <= first <= last <= len(seen.source.splitlines()):
            raise ValueError(f"cell {cell.id}, slides.lines: got {said['lines']}, takes two lines of the cell")
        seen.source = "\n".join(seen.source.splitlines()[first - 1 : last])
    seen.source = re.sub(r"^# NBVAL_CHECK_OUTPUT\n|\n(?=\n\n)", "", seen.source).strip("\n") if code else ""
    said_first = [out for out in seen.outputs if out.output_type == "stream"]
    if said_first:  # printed in several goes, shown as one
        said_first[0].text = "".join(out.text for out in said_first).rstrip("\n")
    seen.outputs = [out for out in seen.outputs if out not in said_first[1:]] if output else []
    return seen


def _kept(metadata) -> str:
    """What stays of a live figure, for deck.js."""
    lists = {name: json.dumps(metadata[name], ensure_ascii=False) for name in ("shows", "moves")}
    return "".join(f' data-{name}="{escape(names)}"' for name, names in lists.items()) if metadata["shows"] else ""


def _write_deck(notebook, target: Path) -> None:
    from nbconvert.exporters import SlidesExporter

    deck = compose(notebook)
    for cell in deck.cells:
        if cell.cell_type == "code" and not cell.source and not cell.outputs:
            raise ValueError(f"{target.stem}, cell {cell.id}, slides.show: got 'output', but the cell has none")
        if cell.get("outputs"):
            cell.outputs = [output for output in cell.outputs if SAVED not in output.get("data", {})]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if FIGURE in data:
                html = figure_html(data[FIGURE], target.parents[1], "..")
                output["data"] = {"text/html": f'<div class="ae-room"{_kept(cell.metadata)}>{html}</div>'}
            elif PICTURE in data:
                html = picture_html(data[PICTURE], target.parents[1], "..", modes=("light",))
                output["data"] = {"text/html": html.replace(' loading="lazy"', "")}
    exporter = SlidesExporter(template_name="deck", extra_template_basedirs=[str(HERE / "templates")])
    html, _ = exporter.from_notebook_node(deck, {"metadata": {"name": target.stem}})
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, "utf-8")


def write_assets(static: Path) -> None:
    """reveal.js, MathJax, the style sheet and the script of all decks; fonts and figures are the book's."""
    from pygments.formatters import HtmlFormatter

    from aelab.figures.kit.base import stylesheet

    reveal = Path(find_spec("sphinx_revealjs").origin).parent / "_static" / "revealjs"
    copy_for_slides(static)
    (static / "reveal").mkdir(parents=True, exist_ok=True)
    for name in ("dist/reveal.js", "dist/reveal.css", "plugin/notes/notes.js", "LICENSE"):
        copyfile(reveal / name, static / "reveal" / Path(name).name)
    code = HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight")
    sheet = "\n".join([stylesheet(), code, (HERE / "static" / "deck.css").read_text("utf-8")])
    (static / "deck.css").write_text(sheet, "utf-8")
    copyfile(HERE / "static" / "deck.js", static / "deck.js")
    copyfile(HERE / "static" / "favicon.svg", static / "favicon.svg")


def _executed(path: Path, cache: JupyterCacheBase):
    """The notebook as it is now, with the outputs that its code had when it was executed; None if it never was."""
    notebook = nbformat.read(path, as_version=4)
    try:
        ran = cache.merge_match_into_notebook(notebook)[1]
    except KeyError:
        return None
    for cell, other in zip(notebook.cells, ran.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs = other.outputs
    return notebook


def write_decks(chapters: Path, cache: Path, site: Path) -> list[Path]:
    """A deck for each chapter that has slides and was executed into jupyter-cache, in ``slides`` of ``site``.

    Not from ``jupyter_execute``: there myst-nb leaves a notebook that it found in the cache without its outputs.
    """
    decks, outputs = [], get_cache(cache)
    for path in sorted(chapters.glob("*.ipynb")):
        if has_deck(path) and (notebook := _executed(path, outputs)):
            decks.append(site / "slides" / f"{path.stem}.html")
            _write_deck(notebook, decks[-1])
    if decks:
        write_assets(site / "_static")
    return decks
