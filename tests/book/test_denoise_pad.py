"""DenoisePad: drawn on with mouse and keyboard, and the page's noise, PSNR, drawing and network against Python."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

import aecore as ae
from aelab.figures import DenoisePad
from aelab.figures.denoise_pad import KINDS
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward

from .drawn import fmt
from .figure_harness import FigureOnPage

IDENTITY = [(np.eye(784), np.zeros(784), "linear")]
DIGITS = np.eye(10, 784)


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "DenoisePad")


def pad_of(figure):
    return figure.embed.locator("canvas").first


def drawing(figure):
    """The trait, as 784 bytes."""
    return np.array(figure.embed.evaluate("(embed) => [...new Uint8Array(embed.aeModel.get('drawing').buffer)]"))


def stroke(figure, points):
    """Drag over the pad, through points given as shares of its sides."""
    box = pad_of(figure).bounding_box()
    for index, (x, y) in enumerate(points):
        figure.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        if not index:
            figure.page.mouse.down()
    figure.page.mouse.up()


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    figure.check_slider("level")
    figure.check_choice("noise")
    figure.check_choice("digit")
    figure.check_reset()
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="New noise").click()
    assert (figure.picture(), figure.readout()) != before
    assert figure.trait("seed") == 2
    figure.check_reset()
    assert [figure.trait(name) for name in ("digit", "kind", "level", "seed")] == [3, "Gaussian", 0.5, 1]
    assert light.problems == []


def test_draws_with_the_mouse(light, bases):
    figure = opened(light, bases)
    stroke(figure, [(0.3, 0.2), (0.7, 0.2), (0.5, 0.8)])
    assert figure.trait("digit") == -1
    assert "your drawing, centred as in MNIST" in figure.readout()
    seven = drawing(figure).reshape(28, 28)
    assert seven.max() == 255
    rows, columns = (np.nonzero(seven.max(axis) > 127)[0] for axis in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(20, abs=1)
    mass = seven / seven.sum()
    assert [(mass.sum(axis) * np.arange(28)).sum() for axis in (0, 1)] == pytest.approx([13.5, 13.5], abs=0.2)
    stroke(figure, [(0.3, 0.5), (0.7, 0.5)])  # a second stroke joins the first
    assert (drawing(figure) > 0).sum() > (seven > 0).sum()
    figure.embed.get_by_role("button", name="Clear").click()
    assert drawing(figure).max() == 0
    assert "empty" in figure.readout()
    assert "NaN" not in figure.readout()
    stroke(figure, [(0.5, 0.2), (0.5, 0.8)])  # cleared is cleared: only the new stroke
    assert 0 < (drawing(figure) > 0).sum() < (seven > 0).sum()
    before = drawing(figure)
    figure.embed.evaluate("(embed) => { embed.aeModel.set('drawing', new DataView(new ArrayBuffer(784))); }")
    stroke(figure, [(0.2, 0.5), (0.8, 0.5)])  # what Python put on the pad is not mixed with old strokes
    assert (drawing(figure) > 0).sum() == pytest.approx((before > 0).sum(), rel=0.25)
    figure.check_reset()
    assert figure.trait("digit") == 3
    assert drawing(figure).max() == 0
    assert light.problems == []


def test_draws_with_the_keyboard(light, bases):
    figure = opened(light, bases)
    pad = pad_of(figure)
    pad.focus()
    start = figure.picture()
    figure.page.keyboard.press("ArrowDown")
    assert figure.picture() != start, "the pen is seen before it is down"
    assert figure.trait("digit") == 3
    assert "2px" in pad.evaluate("(pad) => getComputedStyle(pad).outline"), "the focus is seen"
    figure.page.keyboard.press("Space")
    for _ in range(12):
        figure.page.keyboard.press("ArrowDown")
    figure.page.keyboard.press("Space")
    assert figure.trait("digit") == -1
    one = drawing(figure)
    rows, columns = np.nonzero(one.reshape(28, 28) > 127)
    assert np.ptp(rows) > 3 * np.ptp(columns), "an upright stroke"
    figure.page.keyboard.press("ArrowRight")
    assert (drawing(figure) == one).all(), "the pen is up"
    scrolled = figure.page.evaluate("scrollY")
    figure.page.keyboard.press("ArrowDown")
    assert figure.page.evaluate("scrollY") == scrolled
    pad.blur()
    assert figure.error() == []


def test_every_kind_keeps_its_room(light, phone, bases):
    for reader in (light, phone):
        figure = opened(reader, bases)
        for kind in KINDS:
            for level in (0, 0.05, 0.9):
                figure.embed.evaluate(
                    "(embed, [kind, level]) => { embed.aeModel.set('kind', kind); embed.aeModel.set('level', level); }",
                    [kind, level],
                )
                figure.check_room()
        assert "never trained on" in figure.readout()
        stroke(figure, [(0.3, 0.2), (0.7, 0.8)])
        figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def python_spoil(image, kind, level, seed):
    """By aecore's own definitions, with the page's numbers in place of torch's."""
    chance, bell = torch.tensor(uniforms(seed, 784)), torch.tensor(normals(seed, 784))
    if kind == "masking":
        return image.masked_fill(chance < level, 0)
    if kind == "Gaussian":
        return image + level * bell
    return image.masked_fill(chance < level / 2, 0).masked_fill((chance >= level / 2) & (chance < level), 1)


