"""Every page of the built book: asks no other host, says nothing in the console, fits a phone, passes axe."""

from __future__ import annotations

import gzip
import re
from copy import copy
from functools import cache
from urllib.parse import unquote, urldefrag, urlparse

from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup

from .figure_harness import frames

IMAGE_NAME = re.compile(r"^\S*(/|\\)\S*$|\.(png|svg|jpe?g|gif|webp|pdf)$|^[0-9a-f]{16,}$", re.IGNORECASE)
AXE = Axe()
# Contrast takes axe 12 s on a page with 8,000 tokens of code: of those that look alike, it looks at one.
ONE_TOKEN_OF_A_KIND = """() => {
  const seen = new Set();
  const alike = [...document.querySelectorAll(".highlight span")].filter((token) => {
    if (token.children.length || !token.checkVisibility()) return false;
    const { color, backgroundColor, fontSize, fontWeight } = getComputedStyle(token);
    const around = getComputedStyle(token.closest(".highlight")).backgroundColor;
    const judged = /\\w\\w/.test(token.textContent);  // axe judges no signs and no single letters
    const kind = [color, backgroundColor, fontSize, fontWeight, around, judged].join();
    return seen.has(kind) || !seen.add(kind);
  });
  for (const token of alike) token.style.visibility = "hidden";
}"""


@cache
def soup(site, page_path) -> BeautifulSoup:
    return BeautifulSoup((site / page_path).read_text("utf-8"), "html.parser")


@cache
def prose(site, page_path) -> str:
    """The text of the article itself, without code, and without what is meant for scripts."""
    article = copy(soup(site, page_path).select_one("article")) or BeautifulSoup("", "html.parser")
    for node in article.select("pre, code, script, style"):
        node.decompose()
    for formula in article.select("[data-tex]"):
        formula.string = f"\\({formula['data-tex']}\\)"
    return article.get_text(" ")


@cache
def anchors(site, page_path) -> set[str]:
    return {node["id"] for node in soup(site, page_path).select("[id]")}


def _asks_no_other_host_and_says_nothing(reader, base):
    page = reader.page
    page.evaluate("() => window.scrollTo(0, document.body.scrollHeight)")
    frames(page)
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0, "an equation that MathJax cannot read"
    assert [url for url in reader.requests if not url.startswith((base, "data:", "blob:"))] == []
    assert reader.problems == []


def violations(page):
    page.evaluate(ONE_TOKEN_OF_A_KIND)
    # Preloading would ask for the style sheets once more; of files a browser refuses that, at times in the next test.
    results = AXE.run(page, options={"preload": False}).response["violations"]
    return [(rule["id"], [" ".join(node["target"]) for node in rule["nodes"]][:3]) for rule in results]


def test_asks_no_other_host_and_says_nothing_over_http(light, bases, page_path):
    light.open(bases["http"] + page_path)
    _asks_no_other_host_and_says_nothing(light, bases["http"])


def test_asks_no_other_host_and_says_nothing_as_a_file_and_passes_axe(light, bases, page_path):
    page = light.open(bases["file"] + page_path)
    _asks_no_other_host_and_says_nothing(light, bases["file"])
    page.evaluate("() => window.scrollTo(0, 0)")
    assert violations(page) == []


def test_axe_dark(dark, bases, page_path):
    assert violations(dark.open(bases["file"] + page_path)) == []


def test_fits_a_phone(phone, bases, page_path):
    page = phone.open(bases["file"] + page_path)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    too_wide = page.evaluate(
        "() => [...document.querySelectorAll('article *')].filter((e) => {"
        "  if (e.closest('.ae-table, .ae-still, div.math, pre, mjx-container, .ae-clip')) return 0;"
        "  if (e.closest('[hidden], details:not([open])')) return 0;"
        "  const box = e.getBoundingClientRect(); return box.width && (box.right > 361 || box.left < -1);"
        "}).map((e) => e.outerHTML.slice(0, 120))"
    )
    assert too_wide == []


def test_no_page_keeps_what_is_meant_for_a_saved_notebook(site, page_path):
    page = (site / page_path).read_text("utf-8")
    assert "ae-saved" not in page, "the saved picture stands beside the live figure"
    assert "images/s]" not in page, "a dead progress bar"


# With every fold open: code and what it printed, tables, equations that are wider than their box.
TOO_WIDE = """() => {
  for (const fold of document.querySelectorAll("article details")) fold.open = true;
  const boxes = document.querySelectorAll("article pre, article .ae-table, article div.math, article mjx-container");
  return [...boxes].filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1);
}"""


def test_nothing_is_wider_than_its_box_on_a_desk(light, bases, page_path):
    page = light.open(bases["file"] + page_path)
    said = "({tag: e.tagName, id: e.id, text: e.textContent.trim().slice(0, 80), over: e.scrollWidth - e.clientWidth})"
    assert page.evaluate(f"() => ({TOO_WIDE})().map((e) => {said})") == []


