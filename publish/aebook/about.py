"""What others show of a page: a description, a preview picture; and the page for an address that does not exist."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from textwrap import shorten

from docutils import nodes

from aelab.stills.fonts import package

__all__ = ["address", "describe", "write_missing_page", "write_preview"]

PREVIEW = "_static/preview.png"
LONGEST = 200  # characters of a description: search engines cut what is longer
ENOUGH = 90
SIZE = (1200, 630)
MISSING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>No such page · {book}</title><meta name="description" content="This address leads nowhere in {book}.">
<meta name="robots" content="noindex"><link rel="icon" href="data:,">
<style>body {{ font: 18px/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1.2rem;
color-scheme: light dark; background: Canvas; color: CanvasText; }} a {{ color: LinkText; }}
li {{ margin: 0.3rem 0; }}</style></head><body><main>
<h1>No such page</h1>
<p>This address leads nowhere in <a href="{base}index.html">{book}</a>. Perhaps a lecture has a new name:</p>
<ul>
{links}
</ul>
<p>Or <a href="{base}search.html">search the book</a>.</p>
</main></body></html>
"""


def address(app) -> str:
    """Where the book is published, ending in a slash: GitHub's pages of its repository."""
    found = re.fullmatch(r"https://github\.com/([^/]+)/([^/]+?)/?", app.config.html_theme_options["repository_url"])
    return f"https://{found[1].lower()}.github.io/{found[2]}/"


def _paragraph(node: nodes.paragraph) -> str:
    """Its words; nothing where it is a row of links, is no sentence, or has formulas, which would be TeX."""
    words = re.sub(r"\s+", " ", node.astext()).strip()
    linked = sum(len(link.astext()) for link in node.findall(nodes.reference))
    useless = next(node.findall(nodes.math), None) or 2 * linked > len(words) or not words.endswith((".", "?", "!"))
    return "" if useless else words


def summary(doctree: nodes.document) -> str:
    """The first sentences of a page, as many as make a description."""
    said = ""
    for paragraph in doctree.findall(nodes.paragraph):
        if len(said) >= ENOUGH:
            break
        if words := _paragraph(paragraph):
            said = f"{said} {words}".strip()
    return shorten(said, LONGEST, placeholder=" …")


def describe(app, pagename, templatename, context, doctree) -> None:
    """A description, and what a link to the page shows elsewhere."""
    if app.builder.format != "html":
        return
    book, base = app.config.html_title, address(app)
    title = re.sub(r"<[^>]*>", "", context.get("title") or book)
    said = escape((summary(doctree) if doctree else "") or f"{title}: {book}.")
    page = base if pagename == "index" else f"{base}{pagename}.html"
    picture = {
        "og:type": "article",
        "og:site_name": escape(book),
        "og:title": title,
        "og:description": said,
        "og:url": page,
        "og:image": f"{base}{PREVIEW}",
        "og:image:width": SIZE[0],
        "og:image:height": SIZE[1],
        "og:image:alt": "A latent plane of handwritten digits, and the title of the book.",
    }
    tags = [f'<meta name="description" content="{said}">', '<meta name="twitter:card" content="summary_large_image">']
    tags += [f'<meta property="{name}" content="{value}">' for name, value in picture.items()]
    context["metatags"] = context.get("metatags", "") + "\n    ".join(["", *tags])


def write_preview(source: Path, target: Path, title: str) -> None:
    """One of the book's still pictures beside its title, in the size that links are shown in."""
    from PIL import Image, ImageDraw, ImageFont

    picture, margin = Image.open(source).convert("RGB"), 40
    edge = SIZE[1] - 2 * margin
    sheet = Image.new("RGB", SIZE, "white")
    sheet.paste(picture.resize((edge, edge), Image.Resampling.LANCZOS), (SIZE[0] - edge - margin, margin))
    letters = ImageFont.truetype(package() / "files" / "SourceSans3[wght].ttf", 84)
    letters.set_variation_by_axes([650])
    words = title.replace(", ", ",\n").replace("Autoencoders", "Auto-\nencoders")
    ImageDraw.Draw(sheet).multiline_text((margin + 20, SIZE[1] / 2), words, "#1b2733", letters, anchor="lm", spacing=10)
    sheet.quantize(64).save(target, optimize=True)


def write_missing_page(app) -> None:
    """404.html: GitHub's pages show it at any depth, so it needs no file beside it, and its links are whole."""
    base, book = address(app), escape(app.config.html_title)
    lectures = sorted(page for page in app.env.found_docs if page.startswith("chapters/"))
    titles = [(page, escape(app.env.titles[page].astext())) for page in lectures if page in app.env.titles]
    links = "\n".join(f'<li><a href="{base}{page}.html">{title}</a></li>' for page, title in titles)
    (Path(app.outdir) / "404.html").write_text(MISSING.format(book=book, base=base, links=links), "utf-8")
