"""Scripts that do not arrive, data that do not arrive, no scripts at all, and a server that forbids what it can."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from aebook.strict import strict

from .conftest import ROOT, Quiet, Reader, serving

POLICY = re.search(r"Content-Security-Policy: ([^`]+)`", (ROOT / "README.md").read_text("utf-8")).group(1)


@pytest.fixture
def fresh(browser):
    """A page of its own, in which requests may fail."""
    reader = Reader(browser)
    yield reader
    reader.context.close()


def stands(embed) -> bool:
    """Whether a picture, or questions in words, and a sentence are seen in the room of a figure."""
    inside = embed.locator(".ae-mount > .ae-stand")
    picture = inside.locator("img, ol").locator("visible=true")
    return picture.count() == 1 and inside.locator(".ae-sentence").is_visible()


@pytest.mark.parametrize("way", ["file", "http"])
def test_without_its_script_a_figure_is_its_picture_and_its_sentence(fresh, bases, way):
    fresh.page.route("**/aebook.js*", lambda route: route.abort())
    page = fresh.open(bases[way] + "figures.html")
    embeds = page.locator(".ae-embed").all()
    assert embeds
    for embed in embeds:
        embed.scroll_into_view_if_needed()  # what is far is not laid out
        embed.locator(".ae-mount > .ae-stand").wait_for(state="visible", timeout=10_000)
        assert stands(embed)


def test_without_its_data_a_figure_is_its_picture_and_says_why(fresh, bases):
    fresh.page.route("**/aedata/*", lambda route: route.abort())
    page = fresh.open(bases["http"] + "figures.html")
    failed = page.locator(".ae-embed[data-needs]")
    assert failed.count() >= 1
    for embed in failed.all():
        embed.scroll_into_view_if_needed()
        embed.locator(".ae-mount > .ae-stand").wait_for(state="visible", timeout=10_000)
        assert stands(embed)
        assert embed.get_by_role("alert").inner_text() == "This figure cannot start: its data did not arrive"
    alive = page.locator(".ae-embed:not([data-needs])")
    assert alive.count() == alive.locator(".ae-figure").count() >= 1


def test_a_figure_that_starts_fetches_no_picture(fresh, bases):
    page = fresh.open(bases["http"] + "figures.html")
    page.wait_for_selector(".ae-figure")
    pictures = page.eval_on_selector_all(".ae-embed img.ae-picture", "(all) => all.map((image) => image.src)")
    assert pictures
    first = page.locator(".ae-embed").first.locator("img.ae-picture").first.get_attribute("src")
    assert [url for url in fresh.requests if url.endswith(Path(first).name)] == []


DECKS = [path.stem for path in sorted((ROOT / "chapters").glob("*.ipynb"))]


def is_a_page(page):
    """Every slide is seen, none lies over another, and the page scrolls."""
    boxes = [box.bounding_box() for box in page.locator("section").all()]
    assert len(boxes) >= 25
    assert all(box["height"] > 50 for box in boxes)
    assert all(a["y"] + a["height"] <= b["y"] + 1 for a, b in pairwise(boxes))
    assert page.locator("section h2").last.is_visible()
    figures = page.locator(".ae-embed")
    assert figures.count() == page.locator(".ae-stand .ae-sentence").locator("visible=true").count() >= 1


@pytest.mark.parametrize("name", [DECKS[0], DECKS[5]])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_deck_without_javascript_is_a_page(browser, bases, name, width):
    reader = Reader(browser, width=width, java_script_enabled=False)
    reader.page.goto(f"{bases['file']}slides/{name}.html")
    is_a_page(reader.page)
    reader.context.close()


@pytest.mark.parametrize("missing", ["reveal.js", "deck.js"])
def test_a_deck_without_one_of_its_scripts_is_a_page(fresh, bases, missing):
    fresh.page.route(f"**/{missing}", lambda route: route.abort())
    page = fresh.open(f"{bases['http']}slides/{DECKS[5]}.html")
    page.wait_for_function("() => !document.documentElement.dataset.deck")
    assert page.evaluate("document.documentElement.scrollHeight > 5 * innerHeight")
    assert page.locator("section").last.bounding_box()["height"] > 50


def test_a_deck_without_its_formulas_is_still_a_deck(fresh, bases):
    fresh.page.route("**/tex-chtml.js", lambda route: route.abort())
    page = fresh.open(f"{bases['http']}slides/{DECKS[5]}.html")
    page.wait_for_selector("html[data-deck=ready]", state="attached", timeout=60_000)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1


# ---- a strict server


class _Strict(Quiet):
    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()


@pytest.fixture(scope="module")
def strict_server(site):
    """The site, with the header that README.md gives."""
    with serving(site, _Strict) as address:
        yield address


def test_the_readme_gives_a_strict_policy():
    rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
    assert rules == {"default-src": "'self'", "style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"}


def test_a_figure_trains_under_a_strict_policy(fresh, strict_server):
    """No worker and no WebAssembly: the same numbers come slower."""
    page = fresh.open(strict_server + "figures.html")
    figure = page.locator('.ae-embed[data-module="train_vae"]')
    figure.get_by_role("button", name="Train", exact=True).click()
    figure.get_by_text("Both dimensions are in use").wait_for(timeout=60_000)
    assert figure.locator(".ae-error:not([hidden])").count() == 0
    assert all("Content Security Policy" in problem for problem in fresh.problems)


def test_a_lecture_works_under_a_strict_policy(fresh, strict_server):
    page = fresh.open(strict_server + "chapters/06-elbo.html")
    assert page.locator("mjx-container").count() > 50
    loaded = "[...document.fonts].filter((font) => font.status === 'loaded').map((font) => font.family).join()"
    assert "MJX" in page.evaluate(loaded)
    fold = page.locator("details.ae-fold").first
    fold.locator("summary").click()
    assert fold.evaluate("(e) => e.open")
    before = page.evaluate("document.documentElement.dataset.mode")
    page.locator(".theme-switch-button").locator("visible=true").first.click()
    assert page.evaluate("document.documentElement.dataset.mode") != before
    assert page.evaluate("DOCUMENTATION_OPTIONS.pagename") == "chapters/06-elbo"
    figure = page.locator(".ae-embed:has(input[type=range])").first
    figure.scroll_into_view_if_needed()
    slider = figure.locator("input[type=range]").first
    said = figure.locator(".ae-notes").inner_text()
    slider.press("ArrowRight")
    assert figure.locator(".ae-notes").inner_text() != said
    page.evaluate("() => { window.print = () => (window.printed = true); }")
    page.locator("[data-click=print]").first.evaluate("(button) => button.click()")
    assert page.evaluate("window.printed")
    assert fresh.problems == []


@pytest.mark.parametrize("path", ["index.html", "figures.html", "search.html?q=figures", "references.html"])
def test_pages_say_nothing_under_a_strict_policy(fresh, strict_server, path):
    fresh.open(strict_server + path)
    assert fresh.problems == []


def test_a_deck_works_under_a_strict_policy(fresh, strict_server):
    page = fresh.open(f"{strict_server}slides/{DECKS[5]}.html")
    page.wait_for_selector("html[data-deck=ready]", state="attached", timeout=60_000)
    assert page.locator("mjx-container").count() > 10
    assert page.locator(".ae-figure").count() >= 1
    assert fresh.problems == []


def test_no_script_stands_in_a_page(site):
    for page in site.rglob("*.html"):
        if "_static" in page.parts:
            continue
        html = page.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*(?: src=|type=\"application/json\"))", html), page
        assert not re.search(r"<[^>]*\son\w+=\"", html), page
        assert "javascript:" not in html, page


def test_what_a_page_says_in_scripts_becomes_a_file(tmp_path):
    page = (
        '<html lang="en"><head><script data-x>first()</script>\n'
        '<script src="_static/documentation_options.js"></script>\n'
        "<script>DOCUMENTATION_OPTIONS.pagename = 'a';</script>\n<script>first()</script>\n</head>"
        '<body><script type="application/json">{}</script><button onclick="window.print()">P</button>\n'
        "<script>last()</script>\n</body></html>"
    )
    text = strict(page, tmp_path, "_static")
    early, late = re.findall(r'src="_static/(page-\w+\.js)"', text)
    assert (tmp_path / early).read_text() == (
        "first()\nDOCUMENTATION_OPTIONS.pagename = document.documentElement.dataset.page;\n"
    )
    assert (tmp_path / late).read_text() == "last()\n"
    assert text.startswith('<html data-page="a" lang="en">')
    assert '<button data-click="print">P</button>' in text
    assert '<script type="application/json">{}</script>' in text
    assert text.index("documentation_options") < text.index(early)
    assert strict(text, tmp_path, "_static") == text
