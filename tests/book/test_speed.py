"""What makes a page quick, without a clock: its weight, its length, and that nothing moves while it arrives.

Seconds and Lighthouse's scores are in benchmarks/page_speed.py: a busy machine would fail them here.
"""

from __future__ import annotations

import sys

import pytest
from aebook.mend import quiet_theme

from .conftest import ROOT, Reader

sys.path.insert(0, str(ROOT / "benchmarks"))
from page_speed import served

LECTURES = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
SHIFTS = """() => {
  window.aeShift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.aeShift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.fixture(scope="module")
def gzipped(site):
    """The site as a host of static pages sends it: the base address."""
    with served(site) as address:
        yield address


def arrived(browser, address: str) -> tuple[float, set[str], float]:
    """KB over the wire, the hosts that were asked, and the layout shift of a visit on the desk."""
    context = browser.new_context(viewport={"width": 1350, "height": 940})
    page = context.new_page()
    devtools, sizes, hosts = context.new_cdp_session(page), [], set()
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    devtools.send("Network.enable")
    page.add_init_script(f"({SHIFTS})()")
    page.goto(address, wait_until="load")
    page.wait_for_timeout(1500)
    shift = page.evaluate("window.aeShift")
    context.close()
    return sum(sizes) / 1000, hosts, shift


def test_the_index_is_light_and_comes_from_one_host(browser, gzipped):
    weight, hosts, _ = arrived(browser, gzipped + "index.html")
    assert 20 < weight <= 450
    assert hosts == {gzipped.split("/")[2]}


@pytest.mark.parametrize("name", LECTURES)
def test_nothing_moves_while_a_lecture_arrives(browser, gzipped, name):
    assert arrived(browser, f"{gzipped}chapters/{name}.html")[2] <= 0.05


@pytest.mark.parametrize("name", LECTURES)
def test_the_first_figure_is_within_two_screens(light: Reader, bases, name):
    page = light.open(f"{bases['file']}chapters/{name}.html")
    top = page.evaluate("document.querySelector('.ae-embed').getBoundingClientRect().top + scrollY")
    assert top + 400 < 2 * 900


@pytest.mark.parametrize("name", LECTURES)
def test_a_lecture_is_twenty_screens_long(light: Reader, bases, name):
    page = light.open(f"{bases['file']}chapters/{name}.html")
    page.add_style_tag(content="* { content-visibility: visible !important; }")  # all of it is laid out, and measured
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollHeight") <= 20 * 900


# A long lecture at the width of a phone, where code is wider than its box.
FAR = "() => [...document.querySelectorAll('.bd-article > section > section:has(pre)')].at(-1)"
LAID_OUT = "(part) => part.firstElementChild.checkVisibility({ contentVisibilityAuto: true })"
REACHABLE = "(part) => [...part.querySelectorAll('pre')].filter((box) => box.tabIndex === 0).length"


@pytest.fixture
def unread(browser, gzipped):
    """Lecture 03 on a phone, whose reader has seen its first screen alone."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{gzipped}chapters/03-compression.html", wait_until="load")
    page.wait_for_function("document.querySelector('.ae-figure')")
    yield page
    context.close()


def test_what_is_far_is_laid_out_and_made_reachable_when_the_reader_comes(unread):
    part = unread.evaluate_handle(FAR)
    assert not part.evaluate(LAID_OUT)
    assert part.evaluate(REACHABLE) == 0
    part.evaluate("(part) => part.scrollIntoView()")
    unread.wait_for_function(LAID_OUT, arg=part)
    unread.evaluate("(part) => { for (const fold of part.querySelectorAll('details')) fold.open = true; }", part)
    unread.wait_for_function(f"(part) => ({REACHABLE})(part) > 0", arg=part)


def test_a_key_makes_all_that_scrolls_reachable(unread):
    scrolls = "() => [...document.querySelectorAll('.bd-article .ae-table')].filter((box) => box.tabIndex === 0).length"
    before = unread.evaluate(scrolls)
    unread.keyboard.press("Tab")
    assert unread.evaluate(scrolls) > before


def test_a_link_to_a_far_equation_leads_to_it(browser, gzipped):
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(f"{gzipped}chapters/07-reparameterization.html#eq-7-16", wait_until="load")
    page.wait_for_timeout(1500)
    assert 0 <= page.evaluate("document.getElementById('eq-7-16').getBoundingClientRect().top") < 740
    context.close()


def test_on_paper_a_lecture_is_whole(unread):
    part = unread.evaluate_handle(FAR)
    unread.emulate_media(media="print")
    unread.wait_for_function(LAID_OUT, arg=part)
    unread.emulate_media(media="screen")
    unread.wait_for_function(f"(part) => !({LAID_OUT})(part)", arg=part)
    unread.evaluate("aecore.all()")
    assert part.evaluate(LAID_OUT)


def test_the_theme_does_not_ask_of_each_block_whether_it_scrolls(unread, tmp_path):
    assert unread.evaluate("document.querySelectorAll('pre[tabindex=\"-1\"]').length") == 0
    script = tmp_path / "scripts" / "pydata-sphinx-theme.js"
    script.parent.mkdir()
    script.write_text('function I(){const e=()=>{document.querySelectorAll(["pre",".x"].join())};e()}', "utf-8")
    for _ in range(2):  # a page that is built again finds it mended
        quiet_theme(tmp_path)
        assert script.read_text("utf-8").startswith("function I(){return;const e=")
    script.write_text("function I(){}", "utf-8")
    with pytest.raises(RuntimeError, match=r"pydata-sphinx-theme\.js must ask what scrolls"):
        quiet_theme(tmp_path)