def test_the_noise_is_that_of_aecore():
    """The same shares of pixels, and the same spread, as `mask`, `salt_and_pepper` and `add_gaussian`."""
    x = torch.full((784,), 0.5, dtype=torch.float64)
    many = {kind: torch.cat([python_spoil(x, kind, 0.4, seed) for seed in range(60)]) for kind in KINDS}
    x = torch.full((60 * 784,), 0.5)
    theirs = dict(zip(KINDS, (ae.mask(x, 0.4), ae.add_gaussian(x, 0.4), ae.salt_and_pepper(x, 0.4)), strict=True))
    for kind, ours in many.items():
        assert ours.mean().item() == pytest.approx(theirs[kind].mean().item(), abs=0.015)
        assert ours.std().item() == pytest.approx(theirs[kind].std().item(), abs=0.015)


@pytest.mark.parametrize(
    ("digit", "kind", "keys"),
    [
        ("3", "Gaussian", []),
        ("8", "masking", ["End"]),
        ("0", "salt and pepper", ["PageUp"]),
        ("1", "masking", ["Home"]),
    ],
)
def test_draws_what_aecore_computes(gallery, digit, kind, keys):
    figure = FigureOnPage(gallery, "DenoisePad")
    figure.start()
    figure.choose("digit", digit)
    figure.choose("noise", kind)
    figure.press("level", *keys)
    drawn = figure.drawn(canvases=True)
    has = drawn.traits
    assert (has["digit"], has["kind"]) == (int(digit), kind)
    clean = torch.frombuffer(bytearray(has["digits"]), dtype=torch.uint8).view(10, 784)[int(digit)].float() / 255
    noisy = python_spoil(clean, kind, has["level"], has["seed"]).float()
    cleaned = torch.from_numpy(forward(has["network"], noisy[None])[0])
    names = "Drawing pad", "The noisy picture", "The cleaned picture"
    for name, picture in zip(names, (clean, noisy, cleaned), strict=True):
        drawn.raster(name, picture.view(28, 28))
    before, after = (ae.psnr(picture.clamp(0, 1)[None], clean[None]).item() for picture in (noisy, cleaned))
    drawn.shows(
        ("noisy, PSNR", "orange", f"{fmt(before, 1)} dB"),
        ("cleaned, PSNR", "blue", f"{fmt(after, 1)} dB"),
        ("gain", "ink", f"{fmt(after - before, 1)} dB"),
    )
    assert f"from {fmt(before, 1)} to {fmt(after, 1)} dB" in drawn.say
    drawn.slider("level", has["level"], fmt(has["level"]))
    drawn.complete()


def test_the_still_picture_shows_what_the_page_shows(gallery):
    figure = FigureOnPage(gallery, "DenoisePad")
    still = DenoisePad.example()
    clean, noisy, cleaned = (torch.tensor(picture).flatten()[None] for picture in still.pictures())
    before, after = (ae.psnr(picture.clamp(0, 1), clean).item() for picture in (noisy, cleaned))
    assert f"{before:.1f} dB" in figure.readout()
    assert f"{after:.1f} dB" in figure.readout()
    assert f"at {before:.1f} dB; and cleaned by a denoising autoencoder, at {after:.1f} dB" in still.sentence()
    assert after > before + 5, "it opens where the autoencoder helps a lot"
    assert len(still.draw().axes) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_python_spoils_as_the_page_does(kind):
    image = ae.mnist("test")[0][0, 0]
    figure = DenoisePad(IDENTITY, DIGITS, kind=kind, level=0.3, seed=5)
    figure.pick(image)
    clean, noisy, cleaned = figure.pictures()
    np.testing.assert_allclose(clean, image, atol=1e-6)
    np.testing.assert_allclose(noisy.ravel(), python_spoil(image.flatten(), kind, 0.3, 5), atol=1e-6)
    np.testing.assert_allclose(cleaned, noisy, atol=1e-2)
    assert "a drawing" in figure.sentence()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, 0.91, "0.5", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"level must be a finite number from 0 to 0.9.*, got"):
        DenoisePad(IDENTITY, DIGITS, level=bad)


def test_refuses_other_data():
    with pytest.raises(ValueError, match="network must be from 784 values to 784, got one from 4 to 4"):
        DenoisePad([(np.eye(4), np.zeros(4), "linear")], DIGITS)
    with pytest.raises(ValueError, match=r"digits must have shape .*, got .9, 784"):
        DenoisePad(IDENTITY, DIGITS[:9])
    with pytest.raises(ValueError, match=r"digits must be in \[0, 1\], got values from 0 to 255"):
        DenoisePad(IDENTITY, 255 * DIGITS)
    with pytest.raises(ValueError, match="digits must be finite, got"):
        DenoisePad(IDENTITY, DIGITS * np.nan)
    figure = DenoisePad(IDENTITY, DIGITS)
    with pytest.raises(ValueError, match=r"image must have shape .*, got .784"):
        figure.pick(np.zeros(784))
    with pytest.raises(traitlets.TraitError, match="drawing must have 784 bytes, got 3"):
        figure.drawing = b"abc"
    for name, value in (("digit", 10), ("kind", "speckle"), ("seed", -1)):
        with pytest.raises(traitlets.TraitError, match=name):
            setattr(figure, name, value)


def test_a_bad_number_is_an_error_in_its_box(light, bases):
    figure = opened(light, bases)
    figure.embed.evaluate("(embed) => { embed.aeModel.set('level', NaN); }")
    assert "level" in figure.error()[0]
    figure.embed.evaluate("(embed) => { embed.aeModel.set('level', 0.4); }")
    assert figure.error() == []
