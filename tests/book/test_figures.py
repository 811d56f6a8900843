"""What holds for every figure of the gallery, whatever it shows."""

from __future__ import annotations

import pytest

from aecore.widgets import FIGURES

from .figure_harness import FigureOnPage


@pytest.fixture(params=["http", "file"])
def gallery(request, light, bases):
    """gallery("BernoulliKL"): the figure on the gallery page, over http and from a file."""
    page = light.open(bases[request.param] + "figures.html")
    return lambda name: FigureOnPage(page, name)


def test_every_figure_is_in_the_gallery(light, bases):
    page = light.open(bases["file"] + "figures.html")
    shown = page.eval_on_selector_all(".ae-embed", "(all) => all.map((embed) => embed.dataset.module)")
    assert sorted(set(shown)) == sorted({figure.module for figure in FIGURES.values()})


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_a_caption_a_reset_and_a_readout(light, bases, name):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), name)
    assert len(figure.embed.locator("figcaption").inner_text()) > 20
    assert figure.embed.get_by_role("button", name="Reset").count() == 1
    assert figure.embed.locator("[aria-live=polite]").count() == 1
    assert figure.readout().strip()
    assert figure.embed.locator("[id]").count() == 0, "ids would be doubled by a second instance"


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("reader", ["light", "phone"])
def test_figure_keeps_its_room(request, bases, name, reader):
    page = request.getfixturevalue(reader).open(bases["file"] + "figures.html")
    FigureOnPage(page, name).check_room()


@pytest.mark.parametrize("name", FIGURES)
def test_figure_has_large_targets(phone, bases, name):
    figure = FigureOnPage(phone.open(bases["file"] + "figures.html"), name)
    small = figure.embed.evaluate(
        "(embed) => [...embed.querySelectorAll('button, input[type=range], .ae-hit, .ae-segments label, .ae-toggle')]"
        ".map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < 39.5).map(([html]) => html)"
    )
    assert small == []


@pytest.mark.parametrize("name", FIGURES)
def test_figure_cleans_up(light, bases, name):
    page = light.open(bases["file"] + "figures.html")
    page.evaluate(
        "(module) => { const embed = document.querySelector(`.ae-embed[data-module=${module}]`);"
        " const end = aecore.mount(embed); end(); }",
        FIGURES[name].module,
    )
    page.wait_for_timeout(50)
    assert light.problems == []
