"""Every slide of every deck: fits at both sizes, asks no other host, says nothing; figures keep their keys."""

from __future__ import annotations

import re

import nbformat
import pytest
from aebook.slides import compose, has_deck
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from .conftest import ROOT, SITE, Reader

CHAPTERS = [path for path in sorted((ROOT / "chapters").glob("*.ipynb")) if has_deck(path)]
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
every_deck = pytest.mark.parametrize("name", [path.stem for path in CHAPTERS])

# What reaches beyond the slide, or beyond a box that would hide it. What is inside an SVG or a formula has no size of
# its own there: the whole is measured. A clipping path or what is read out only (assistive MathML) is not seen.
CUT_OFF = """() => {
  const slide = Reveal.getCurrentSlide(), found = [];
  const seen = (e) => !e.closest("aside, script, noscript, .ae-print, [hidden]")
    && !e.parentElement.closest("svg, mjx-container");
  for (const e of [slide, ...slide.querySelectorAll("*")].filter(seen)) {
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    if (box.left < -0.5 || box.top < -0.5 || box.right > innerWidth + 0.5 || box.bottom > innerHeight + 0.5)
      found.push(`outside: ${e.outerHTML.slice(0, 100)}`);
    if (e.matches("mjx-container, pre, table") && e.scrollWidth > e.clientWidth + 1)
      found.push(`wider than its box: ${e.outerHTML.slice(0, 100)}`);
  }
  if (slide.scrollHeight > slide.clientHeight + 1) found.push(`${slide.scrollHeight} px high`);
  const parts = [...slide.children, ...slide.querySelectorAll(".ae-shown > *")].filter((e) => !e.matches("aside"));
  for (const e of parts) for (const other of parts) {
    if (e === other || e.contains(other) || other.contains(e)) continue;
    const [a, b] = [e.getBoundingClientRect(), other.getBoundingClientRect()];
    if (a.width && b.width && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1) found.push(`covered: ${e.outerHTML.slice(0, 100)}`);
  }
  return found;
}"""
SMALL = """() => [...Reveal.getCurrentSlide().querySelectorAll("h1, h2, p, li, td, pre, .ae-picture")].filter((e) => {
  if (e.closest("aside, .ae-embed")) return false;
  if (e.matches(".ae-picture")) return e.getBoundingClientRect().height < 150 * Reveal.getScale();
  return parseFloat(getComputedStyle(e).fontSize) < 18;
}).map((e) => e.outerHTML.slice(0, 100))"""
# The smallest letters of a live figure, as they stand on a slide of 1280 × 720.
LETTERS = """() => [...document.querySelectorAll("section .ae-embed")].map((embed) => {
  const scale = embed.getBoundingClientRect().width / embed.offsetWidth / Reveal.getScale();
  const texts = [...embed.querySelectorAll("text, span, dt, dd, button, label, p, b")]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
  return Math.min(...texts.map((e) => parseFloat(getComputedStyle(e).fontSize))) * scale;
})"""
SHOW = """(embed) => {
  const place = Reveal.getIndices(embed.closest("section")).h;
  Reveal.slide(place, 0, 99);
  return place;
}"""
FIGURE = """(embed) => embed.querySelector(".ae-notes").innerText + embed.querySelector(".ae-body").innerHTML
  + [...embed.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()).join("")
  + [...embed.querySelectorAll("input")].map((input) => `${input.value}${input.checked}`).join()"""


@pytest.fixture(scope="module")
def screens(browser):
    return {name: Reader(browser, "light", *size) for name, size in SIZES.items()}


def show(screen, bases, name, way="file", query=""):
    page = screen.open(f"{bases[way]}slides/{name}.html{query}")
    page.wait_for_selector("html[data-deck=ready]", state="attached", timeout=60_000)
    return page


def slides(name):
    return BeautifulSoup((SITE / "slides" / f"{name}.html").read_text("utf-8"), "html.parser").select("section")


