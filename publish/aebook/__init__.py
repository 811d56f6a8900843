"""The book's Sphinx extension: figures that live without a kernel, pictures for light and dark, no other host."""

from __future__ import annotations

import posixpath
import re
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree

from . import nodes, slides
from .bundle import bundle
from .fonts import write_fonts

STATIC = Path(__file__).parent / "static"
# What a page loads of MathJax (24 MB in the wheel): one script, its fonts, the TeX extensions loaded on demand.
MATHJAX = ("tex-chtml.js", "output/chtml/fonts/woff-v2", "input/tex/extensions")


def write_assets(app) -> None:
    """All modules, the host, the style sheets, the fonts and MathJax, once for the whole book."""
    if app.builder.format != "html":
        return
    from aecore.widgets.base import stylesheet

    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "aebook.js").write_text(bundle(), "utf-8")
    sheets = [stylesheet(), *((STATIC / name).read_text("utf-8") for name in ("book.css", "print.css"))]
    (static / "aebook.css").write_text("".join(sheets), "utf-8")
    write_fonts(static / "fonts")
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    for part in MATHJAX:
        target = static / "mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            copytree(source / part, target, dirs_exist_ok=True)
        else:
            target.write_bytes((source / part).read_bytes())


def mend_pages(app, exception) -> None:
    """Give the theme's primary sidebar a role and a name, the one landmark it leaves out; drop its source maps."""
    if exception or app.builder.format != "html":
        return
    for source_map in (Path(app.outdir) / "_static").rglob("*.map"):
        source_map.unlink()  # 3 MB that only the theme's developers read
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        mended = re.sub(
            r'<div id="pst-primary-sidebar" ',
            r'<div id="pst-primary-sidebar" role="navigation" aria-label="Book" ',
            text,
        )
        if mended != text:
            page.write_text(mended, "utf-8")


def link_deck(app, pagename, templatename, context, doctree) -> None:
    """Beside "Open in Colab" the slides of a lecture that has a deck: in a notebook such a link would lead nowhere."""
    notebook = Path(app.srcdir) / f"{pagename}.ipynb"
    if app.builder.format == "html" and notebook.is_file() and slides.has_deck(notebook):
        deck = posixpath.relpath(f"slides/{notebook.stem}.html", posixpath.dirname(pagename))
        link = f'<span class="ae-no-print"> · <a class="ae-deck-link" href="{deck}">Slides</a></span>'
        context["body"] = context["body"].replace("Open in Colab</a>", f"Open in Colab</a>{link}", 1)


def make_decks(app, exception) -> None:
    """The slides, from what the build has just executed or found in the cache."""
    if not exception and app.builder.format == "html":
        site = Path(app.outdir)
        slides.write_decks(Path(app.srcdir) / "chapters", site.parent / ".jupyter_cache", site)


def setup(app) -> dict:
    nodes.setup(app)
    app.connect("builder-inited", write_assets)
    app.connect("html-page-context", link_deck)
    app.connect("build-finished", make_decks)
    app.connect("build-finished", mend_pages)
    app.add_js_file("aebook.js", loading_method="defer")
    app.add_css_file("aebook.css", priority=900)
    return {"version": "0.1.0", "parallel_read_safe": True, "parallel_write_safe": True}
