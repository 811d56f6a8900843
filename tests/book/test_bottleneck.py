"""Bottleneck: width and digit under the hand, and the page's pictures, errors and PSNR against aecore's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aelab.figures import Bottleneck

from .drawn import fmt
from .figure_harness import FigureOnPage

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
    assert any("width" in text and "got 3" in text for text in figure.error())
    figure.embed.evaluate("(embed) => { embed.aeModel.set('width', 2); embed.aeModel.set('digit', 10); }")
    assert any("digit" in text and "got 10" in text for text in figure.error())


@pytest.mark.parametrize(("keys", "width", "digit"), [([], 4, 2), (["Home"], 1, 9), (["End"], 64, 0)])
def test_draws_its_numbers(gallery, keys, width, digit):
    figure = FigureOnPage(gallery, "Bottleneck")
    figure.start()
    figure.press("width k", *keys)
    figure.embed.get_by_role("radio").nth(digit).check(force=True)
    drawn = figure.drawn(canvases=True)
    has, widths, (low, high) = drawn.traits, drawn.traits["widths"], drawn.traits["limits"]
    at, count = widths.index(has["width"]), len(widths)
    assert (has["width"], has["digit"]) == (width, digit)
    plot, middle = drawn.plot("error", x="log"), (count - 1) // 2
    assert [int(text) for text in plot.x.texts] == widths
    plot.rule("width", "muted", x=widths[at])
    for m, (name, hue, errors) in enumerate(
        (("PCA", "blue", has["errors"]["pca"]), ("autoencoder", "orange", has["errors"]["autoencoder"]))
    ):
        plot.line(name, hue, widths, errors)
        plot.dots(f"all of {name}", hue, widths, errors)
        plot.dot(name, hue, widths[at], errors[at])
        plot.label(name, hue, name, widths[middle - 1 + m], errors[middle - 1 + m])
    pictures = low + np.frombuffer(has["pictures"], np.uint8).reshape(1 + 2 * count, -1, 28, 28) / 255 * (high - low)
    shown = torch.from_numpy(pictures[[0, 1 + at, 1 + count + at], digit])
    for name, picture in zip(("original", "PCA", "autoencoder"), shown.numpy(), strict=True):
        drawn.raster(name, picture)
    for place, picture in enumerate(pictures[0]):
        drawn.raster(f"test digit {place + 1}", picture)
    own = ae.squared_error(shown[1:].flatten(1), shown[:1].flatten(1).expand(2, -1)).tolist()
    decibels = ae.psnr(shown[1:], shown[:1].clamp(0, 1).expand(2, -1, -1)).tolist()
    tiles = figure.embed.locator(".ae-tile-name").all_inner_texts()
    what = f"{widths[at]} number{'s' if widths[at] > 1 else ''}"
    said = [f"{what}\nerror {fmt(error, 1)}\n{fmt(db, 1)} dB" for error, db in zip(own, decibels, strict=True)]
    assert [tile.strip() for tile in tiles] == ["784 numbers", *said]
    mean = [fmt(has["errors"][name][at], 1) for name in ("pca", "autoencoder")]
    assert f"error of {mean[0]} by PCA and {mean[1]} by the autoencoder" in drawn.say
    assert f"(this one: {fmt(own[0], 1)} and {fmt(own[1], 1)})" in drawn.say
    drawn.slider("width k", at, str(widths[at]))
    drawn.complete()


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
        ({"widths": []}, r"widths must have shape .*, got .0"),
        ({"widths": [4]}, r"widths must be at least 2 increasing numbers, got \[4\]"),
        ({"widths": [4, 1]}, "widths must be at least 2 increasing numbers"),
        ({"widths": [0, 1]}, "widths must be at least 1, got"),
        ({"originals": np.empty((0, 784))}, r"originals must have shape .*, got .0, 784"),
        ({"originals": np.eye(3, 783)}, r"originals must have shape .*any, 784.*, got .3, 783"),
        ({"pca": GREY[:1]}, r"pca must have shape .*2, 3, 784.*, got .1, 3, 784"),
        ({"autoencoder": GREY * np.nan}, "autoencoder must be finite, got"),
        ({"autoencoder": GREY[:, :2]}, "autoencoder must have shape .*, got ."),
        ({"pca_error": [1.0, np.inf]}, "pca_error must be finite, got"),
        ({"autoencoder_error": [1.0]}, "autoencoder_error must have shape .*, got ."),
    ],
)
def test_refuses_other_data_by_name(other, message):
    with pytest.raises(ValueError, match=message):
        built(**other)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "1", None, 3, -1])
def test_refuses_other_traits_by_name(bad):
    with pytest.raises(traitlets.TraitError, match="width must be one of 1, 4, got"):
        built(width=bad)
    with pytest.raises(traitlets.TraitError, match="digit must be an integer from 0 to 2, got"):
        built(digit=bad)