def test_every_lecture_has_a_deck_and_links_to_it(site):
    assert CHAPTERS, "no lecture has slides"
    for path in CHAPTERS:
        page = site / "chapters" / f"{path.stem}.html"
        links = BeautifulSoup(page.read_text("utf-8"), "html.parser").select("article a.ae-deck-link")
        assert [link["href"] for link in links] == [f"../slides/{path.stem}.html"]
        assert (page.parent / links[0]["href"]).resolve().is_file()


@every_deck
def test_a_deck_is_a_lecture(site, name):
    deck = slides(name)
    assert 25 <= len(deck) <= 45
    assert 45 <= sum(int(slide["data-timing"]) for slide in deck) / 60 <= 90
    for slide in deck:
        title = slide.find(["h1", "h2"]).get_text()
        assert len(title) <= 70, title
        words = " ".join(part.get_text(" ") for part in slide.select(".ae-words"))
        assert len(re.sub(r"\\$.*?\\$", "", words, flags=re.DOTALL).split()) <= 75, f"{title}: prose, not a slide"
        assert len(slide.select_one("aside.notes").get_text().split()) >= 3, f"{title}: nothing for the lecturer"
    assert len({slide.find(["h1", "h2"]).get_text() for slide in deck}) == len(deck), "two slides of one title"


@every_deck
def test_a_slide_is_a_claim_and_a_picture(site, name):
    deck = slides(name)
    pictures = [slide for slide in deck if slide.select(".ae-picture, .ae-room")]
    assert len(pictures) >= len(deck) / 2
    assert all(len(slide.select(".ae-picture.only-light:not(.ae-room *), .ae-room")) == 1 for slide in pictures)
    assert not [slide for slide in deck if slide.select("pre.ae-said")], "output of a program"
    notebook = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
    shown = [cell for cell in notebook.cells if "show" in cell.metadata.get("slides", {})]
    assert not [cell.id for cell in shown if "check" in cell.metadata.get("tags", [])]


@every_deck
def test_a_live_figure_is_read_from_the_back(screens, bases, name):
    page = show(screens["720p"], bases, name)
    assert min(page.evaluate(LETTERS)) >= 19.9


def test_a_slide_shows_what_it_names_of_a_figure(screens, bases):
    page = show(screens["720p"], bases, "07-reparameterization")
    figure = page.locator('section .ae-embed[data-module="encode_sample_decode"]').first
    figure.evaluate(SHOW)
    assert figure.locator("[data-plot]:visible").evaluate_all("(all) => all.map((e) => e.dataset.plot)") == ["cloud"]
    assert figure.get_by_role("button").all_inner_texts() == ["New noise"]
    assert figure.locator("[role=radiogroup]:visible").count() == 1


@pytest.mark.parametrize(("module", "control"), [("beta_dial", "β"), ("latent_plane", "from A to B")])
def test_a_slide_keeps_the_codes_under_their_plot_and_its_control(screens, bases, module, control):
    page = show(screens["720p"], bases, "08-latent-space")
    figure = page.locator(f'section .ae-embed[data-module="{module}"]').first
    figure.evaluate(SHOW)
    codes = figure.locator('canvas[data-name="codes"]')
    assert codes.is_visible()
    drawn = "(canvas) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert codes.evaluate(drawn), "no code is drawn"
    assert figure.get_by_role("slider", name=control, exact=True).is_visible()


@every_deck
@pytest.mark.parametrize("size", SIZES)
def test_every_slide_fits_and_asks_nobody(screens, bases, name, size):
    screen = screens[size]
    page = show(screen, bases, name)
    assert page.locator("mjx-merror, [data-mjx-error], .ae-error:not([hidden])").count() == 0
    problems = {}
    for number in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate("(number) => Reveal.slide(number, 0, 99)", number)
        found = page.evaluate(CUT_OFF) + page.evaluate(SMALL)
        if found:
            problems[f"{number + 1} {page.evaluate('Reveal.getCurrentSlide().id')}"] = found[:3]
    assert problems == {}
    assert [url for url in screen.requests if not url.startswith((bases["file"], "data:", "blob:"))] == []
    assert screen.problems == []


