"""EncodeSampleDecode: the cloud, the noise, the point and the decoded picture, read back and computed again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets

from aelab.figures import EncodeSampleDecode
from aelab.figures.kit.draws import normals
from aelab.figures.kit.quantize import forward

from .drawn import fmt
from .figure_harness import FigureOnPage

DECODER = [(np.ones((784, 2)), np.zeros(784), "sigmoid")]


def toy(**traits):
    encoder = [(np.zeros((4, 784)), np.array([1.0, 2.0, 0.0, 0.0]), "linear")]
    return EncodeSampleDecode(encoder, DECODER, np.zeros((10, 784)), [[0.0, 0.0], [2.0, 2.0]], [0, 1], **traits)


def test_moves_under_the_hand(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "EncodeSampleDecode")
    figure.check_handle("noise ε", dx=-30, dy=-20)
    figure.check_choice("digit")
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="New noise").click()
    assert (figure.picture(), figure.readout()) != before
    assert [figure.trait(name) for name in ("seed", "e0", "e1")] == pytest.approx([1, *normals(1, 2)])
    figure.embed.get_by_role("button", name="Reset").click()
    assert [figure.trait(name) for name in ("digit", "seed", "e0", "e1")] == [3, 0, 1.0, -0.75]
    pad = figure.embed.locator("canvas").first.bounding_box()
    for index, (x, y) in enumerate([(0.5, 0.2), (0.5, 0.8)]):
        figure.page.mouse.move(pad["x"] + x * pad["width"], pad["y"] + y * pad["height"], steps=3)
        if not index:
            figure.page.mouse.down()
    figure.page.mouse.up()
    assert figure.trait("digit") == -1
    assert "your drawing" in figure.readout()
    figure.check_room()
    assert light.problems == []


@pytest.mark.parametrize(("digit", "moves"), [("3", []), ("0", ["End"]), ("1", ["Home"]), ("8", ["ArrowLeft"] * 7)])
def test_draws_what_the_networks_compute(gallery, digit, moves):
    figure = FigureOnPage(gallery, "EncodeSampleDecode")
    figure.start()
    figure.choose("digit", digit)
    figure.handle("noise ε").focus()
    for key in moves:
        figure.page.keyboard.press(key)
    drawn = figure.drawn(canvases=True)
    has = drawn.traits
    image = np.frombuffer(has["digits"], np.uint8).reshape(10, 784)[int(digit)] / np.float32(255)
    moments = forward(has["encoder"], image[None])[0]
    mean, width = moments[:2], np.exp(0.5 * moments[2:])
    eps = np.array([has["e0"], has["e1"]])
    z = mean + width * eps
    drawn.raster("Drawing pad", image.reshape(28, 28))
    drawn.raster("The decoded picture", forward(has["decoder"], z[None])[0].reshape(28, 28))

    turn = np.linspace(0, 2 * np.pi, 73)
    noise, cloud, plane = drawn.plot("noise"), drawn.plot("cloud"), drawn.plot("plane")
    for k in (1, 2):
        noise.line(f"{k} σ", "muted", k * np.cos(turn), k * np.sin(turn))
        cloud.line(f"{k} σ", "blue", mean[0] + k * width[0] * np.cos(turn), mean[1] + k * width[1] * np.sin(turn))
    noise.handle("noise ε", "ink", *eps)
    cloud.line("σ ε", "ink", [mean[0], z[0]], [mean[1], z[1]])
    cloud.dot("mean", "blue", *mean)
    cloud.dot("z", "ink", *z)
    cloud.label("z", "ink", "z", *z)
    plane.dot("mean", "blue", *mean)
    codes, labels = np.frombuffer(has["codes"], "<f4").reshape(-1, 2), np.frombuffer(has["labels"], np.uint8)
    assert len(codes) == len(labels) > 1000
    assert "codes" in drawn.pictures
    drawn.pictures["codes"]["compared"] = True  # faint on purpose: LatentPlane's test reads a scatter's digits

    kl = torch.distributions.kl_divergence(
        torch.distributions.Normal(torch.tensor(mean), torch.tensor(width)), torch.distributions.Normal(0.0, 1.0)
    )
    assert f"{fmt(kl.sum().item(), 1)} nats from the prior" in drawn.say
    assert f"takes z to {fmt(z[0])}, {fmt(z[1])}" in drawn.say
    drawn.complete()


def test_the_still_picture_shows_the_same():
    figure = toy(e0=0.5, e1=-1.0)
    assert figure.sampled() == pytest.approx([1.5, 1.0])
    assert figure.decoded() == pytest.approx(1 / (1 + np.exp(-2.5)))
    pad, near, out = figure.draw().axes
    assert near.lines[-1].get_xydata()[0] == pytest.approx([1.5, 1.0])
    assert near.lines[0].get_xydata()[0] == pytest.approx([2.0, 2.0])
    np.testing.assert_allclose(out.images[0].get_array(), figure.decoded())
    assert pad.images[0].get_array().max() == 0
    assert "1.50, 1.00" in figure.sentence()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"e0": float("nan")}, "e0 must be"),
        ({"digit": 10}, "digit must be"),
        ({"drawing": b"123"}, "drawing must have 784 bytes, got 3"),
    ],
)
def test_refuses_by_name(changes, message):
    with pytest.raises(traitlets.TraitError, match=message):
        toy(**changes)


def test_networks_of_another_size_are_refused():
    small = [(np.zeros((3, 784)), np.zeros(3), "linear")]
    with pytest.raises(ValueError, match="encoder must be from 784 values to 4, got one from 784 to 3"):
        EncodeSampleDecode(
            small, [(np.ones((784, 2)), np.zeros(784), "sigmoid")], np.zeros((10, 784)), [[0, 0]] * 2, [0, 1]
        )
