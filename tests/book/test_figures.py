"""What holds for every figure of the gallery, whatever it shows."""

from __future__ import annotations

import pytest

from aelab.figures import FIGURES

from .axis import Axis
from .figure_harness import FigureOnPage, frames


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


def test_ticks_are_round_where_no_figure_asks_for_others(gallery):
    """Multiples of 1, 2, 2.5 or 5 times a power of ten, three at least; and they reach over most of the axis."""
    chosen = {("GaussianKL", "integrands", "y"), ("ScoreField", "density", "y"), ("NaiveMonteCarlo", "estimate", "y")}
    chosen |= {("ElboGap", "nats", "x"), ("Reparameterize", "estimates", "x"), ("LatentPlane", "plane", "x")}
    chosen |= {("BernoulliKL", "penalty", "y"), ("Bottleneck", "error", "y")}
    for name, plot, axis in sorted(chosen):
        figure = FigureOnPage(gallery, name)
        figure.start()
        found = Axis(figure.drawn().plots[plot], axis)
        assert len(found.values) >= 3, f"{name}, {plot}: {found.texts}"
        assert found.is_round, f"{name}, {plot}: {found.texts}"
        low, high = found.limits
        assert found.values[-1] - found.values[0] > 0.5 * (high - low)


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
        frames(page)
        assert light.problems == [], name