@every_deck
def test_figures_answer_to_the_keyboard_and_the_slide_stays(screens, bases, name):
    page = show(screens["1080p"], bases, name)
    figures = page.locator("section .ae-embed")
    assert figures.count() >= 1
    for index in range(figures.count()):
        figure = figures.nth(index)
        number = figure.evaluate(SHOW)
        controls = figure.locator("input, [role=slider], button:not([disabled])")
        answered = 0
        for control in controls.all():
            if not control.is_visible() or control.is_disabled():
                continue
            before = figure.evaluate(FIGURE)
            control.focus()
            slider = control.evaluate("(e) => e.matches('input[type=range], input[type=radio], [role=slider]')")
            for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown") if slider else ("Space", "Enter"):
                page.keyboard.press(key)
                answered += figure.evaluate(FIGURE) != before
            assert page.evaluate("Reveal.getIndices().h") == number, f"{control.evaluate('(e) => e.outerHTML')[:80]}"
        assert answered, f"slide {number + 1}: nothing in the figure answers"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement === document.body")
        assert not page.evaluate("Reveal.isOverview()")
    assert screens["1080p"].problems == []


@every_deck
def test_the_keys_of_a_lecturer(screens, bases, name):
    page = show(screens["720p"], bases, name, "http")
    slide = "Reveal.getIndices().h"
    page.evaluate("Reveal.slide(0)")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(slide) == 1
    figure = page.locator("section .ae-embed").first
    number = figure.evaluate(SHOW)
    figure.locator("input, [role=slider], button:not([disabled])").first.focus()
    page.keyboard.press("PageDown")  # a presenter's remote, whatever has the focus
    assert page.evaluate(slide) == number + 1
    page.keyboard.press("PageUp")
    assert page.evaluate(slide) == number
    assert screens["720p"].problems == []


def test_a_figure_moves_under_the_mouse_where_it_is_drawn_larger(screens, bases):
    page = show(screens["1080p"], bases, "06-elbo")
    figure = page.locator('.ae-embed[data-module="elbo_gap"]').first
    figure.evaluate(SHOW)
    handle = figure.locator(".ae-handle .ae-hit").first
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=4)
    page.mouse.up()
    after = handle.bounding_box()
    assert abs(after["x"] + after["width"] / 2 - x - 120) < 8, "the point is not under the mouse"


@every_deck
def test_prints_one_page_a_slide(screens, bases, name):
    from io import BytesIO

    from pypdf import PdfReader

    page = show(screens["720p"], bases, name, query="?print-pdf")
    room = "(h) => h.getBoundingClientRect().left - h.closest('.pdf-page').getBoundingClientRect().left"
    lefts = page.evaluate(f"[...document.querySelectorAll('.pdf-page > section > h2')].map({room})")
    assert min(lefts) > 50, "the slides have lost their margins"
    printed = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True, print_background=True))).pages
    assert len(printed) == len(slides(name))
    assert {(round(p.mediabox.width), round(p.mediabox.height)) for p in printed} == {(960, 540)}
    for number, slide in enumerate(slides(name)):
        text = re.sub(r"\W", "", printed[number].extract_text())
        word = re.search(r"[A-Za-z]{4,}", slide.find(["h1", "h2"]).get_text())
        assert word[0] in text, f"page {number + 1}"


