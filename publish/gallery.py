"""The figures on a page, alive and exactly as on the site, without Jupyter Book and without a notebook.

`python publish/gallery.py FOLDER [NAME …]` writes `figures.html` with all figures, or with those that are named.
The tests of the published pages run on it: `BOOK_SITE=FOLDER .venv/bin/pytest tests/book/test_elbo_gap.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from aebook.bundle import bundle, style
from aebook.fonts import write_fonts
from aebook.nodes import FIGURE, figure_html

from aelab.figures import FIGURES, Figure

__all__ = ["write_gallery"]

# What the book's theme gives a page: the width of its text, the size of its letters, light or dark.
PAGE = """<!doctype html>
<html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Figures</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="_static/aebook.css">
<style>html {{ font-size: 18px; background: var(--ae-surface); color: var(--ae-ink); }}
*, ::before, ::after {{ box-sizing: border-box; }}
body {{ margin: 0; font: 1rem/1.65 "Book Sans", system-ui, sans-serif; }}
main {{ max-width: 47rem; margin: 0 auto; padding: 27px 36px 0; }}
@media (max-width: 600px) {{ main {{ padding: 18px; }} }}</style>
<script>{theme}</script><script defer src="_static/aebook.js"></script></head>
<body><main><article class="bd-article"><h1>Figures</h1>
{figures}</article></main></body></html>
"""
THEME = """
const asked = new URLSearchParams(location.search).get("theme");
let kept = null;
try { kept = localStorage.getItem("theme"); } catch {}
document.documentElement.dataset.theme = (asked ?? kept) === "dark" ? "dark" : "light";
"""


def write_gallery(folder: Path, figures: Iterable[Figure]) -> Path:
    """Write `figures.html` and what it needs into `folder`: the page."""
    static = folder / "_static"
    static.mkdir(parents=True, exist_ok=True)
    (static / "aebook.js").write_text(bundle(), "utf-8")
    (static / "aebook.css").write_text(style(), "utf-8")
    if not (static / "fonts").is_dir():
        write_fonts(static / "fonts")
    shown = [figure_html(figure._repr_mimebundle_()[0][FIGURE], folder, ".") for figure in figures]
    page = folder / "figures.html"
    page.write_text(PAGE.format(theme=THEME, figures="\n".join(shown)), "utf-8")
    (folder / "index.html").write_text('<!doctype html><a href="figures.html">Figures</a>\n', "utf-8")
    return page


if __name__ == "__main__":
    names = sys.argv[2:] or list(FIGURES)
    for name in names:
        if name not in FIGURES:
            sys.exit(f"NAME must be one of {', '.join(FIGURES)}, got {name}")
    print(write_gallery(Path(sys.argv[1]), [FIGURES[name].example() for name in names]))
