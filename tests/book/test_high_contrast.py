"""Where the system forces its colours, and on hosts whose page is dark: what is chosen is seen, what is drawn too."""

from __future__ import annotations

import io

import numpy as np
import pytest
from contrast import contrast, luminance
from PIL import Image

from aelab.figures.kit.base import stylesheet

from .conftest import Reader

LEAST = 3.0  # to 1: WCAG 1.4.11, what is no text


def pixels(locator) -> np.ndarray:
    """What is seen of an element: shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("RGB"))


@pytest.fixture(scope="module", params=["light", "dark"])
def forced(request, browser, bases):
    """The page of all figures in high contrast, white or black."""
    reader = Reader(browser, "light", forced_colors="active", color_scheme=request.param)
    yield reader.open(bases["file"] + "figures.html")
    reader.context.close()


def alive(page, selector: str) -> list:
    """Everything of this kind on the page, its figure started."""
    for embed in page.locator(".ae-embed").all():
        embed.scroll_into_view_if_needed()
        embed.locator(".ae-figure").wait_for(timeout=15_000)
    return [found for found in page.locator(selector).all() if found.is_visible()]


def test_every_track_is_seen(forced):
    sliders = alive(forced, ".ae-slider input[type=range]")
    assert len(sliders) > 15
    for slider in sliders:
        seen = pixels(slider)
        ground, track = seen[2, 2], seen[seen.shape[0] // 2]
        clear = [contrast(colour, ground) >= LEAST for colour in track]
        assert clear.count(False) <= 8, slider.evaluate("(e) => e.parentElement.innerText")  # the ring of the thumb


def test_every_chosen_option_differs_from_the_others(forced):
    groups = alive(forced, ".ae-choice")
    assert len(groups) >= 5
    for group in groups:
        looks = group.locator(".ae-segments label span").evaluate_all(
            "(spans) => spans.map((span) => [span.previousSibling.checked, getComputedStyle(span).backgroundColor])"
        )
        chosen = {colour for checked, colour in looks if checked}
        others = {colour for checked, colour in looks if not checked}
        assert len(chosen) == 1
        assert len(others) <= 1
        spans = group.locator(".ae-segments label span")
        taken, free = ([i for i, (checked, _) in enumerate(looks) if checked is kind] for kind in (True, False))
        if taken and free:
            inside, outside = (pixels(spans.nth(place[0])) for place in (taken, free))
            frame, ground = (seen[seen.shape[0] // 2, 1] for seen in (inside, outside))
            assert contrast(frame, ground) >= LEAST, f"chosen {frame}, others {ground}"


def test_words_in_a_plot_are_seen(forced):
    alive(forced, ".ae-plot")
    ground = forced.evaluate("getComputedStyle(document.body).backgroundColor")
    canvas = [0, 0, 0] if luminance([int(v) for v in _numbers(ground)[:3]]) < 0.2 else [255, 255, 255]
    fills = forced.locator(".ae-plot text").evaluate_all("(all) => all.map((text) => getComputedStyle(text).fill)")
    assert len(fills) > 50
    assert min(contrast(_numbers(fill)[:3], canvas) for fill in set(fills)) >= 4.5


def _numbers(colour: str) -> list[float]:
    return [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")]


def test_of_a_still_picture_the_one_that_fits_is_seen(browser, bases):
    for scheme in ("light", "dark"):
        reader = Reader(browser, "light", forced_colors="active", color_scheme=scheme, java_script_enabled=False)
        page = reader.page
        page.goto(bases["file"] + "figures.html")
        shown = [image for image in page.locator(".ae-embed img.ae-picture").all() if image.is_visible()]
        assert shown
        assert all(f"only-{scheme}" in image.get_attribute("class") for image in shown)
        reader.context.close()


HOST = """<!doctype html><html><body style="background:#000;color:#ddd"><div id="room"></div></body></html>"""
PLACE = {
    "a dark page": "document.getElementById('room')",
    "a shadow root": "document.getElementById('room').attachShadow({mode: 'open'})",
}


@pytest.mark.parametrize("place", PLACE)
def test_a_dark_host_that_says_nothing_leaves_a_figure_readable(browser, place):
    """The figures' own style sheet alone, on a black page; marimo puts a figure into a shadow root."""
    from aelab.figures import BernoulliKL

    figure = BernoulliKL()
    reader = Reader(browser)
    page = reader.page
    page.set_content(HOST)
    page.evaluate(
        f"""async ([esm, css, state]) => {{
          const root = {PLACE[place]};
          root.innerHTML = "<style></style><div></div>";
          root.querySelector("style").textContent = css;
          const module = await import(URL.createObjectURL(new Blob([esm], {{ type: "text/javascript" }})));
          const model = {{ get: (n) => state[n], set() {{}}, on() {{}}, off() {{}}, save_changes() {{}} }};
          module.default.render({{ model, el: root.querySelector("div") }});
        }}""",
        [figure._esm, stylesheet(), figure.state()],
    )
    host = page.locator(".ae-host")
    seen = pixels(host)
    ground = seen[4, 4]
    assert ground.min() > 240
    assert contrast(_numbers(page.locator(".ae-say").evaluate("(e) => getComputedStyle(e).color")), ground) > 7
    assert page.locator(".ae-plot .ae-text, .ae-plot text").first.evaluate("(e) => e.getBBox().width") > 0
    assert (seen == ground).all(axis=2).mean() > 0.5
    reader.context.close()
