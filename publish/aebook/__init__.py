"""The book's Sphinx extension: figures that live without a kernel, pictures for light and dark, no other host."""

from __future__ import annotations

import posixpath
from pathlib import Path

from sphinx.ext import mathjax

from . import about, captions, cells, formulas, icons, mend, nodes, pointers, sheets, slides
from .bundle import bundle, style
from .fonts import write_fonts
from .strict import strict

STATIC = Path(__file__).parent / "static"


def write_assets(app) -> None:
    """All modules, the host, the style sheets and the fonts, once for the whole book."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "aebook.js").write_text(bundle(), "utf-8")
    (static / "aebook.css").write_text(style(), "utf-8")
    (static / "page.js").write_text((STATIC / "page.js").read_text("utf-8"), "utf-8")
    write_fonts(static / "fonts")


def mend_pages(app, exception) -> None:
    """Formulas and icons are drawn, and the theme's pages get what they lack (`mend.py`).

    And scripts are taken out of the pages, so that a server may forbid those.
    """
    if exception or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    for left in (*static.rglob("*.map"), *static.rglob("fontawesome.js*"), *static.rglob("webfonts/*")):
        left.unlink(missing_ok=True)  # 5 MB of source maps and icons that no page asks for
    mend.quiet_theme(static)
    (site / "404.html").unlink(missing_ok=True)  # of the last build
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    own = {path: text for path, text in pages.items() if path.relative_to(site).parts[0] not in ("_static", "slides")}
    own, css = formulas.set_formulas(own)
    pages |= icons.draw_icons(own)
    with (static / "aebook.css").open("a", encoding="utf-8") as sheet:
        sheet.write(formulas.write_letters(css, static / "fonts"))
    for path, text in pages.items():
        root = posixpath.relpath("_static", path.parent.relative_to(site).as_posix())
        searches = path.name == "search.html"
        pages[path] = mend.mend(text, static, root, searches) if path in own else strict(text, static, root)
    pages |= sheets.join_sheets({path: pages[path] for path in own}, static)
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    about.write_preview(Path(app.srcdir) / "_static" / "latent-plane.png", site / about.PREVIEW, app.config.html_title)
    about.write_missing_page(app)


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


def read_pointers(app) -> None:
    """Equations, references and symbols of the whole book, before its first page is read."""
    app.aebook_book = pointers.read_book(Path(app.srcdir))


def setup(app) -> dict:
    nodes.setup(app)
    app.connect("builder-inited", read_pointers)
    app.connect("doctree-read", cells.fold_cells)
    app.connect("doctree-read", pointers.mark)
    app.connect("doctree-read", captions.name_figures)
    app.connect("builder-inited", write_assets)
    app.connect("html-page-context", link_deck)
    app.connect("html-page-context", about.describe)
    app.connect("build-finished", make_decks)
    app.connect("build-finished", mend_pages, priority=900)  # after the theme has written its colours of code
    app.add_html_math_renderer("aebook", (mathjax.html_visit_math, None), (mathjax.html_visit_displaymath, None))
    app.add_js_file("aebook.js", loading_method="defer")
    app.add_js_file("page.js", loading_method="defer")
    app.add_css_file("aebook.css", priority=900)
    return {"version": "0.1.0", "parallel_read_safe": True, "parallel_write_safe": True}