def test_what_is_wider_than_a_phone_scrolls_in_its_own_box(phone, bases, page_path):
    page = phone.open(bases["file"] + page_path)
    box = "e.closest('pre, .ae-table, div.math, .ae-wide') ?? e"
    kept = f"['auto', 'scroll'].includes(getComputedStyle({box}).overflowX)"
    lost = page.evaluate(f"() => ({TOO_WIDE})().filter((e) => !{kept}).map((e) => e.outerHTML.slice(0, 120))")
    assert lost == []


def test_no_page_scrolls_sideways_on_the_smallest_phone(smallest, bases, page_path):
    page = smallest.open(bases["file"] + page_path)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 320


def test_every_image_has_words(site, page_path):
    for image in soup(site, page_path).select("article img"):
        alt = (image.get("alt") or "").strip()
        assert alt, f"no alt: {image}"
        assert not IMAGE_NAME.search(alt), f"the alt is a file name: {alt}"


def test_equations_are_tagged_once_and_references_resolve(site, page_path):
    text = prose(site, page_path)
    tags = re.findall(r"\\tag\*?\{([^}]*)\}", text)
    assert sorted(tags) == sorted(set(tags))
    if page_path.startswith("chapters/"):
        # "(3.2)", and "(3.2)" after the words "equation" or "eq."; a tag of another chapter is looked up there
        everywhere = set(tags)
        for other in (site / "chapters").glob("*.html"):
            everywhere |= set(re.findall(r"\\tag\*?\{([^}]*)\}", prose(site, f"chapters/{other.name}")))
        words = re.sub(r"\\\(.*?\\\)|\\\[.*?\\\]", " ", text, flags=re.DOTALL)
        named = re.findall(r"\((\d{1,2}\.\d{1,2}[a-z]?)\)", words)
        assert [name for name in named if name not in everywhere] == []


def test_links_and_anchors_resolve(site, page_path):
    page = soup(site, page_path)
    for link in page.select("a[href]"):
        href = link["href"]
        if urlparse(href).scheme or href.startswith(("//", "javascript:")) or link.get("class") == ["headerlink"]:
            continue
        path, anchor = urldefrag(href)
        target = ((site / page_path).parent / unquote(path)).resolve() if path else site / page_path
        assert target.exists(), f"{page_path}: {href} leads nowhere"
        if anchor and target.suffix == ".html":
            there = str(target.relative_to(site.resolve())) if path else page_path
            assert unquote(anchor) in anchors(site, there), f"{page_path}: {href} has no such anchor"


def test_no_widget_state_in_the_page(site, page_path):
    html = (site / page_path).read_text("utf-8")
    for word in ("jupyter.widget-state", "jupyter.widget-view", "html-manager", "require.js", "require.min.js"):
        assert word not in html


def test_no_page_over_a_megabyte(site, page_path):
    assert len(gzip.compress((site / page_path).read_bytes())) < 1_000_000


def test_the_site_is_small(site):
    total = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert total < 25_000_000, f"{total / 1e6:.1f} MB"


def test_the_script_of_all_figures_is_small(site):
    size = len(gzip.compress((site / "_static" / "aebook.js").read_bytes()))
    assert size < 60_000, f"{size} bytes gzipped"


def test_a_broken_figure_leaves_the_page_working(light, bases):
    page = light.open(bases["file"] + "figures.html")
    embeds = page.query_selector_all(".ae-embed")
    broken = page.evaluate(
        "(embed) => { const copy = embed.cloneNode(true); copy.querySelector('script').textContent = '{\"rho\": null}';"
        " embed.after(copy); aecore.mount(copy); const text = copy.textContent; copy.remove(); return text; }",
        page.query_selector('.ae-embed[data-module="bernoulli_kl"]'),
    )
    assert "This figure cannot start" in broken
    assert len(page.query_selector_all(".ae-embed .ae-figure")) == len(embeds)
    assert light.problems == []


def test_without_javascript_a_picture_and_a_sentence_stand_there(no_script, bases):
    page = no_script.open(bases["file"] + "figures.html")
    embeds = page.query_selector_all(".ae-embed")
    assert embeds
    for embed in embeds:
        shown = [image for image in embed.query_selector_all("img") if image.is_visible()]
        assert len(shown) == 1
        assert len(shown[0].get_attribute("alt")) > 20
        assert embed.query_selector(".ae-sentence").is_visible()


def test_search_works_offline(light, bases):
    page = light.open(bases["file"] + "search.html?q=figures")
    page.wait_for_selector("#search-results li", timeout=5000)
    assert "All the figures" in page.inner_text("#search-results")
    assert light.problems == []


def test_a_picture_on_a_phone_has_letters_that_can_be_read(phone, bases):
    page = phone.open(bases["file"] + "chapters/07-reparameterization.html")
    picture = page.locator(".ae-role-figure .output.ae-still img.only-light").first
    picture.scroll_into_view_if_needed()
    assert picture.bounding_box()["width"] >= 560  # 12 points of a picture 7.2 inches wide are 13 pixels
    box = picture.locator("xpath=..")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("(box) => box.scrollLeft > 0", arg=box.element_handle())
