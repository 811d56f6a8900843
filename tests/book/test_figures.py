"""What holds for every figure of the gallery, whatever it shows."""

from __future__ import annotations

import pytest

from aecore.widgets import FIGURES

from .figure_harness import FigureOnPage


@pytest.fixture(scope="module")
def gallery_on_a_phone(phone, bases):
    return phone.open(bases["file"] + "figures.html")


def test_every_figure_is_in_the_gallery(gallery):
    shown = gallery.eval_on_selector_all(".ae-embed", "(all) => all.map((embed) => embed.dataset.module)")
    assert sorted(set(shown)) == sorted({figure.module for figure in FIGURES.values()})


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_a_caption_a_reset_and_a_readout(gallery, name):
    figure = FigureOnPage(gallery, name)
    assert len(figure.embed.locator("figcaption").inner_text()) > 20
    assert figure.embed.get_by_role("button", name="Reset").count() == 1
    assert figure.embed.locator("[aria-live=polite]").count() == 1
    assert figure.readout().strip()
    assert figure.embed.locator("[id]").count() == 0, "ids would be doubled by a second instance"


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("page", ["gallery", "gallery_on_a_phone"])
def test_figure_keeps_its_room(request, name, page):
    FigureOnPage(request.getfixturevalue(page), name).check_room()


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_large_targets(gallery_on_a_phone, name):
    figure = FigureOnPage(gallery_on_a_phone, name)
    small = figure.embed.evaluate(
        "(embed) => [...embed.querySelectorAll('button, input[type=range], .ae-hit, .ae-segments label, .ae-toggle')]"
        ".map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < 39.5).map(([html]) => html)"
    )
    assert small == []


def test_every_figure_cleans_up(light, bases):
    page = light.open(bases["file"] + "figures.html")
    for name, figure in FIGURES.items():
        page.evaluate(
            "(module) => { const embed = document.querySelector(`.ae-embed[data-module=${module}]`);"
            " const end = aecore.mount(embed); end(); }",
            figure.module,
        )
        page.wait_for_timeout(50)
        assert light.problems == [], name
