"""Bottleneck: width and digit under the hand, and the page's pictures, errors and PSNR against aecore's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aecore.widgets import Bottleneck

from .figure_harness import FigureOnPage, call_module_function

GREY = np.full((2, 3, 784), 0.5)  # two widths, three digits
DIGITS = np.eye(3, 784)


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "Bottleneck")


def built(**other):
    data = {"widths": [1, 4], "originals": DIGITS, "pca": GREY, "autoencoder": GREY}
    return Bottleneck(**{**data, "pca_error": [9, 8], "autoencoder_error": [7, 6], **other})


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    figure.check_slider("width k")
    figure.check_reset()
    digits = figure.embed.get_by_role("radio")
    digits.nth(2).focus()
    figure._changes(lambda: figure.page.keyboard.press("ArrowRight"))
    assert figure.trait("digit") == 3
    figure._changes(lambda: digits.nth(7).click())
    assert figure.trait("digit") == 7
    figure.check_latency("width k")
    figure.check_reset()
    assert [figure.trait(name) for name in ("width", "digit")] == [4, 2]
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_a_press_or_a_drag_on_the_plot_takes_the_nearest_width(light, bases):
    figure = opened(light, bases)
    box, mouse = figure.embed.locator("svg.ae-plot").bounding_box(), figure.page.mouse
    mouse.move(box["x"] + box["width"] - 12, box["y"] + 100)
    mouse.down()
    assert figure.trait("width") == 64
    mouse.move(box["x"] + 40, box["y"] + 150, steps=8)
    mouse.up()
    assert figure.trait("width") == 1
    assert "From 1 number," in figure.readout()


def test_keeps_its_room_and_says_what_is_wrong(light, phone, bases):
    for reader in (light, phone):
        figure = opened(reader, bases)
        for width, digit in ((1, 4), (32, 8), (64, 0)):
            figure.embed.evaluate(
                "(embed, to) => Object.entries(to).forEach(([k, v]) => embed.aeModel.set(k, v))",
                {"width": width, "digit": digit},
            )
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    figure.embed.evaluate("(embed) => embed.aeModel.set('width', 3)")
    assert any("width: got 3, takes one of 1, 2, 4" in text for text in figure.error())
    figure.embed.evaluate("(embed) => { embed.aeModel.set('width', 2); embed.aeModel.set('digit', 10); }")
    assert any("digit: got 10, takes an integer from 0 to 9" in text for text in figure.error())


def test_parity_of_error_and_psnr_with_aecore(gallery):
    pairs = torch.rand(2, 120, 784, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    calls = [list(pair) for pair in zip(*pairs.tolist(), strict=True)]
    for name, formula in (("squaredError", ae.squared_error), ("psnr", ae.psnr)):
        got = call_module_function(gallery, "Bottleneck", name, calls)
        np.testing.assert_allclose(got, formula(*pairs).numpy(), rtol=1e-12)


def test_parity_of_the_width_that_is_enough(gallery):
    random = np.random.default_rng(0)
    calls = [
        [list(range(1, 8)), np.sort(random.uniform(0, 9, 7))[::-1].tolist(), random.uniform(0, 9)] for _ in range(120)
    ]
    got = call_module_function(gallery, "Bottleneck", "enough", calls)
    for (widths, errors, error), width in zip(calls, got, strict=True):
        assert width == next((k for k, e in zip(widths, errors, strict=True) if e <= error), None)


def test_the_page_unpacks_what_python_packed(gallery):
    """One byte per pixel: off by half a step at most, of 255 from the smallest to the largest value."""
    random = np.random.default_rng(0)
    pictures = random.normal(0.4, 0.5, (100, 784))
    figure = built(widths=[1, 2], originals=DIGITS[:1] + 0, pca=pictures[:2, None], autoencoder=pictures[2:4, None])
    low, high = figure.limits
    assert [low, high] == pytest.approx([min(0, pictures[:4].min()), max(1, pictures[:4].max())])
    got = call_module_function(gallery, "Bottleneck", "unpack", [[list(figure.pictures), low, high]])[0]
    wanted = np.concatenate([DIGITS[:1], pictures[:4]]).ravel()
    assert np.abs(got - wanted).max() <= (high - low) / 510 + 1e-6


def test_the_numbers_under_the_pictures_are_those_of_the_pictures(gallery):
    """One byte per pixel moves a picture's error by a tenth at most."""
    figure = FigureOnPage(gallery, "Bottleneck")
    example = Bottleneck.example()
    count, (low, high) = 10, example.limits
    pictures = np.frombuffer(example.pictures, np.uint8).reshape(-1, count, 784) / 255 * (high - low) + low
    test, labels = ae.mnist("test")
    originals = torch.stack([test[int((labels == digit).nonzero()[0])].flatten() for digit in range(10)]).double()
    np.testing.assert_allclose(pictures[0], originals, atol=(high - low) / 510 + 1e-6)
    at = 1 + example.widths.index(4)
    for rows, name in ((at, "PCA"), (at + len(example.widths), "autoencoder")):
        shown = torch.tensor(pictures[rows, 2:3])
        error, decibels = ae.squared_error(shown, originals[2:3]).item(), ae.psnr(shown, originals[2:3]).item()
        tile = figure.embed.locator(".ae-tile", has_text=name).inner_text()
        numbers = [float(word) for word in tile.split() if word.replace(".", "").isdigit()]
        assert numbers == [4, pytest.approx(error, abs=0.1), pytest.approx(decibels, abs=0.1)]


def test_opens_where_the_autoencoder_keeps_more_and_the_widest_pca_catches_up():
    figure = Bottleneck.example()
    pca, autoencoder = (np.array(figure.errors[name]) for name in ("pca", "autoencoder"))
    assert (np.diff(pca) < 0).all()
    assert (np.diff(autoencoder) < 0).all()
    at = figure.widths.index(4)
    assert autoencoder[at] < 0.8 * pca[at]
    assert autoencoder[-1] > 0.8 * pca[-1]  # at 64 the advantage is gone
    assert f"with 4 numbers {pca[at]:.1f} by PCA and {autoencoder[at]:.1f}" in figure.sentence()
    assert len(figure.draw().axes) == 4


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"widths": []}, r"widths: got shape \(0,\)"),
        ({"widths": [4]}, "widths: got .4., takes at least two"),
        ({"widths": [4, 1]}, "takes at least two increasing positive integers"),
        ({"widths": [0, 1]}, "takes at least two increasing positive integers"),
        ({"originals": np.empty((0, 784))}, r"originals: got shape \(0, 784\)"),
        ({"originals": np.eye(3, 783)}, r"originals: got shape \(3, 783\), takes \(any, 784\)"),
        ({"pca": GREY[:1]}, r"pca: got shape \(1, 3, 784\), takes \(2, 3, 784\)"),
        ({"autoencoder": GREY * np.nan}, "autoencoder: got NaN or infinity"),
        ({"autoencoder": GREY[:, :2]}, "autoencoder: got shape"),
        ({"pca_error": [1.0, np.inf]}, "pca_error: got NaN or infinity"),
        ({"autoencoder_error": [1.0]}, "autoencoder_error: got shape"),
    ],
)
def test_refuses_other_data_by_name(other, message):
    with pytest.raises(ValueError, match=message):
        built(**other)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None, 3, -1])
def test_refuses_other_traits_by_name(bad):
    with pytest.raises(traitlets.TraitError, match="width: got"):
        built(width=bad)
    with pytest.raises(traitlets.TraitError, match="digit: got"):
        built(digit=bad)
