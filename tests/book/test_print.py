"""On paper: light, unfolded, a still picture for every interactive figure; and the book as one PDF."""

import pytest
from pdf import pages, write_pdf
from pypdf import PdfReader

SHOWN = "(nodes) => nodes.filter((node) => node.checkVisibility()).length"


@pytest.fixture
def paper(dark, bases, request):
    page = dark.open(bases["file"] + request.param)
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    yield page
    page.emulate_media(media="screen")


@pytest.mark.parametrize("paper", ["figures.html"], indirect=True)
def test_every_figure_is_a_picture_with_its_words(paper):
    embeds = paper.query_selector_all(".ae-embed")
    assert embeds
    for embed in embeds:
        assert not embed.query_selector(".ae-mount").is_visible()
        assert len([image for image in embed.query_selector_all(".ae-print img") if image.is_visible()]) == 1
        assert len(embed.query_selector(".ae-print").inner_text()) > 20
        assert "JavaScript" not in embed.query_selector(".ae-print").inner_text()


@pytest.mark.parametrize("paper", ["chapters/06-elbo.html"], indirect=True)
def test_a_page_is_light_unfolded_and_alone_and_afterwards_as_it_was(paper):
    chrome = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, .headerlink, .copybtn"
    assert paper.eval_on_selector_all(chrome, SHOWN) == 0
    assert paper.get_attribute("html", "data-theme") == "light"
    assert paper.eval_on_selector_all("img.only-dark", SHOWN) == 0
    code = ".ae-fold-figure, .ae-fold-measure, .ae-fold-setup, .ae-fold-check"
    assert paper.eval_on_selector_all("details", f"(all) => all.every((e) => e.open !== e.matches('{code}'))")
    assert paper.eval_on_selector_all("details.ae-fold-measure, details.ae-fold-setup", SHOWN) == 0
    assert paper.eval_on_selector_all("details.ae-fold-check > summary", SHOWN) > 0
    assert paper.locator("h1:visible").count() == 1
    paper.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert paper.get_attribute("html", "data-theme") == "dark"
    assert paper.locator("details[open]").count() == 0


def test_the_book_is_printed_in_its_order(site):
    found = [str(path.relative_to(site.resolve())) for path in pages(site)]
    assert found[0] == "index.html"
    lectures = [path for path in found if path.startswith("chapters/")]
    assert lectures == sorted(lectures)
    assert len(lectures) == len(list((site / "chapters").glob("*.html")))


def test_the_pdf_has_numbered_pages_bookmarks_and_no_way_into_this_machine(browser, site, tmp_path):
    chosen = [site / "notation.html", site / "index.html"]
    count = write_pdf(chosen, tmp_path / "book.pdf", browser)
    book = PdfReader(tmp_path / "book.pdf")
    assert len(book.pages) == count >= 2
    assert [item.title for item in book.outline] == ["Notation", "Autoencoders, Hands On"]
    assert str(count) in book.pages[-1].extract_text().splitlines()
    for page in book.pages:
        links = [link.get_object() for link in page.get("/Annots", [])]
        assert not [link for link in links if str(link.get("/A", {}).get("/URI", "")).startswith("file:")]
