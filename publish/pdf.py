"""`make pdf`: the whole book as one PDF, printed from the built site by Chromium with the print style sheet."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag

from aebook.fonts import LATE
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright
from project import address, chromium, spellings
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, NameObject, TextStringObject

__all__ = ["pages", "write_pdf"]

# Everything a page still has to fetch or draw before it is printed.
READY = """async () => {
  document.documentElement.dataset.whole = "";
  await Promise.all([...document.fonts].map((face) => face.load().catch(() => 0)));
  document.querySelectorAll("img").forEach((image) => (image.loading = "eager"));
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await Promise.all([...document.images].map((image) => image.decode().catch(() => 0)));
}"""


def pages(site: Path) -> list[Path]:
    """The pages of the book, in the order of its contents."""
    index = site.resolve() / "index.html"
    contents = BeautifulSoup(index.read_text("utf-8"), "html.parser").select(".bd-links a.internal")
    files = [index, *((index.parent / urldefrag(link["href"])[0]).resolve() for link in contents)]
    return list(dict.fromkeys(file for file in files if file.is_file()))


def write_pdf(paths: list[Path], target: Path, chromium) -> int:
    """Print these pages of one site into `target`, with bookmarks and numbers; returns how many sheets it has.

    A link to a page of the book leads to its sheet; a link to another file leads to the published site.
    """
    book, first, tab = PdfWriter(), {}, chromium.new_page()
    for path in paths:
        tab.goto(path.as_uri(), wait_until="load")
        first[path.as_uri()] = len(book.pages)
        tab.add_style_tag(content=f"html {{ counter-reset: page {len(book.pages)} }}")
        tab.evaluate(LATE)
        tab.evaluate(READY)
        printed = PdfReader(io.BytesIO(tab.pdf(prefer_css_page_size=True, print_background=True)))
        title = tab.locator("article h1").first.evaluate("(title) => title.firstChild.textContent")
        book.append(printed, outline_item=title, import_outline=False)
    tab.close()
    root = os.path.commonpath([path.parent for path in paths])
    for page in book.pages:
        for link in (annotation.get_object() for annotation in page.get("/Annots", [])):
            to = str(link.get("/A", {}).get("/URI", ""))
            if urldefrag(to)[0] in first:
                sheet = book.pages[first[urldefrag(to)[0]]]
                del link["/A"]
                link[NameObject("/Dest")] = ArrayObject([sheet.indirect_reference, NameObject("/Fit")])
            elif to.startswith("file:"):
                elsewhere = os.path.relpath(unquote(to.removeprefix("file://")), root)
                link["/A"][NameObject("/URI")] = TextStringObject(f"https://{spellings(address())[1]}/{elsewhere}")
    target.parent.mkdir(parents=True, exist_ok=True)
    book.write(target)
    return len(book.pages)


def main(site: Path, target: Path) -> None:
    """Print the whole book."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        count = write_pdf(pages(site), target, browser)
        browser.close()
    print(f"{count} pages: {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
