"""Frames: a matplotlib sweep under the hand, and what it refuses."""

from __future__ import annotations

import pytest
import traitlets
from matplotlib.figure import Figure

from aecore.widgets import frames

from .figure_harness import FigureOnPage


def draw(width):
    return Figure(figsize=(2, 1))


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "Frames")
    figure.check_slider("σ")
    figure.check_reset()
    figure.check_latency("σ")


def test_follows_the_theme(light, bases):
    page = light.open(bases["http"] + "figures.html")
    figure = FigureOnPage(page, "Frames")
    before = figure.embed.locator(".ae-stack img").first.get_attribute("src")
    page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    page.wait_for_timeout(50)
    assert figure.embed.locator(".ae-stack img").first.get_attribute("src") != before


def test_refuses_by_name():
    words = {"label": "w", "alt": "An empty picture."}
    with pytest.raises(ValueError, match="values: got 1"):
        frames(draw, [1], **words)
    with pytest.raises(ValueError, match="values: got 0"):
        frames(draw, [], **words)
    with pytest.raises(ValueError, match="alt"):
        frames(draw, [1, 2], label="w", alt="sweep.png")
    with pytest.raises(ValueError, match="label"):
        frames(draw, [1, 2], label=" ", alt="An empty picture.")
    with pytest.raises(TypeError, match="matplotlib Figure"):
        frames(lambda value: None, [1, 2], **words)
    with pytest.raises(ValueError, match="one size"):
        frames(lambda value: Figure(figsize=(value, 1)), [1, 2], **words)
    figure = frames(draw, [1, 2], **words)
    with pytest.raises(traitlets.TraitError, match="index: got 2, takes 0 to 1"):
        figure.index = 2


def test_the_same_pictures_have_the_same_bytes():
    words = {"label": "w", "alt": "An empty picture."}
    assert frames(draw, [1, 2], **words).state() == frames(draw, [1, 2], **words).state()
