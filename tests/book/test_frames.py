"""Frames: a matplotlib sweep under the hand, and what it refuses."""

from __future__ import annotations

import base64

import pytest
import traitlets
from matplotlib.figure import Figure
from playwright.sync_api import expect

from aelab.figures import frames

from .figure_harness import FigureOnPage


def draw(width):
    return Figure(figsize=(2, 1))


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "Frames")
    figure.check_slider("σ")
    figure.check_reset()


@pytest.mark.parametrize("keys", [[], ["Home"], ["End"]])
def test_shows_the_picture_of_the_slider(gallery, keys):
    figure = FigureOnPage(gallery, "Frames")
    figure.start()
    figure.press("σ", *keys)
    drawn = figure.drawn()
    has = drawn.traits
    shown = figure.embed.locator(".ae-stack img:visible")
    assert shown.count() == 1
    picture = base64.b64decode(shown.get_attribute("src").partition("base64,")[2])
    assert picture == has["light"][has["index"]]
    label = has["labels"][has["index"]]
    drawn.slider("σ", has["index"], label)
    assert drawn.say == f"σ {label}"
    assert figure.embed.locator(".ae-stack").get_attribute("aria-label").endswith(f"Shown for σ {label}.")
    drawn.complete()


def test_follows_the_theme(light, bases):
    page = light.open(bases["http"] + "figures.html")
    figure = FigureOnPage(page, "Frames")
    before = figure.embed.locator(".ae-stack img").first.get_attribute("src")
    page.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
    expect(figure.embed.locator(".ae-stack img").first).not_to_have_attribute("src", before)


def test_refuses_by_name():
    words = {"label": "w", "alt": "An empty picture."}
    with pytest.raises(ValueError, match="values must be 2 to 40, got 1"):
        frames(draw, [1], **words)
    with pytest.raises(ValueError, match="values must be 2 to 40, got 0"):
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
    with pytest.raises(traitlets.TraitError, match="index must be one of 0, 1, got 2"):
        figure.index = 2


def test_the_same_pictures_have_the_same_bytes():
    words = {"label": "w", "alt": "An empty picture."}
    assert frames(draw, [1, 2], **words).state() == frames(draw, [1, 2], **words).state()