def test_the_lecturers_window_shows_notes_and_time(screens, bases):
    page = show(screens["720p"], bases, "06-elbo")
    page.evaluate("Reveal.slide(3)")
    words = page.evaluate("Reveal.getCurrentSlide().querySelector('aside.notes').textContent.trim().slice(0, 40)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    window = opened.value
    window.wait_for_selector(".speaker-controls-notes .value math", state="attached", timeout=15_000)
    assert words[:20].strip()
    assert words in window.inner_text(".speaker-controls-notes .value")
    window.wait_for_selector(".pacing", state="visible", timeout=15_000)  # ahead of or behind the slides' times
    window.close()


# ---- how a deck is composed


def cell(kind, source, slide="slide", /, **slides):
    made = (new_code_cell if kind == "code" else new_markdown_cell)(source)
    made.metadata.update(slideshow={"slide_type": slide}, slides=slides)
    return made


def test_prose_goes_to_the_notes_and_equations_are_not_written_twice():
    equation = "$$ a = b \\tag{9.1} $$"
    short = {"title": "Short", "text": ["- point", "(9.1)"], "minutes": 2, "notes": "Ask."}
    cells = [
        cell("text", "# Title", title="Title", minutes=1),
        cell("text", f"Long [prose](x.md).\n\n{equation}", **short),
        new_markdown_cell("More prose."),
        new_code_cell("1 + 1", outputs=[new_output("stream", text="2\n")]),
        cell("code", "# NBVAL_CHECK_OUTPUT\nx = 2\nx", "-", show="code", lines=[2, 2]),
        cell("text", "Nowhere.", "skip"),
    ]
    deck = compose(new_notebook(cells=cells))
    first, second = deck.cells[0], deck.cells[1]
    assert (first.metadata.level, second.metadata.level) == ("h1", "h2")
    assert second.metadata.words == f"- point\n{equation}"
    assert second.source == "x = 2"
    assert deck.cells[-1].metadata.notes.split("\n\n") == ["Ask.", "Long prose.", equation, "More prose."]
    assert "Nowhere" not in str(deck)


def test_a_slide_may_show_a_cell_that_stands_elsewhere():
    figure = new_code_cell("draw()", id="figure", outputs=[new_output("stream", text="drawn")])
    words = cell("text", "Prose.", title="A", minutes=1, show="output", of="figure", shows=["plane"], moves=["β"])
    deck = compose(new_notebook(cells=[figure, cell("text", "# T", title="T", minutes=1), words]))
    assert deck.cells[-1].outputs[0].text == "drawn"
    assert (deck.cells[-1].metadata.shows, deck.cells[-1].metadata.moves) == (["plane"], ["β"])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title": "A", "minutes": 1, "colour": "red"}, "colour"),
        ({"minutes": 1}, "title"),
        ({"title": "A"}, "minutes"),
        ({"title": "A", "minutes": 1, "show": "code"}, "show"),
        ({"title": "A", "minutes": 1, "layout": "diagonal"}, "layout"),
        ({"title": "A", "minutes": 1, "show": "output", "of": "elsewhere"}, "of: got 'elsewhere'"),
        ({"title": "A", "minutes": 1, "shows": ["plane"]}, "shows"),
        ({"title": "A", "minutes": 1, "text": ["(9.9)"]}, r"\(9\.9\)"),
    ],
)
def test_a_slide_that_names_what_is_not_there_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        compose(new_notebook(cells=[cell("text", "# A", **wrong)]))


def test_lines_beyond_the_cell_are_refused():
    with pytest.raises(ValueError, match="lines"):
        compose(new_notebook(cells=[cell("code", "1", title="A", minutes=1, show="code", lines=[1, 2])]))


def test_the_notebooks_keep_their_slides_when_outputs_are_stripped():
    from nbstripout import strip_output

    for path in CHAPTERS:
        notebook = nbformat.read(path, as_version=4)
        before = [dict(cell.metadata) for cell in notebook.cells]
        stripped = strip_output(notebook, keep_output=False, keep_count=False, keep_id=True)
        assert [cell.metadata.get("slides") for cell in stripped.cells] == [old.get("slides") for old in before]
