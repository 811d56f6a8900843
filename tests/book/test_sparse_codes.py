"""SparseCodes: the penalty under the hand, the sum of filters against torch, and a state that makes the point."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets

import aecore as ae
from aelab.figures import SparseCodes

from .drawn import fmt, rgb
from .figure_harness import FigureOnPage

SHOW = "(embed, at) => { embed.aeModel.set('digit', at[0]); embed.aeModel.set('penalty', at[1]); }"


def small(**changes):
    """Two penalties, four units, one digit; the last unit is dead at the second penalty."""
    arguments = {
        "penalties": [0, 1],
        "filters": np.ones((2, 4, 784)) / 28,
        "biases": np.zeros((2, 784)),
        "originals": np.full((1, 784), 0.5),
        "activations": np.array([[[1, 2, 3, 4]], [[5, 0, 0, 0]]]),
        "active": [4, 1],
        "error": [9.0, 9.5],
        "dead": np.array([[0, 0, 0, 0], [0, 0, 0, 1]]),
    }
    return SparseCodes(**{**arguments, **changes})


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "SparseCodes")
    figure.check_slider("penalty λ")
    figure.check_choice("digit")
    figure.check_reset()
    assert (figure.trait("penalty"), figure.trait("digit")) == (1, 4)
    figure.check_reset()
    figure.embed.evaluate("(embed) => embed.aeModel.set('penalty', 0.5)")
    (error,) = figure.error()
    assert "penalty" in error
    assert "0.5" in error
    figure.embed.evaluate("(embed) => embed.aeModel.set('penalty', 3)")
    assert figure.error() == []
    assert [problem for problem in light.problems if "404" not in problem] == []


@pytest.mark.parametrize(("keys", "penalty", "digit"), [([], 1, 4), (["Home"], 0, 0), (["End"], 10, 9)])
def test_draws_its_numbers(gallery, keys, penalty, digit):
    figure = FigureOnPage(gallery, "SparseCodes")
    figure.start()
    figure.press("penalty λ", *keys)
    figure.embed.get_by_role("radio").nth(digit).check(force=True)
    drawn = figure.drawn(canvases=True)
    has, penalties = drawn.traits, drawn.traits["penalties"]
    at, count = penalties.index(has["penalty"]), len(penalties)
    assert (has["penalty"], has["digit"]) == (penalty, digit)
    originals = np.frombuffer(has["originals"], np.uint8).reshape(-1, 28, 28) / 255
    numbers = np.frombuffer(has["numbers"], "<f4").reshape(count, -1)
    units = (numbers.shape[1] - 784) // (1 + len(originals))
    scales, biases = numbers[:, :units], numbers[at, units : units + 784]
    h = numbers[at, units + 784 + digit * units :][:units].astype(float)
    filters = np.zeros((count, units, 784))
    filters[scales > 0] = np.frombuffer(has["weights"], np.int8).reshape(-1, 784) * scales[scales > 0][:, None]
    filters, dead, used = filters[at], scales[at] == 0, h > 0
    result = F.linear(torch.tensor(h), torch.tensor(filters.T), torch.tensor(biases).double())

    drawn.raster("digit", originals[digit])
    drawn.raster("reconstruction", result.view(28, 28))
    for place, picture in enumerate(originals):
        drawn.raster(f"test digit {place + 1}", picture)
    sheet = drawn.pixels("filters").astype(float)
    for j in range(units):
        y, x = (60 * place + 2 for place in divmod(j, 8))
        inner, frame = sheet[y : y + 56, x : x + 56], sheet[y + 30, x - 1]
        assert np.abs(frame[:3] - rgb("ink" if used[j] else "grid")).max() <= 3, f"the frame of unit {j + 1}"
        if dead[j]:
            assert np.abs(inner - [*rgb("grid"), 128]).max() <= 3
            continue
        share = (filters[j] / np.abs(filters[j]).max()).reshape(28, 28, 1).repeat(2, 0).repeat(2, 1)
        wanted = rgb("surface") + np.abs(share) * (np.where(share < 0, rgb("orange"), rgb("blue")) - rgb("surface"))
        seen = (slice(3, -3), slice(3, -3))  # the frame covers the edge
        assert np.abs(inner[seen][..., :3] - wanted[seen]).max() <= 4, f"the filter of unit {j + 1}"
        assert np.abs(inner[seen][..., 3] - (255 if used[j] else 102)).max() <= 1

    plot = drawn.plot("activations")
    plot.bars("activations", "blue", np.arange(units + 1), h)
    assert plot.x.limits == pytest.approx((0, units), abs=0.01)
    assert plot.y.limits[1] >= h.max()
    drawn.shows(
        ("active for this digit", "blue", f"{used.sum()} of {units}"),
        ("active on average", "ink", fmt(has["active"][at], 1)),
        ("dead units", "ink", str(dead.sum())),
        ("error, test set", "ink", fmt(has["error"][at], 1)),
    )
    error = ae.squared_error(result[None], torch.tensor(originals[digit]).view(1, -1)).item()
    assert f"with squared error {fmt(error, 1)}; over the test set it is {fmt(has['error'][at], 1)}" in drawn.say
    drawn.slider("penalty λ", at, f"{penalties[at]:g}")
    drawn.complete()


def test_keeps_its_room_at_every_penalty(light, phone, bases):
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "SparseCodes")
        for penalty in (0, 1, 10):
            figure.embed.evaluate("(embed, penalty) => embed.aeModel.set('penalty', penalty)", penalty)
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_shows_what_the_models_say(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "SparseCodes")
    test, labels = ae.mnist("test")
    images = torch.stack([test[labels == digit][0].flatten() for digit in range(10)])
    penalties = figure.trait("penalties")
    for penalty, model in zip(penalties, SparseCodes.trained_models(penalties), strict=True):
        with torch.no_grad():
            codes = model.encode(images)
            errors = ae.squared_error(model.decode(codes), images)
        for digit in (0, 4, 9):
            figure.embed.evaluate(
                SHOW,
                [digit, penalty],
            )
            words = figure.readout()
            assert f"{(codes[digit] > 0).sum()} of 64" in words
            shown = float(words.split("with squared error ")[1].split(";")[0])
            assert shown == pytest.approx(errors[digit].item(), abs=0.06 + 0.01 * errors[digit].item())  # int8 filters


def test_opens_in_a_state_that_makes_the_point():
    figure = SparseCodes.example()
    page, at = figure.unpacked(), figure.penalties.index(figure.penalty)
    assert (page["activations"][at, 4] > 0).sum() < 16
    assert (page["activations"][0, 4] > 0).sum() > 56
    assert figure.active[0] > 60
    assert figure.active[at] < 16
    assert figure.active == sorted(figure.active, reverse=True)
    assert figure.error == sorted(figure.error)
    np.testing.assert_allclose(np.linalg.norm(page["filters"][at], axis=1), 1, atol=0.02)
    assert len(figure.weights) + len(figure.numbers) + len(figure.originals) < 300_000


def test_the_still_picture_says_what_it_shows():
    figure = small(penalty=1)
    assert "from 1 active units; 1 units are dead" in figure.sentence()
    assert "9.5" in figure.sentence()
    assert [axis.get_title() for axis in figure.draw().axes] == ["filters, λ = 1", "digit", "from 1 units"]
    np.testing.assert_allclose(figure.unpacked()["filters"][0], 1 / 28, rtol=1e-6)
    assert not figure.unpacked()["filters"][1, 3].any()


@pytest.mark.parametrize("bad", [float("nan"), 0.5, -1, "1", None])
def test_refuses_a_penalty_that_is_not_there(bad):
    with pytest.raises(traitlets.TraitError, match="penalty"):
        small(penalty=bad)


@pytest.mark.parametrize("bad", [1, -1, 0.5, float("inf")])
def test_refuses_a_digit_that_is_not_there(bad):
    with pytest.raises(traitlets.TraitError, match="digit"):
        small(digit=bad)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("penalties", [1, 0]),
        ("penalties", [0]),
        ("filters", np.ones((2, 4, 9))),
        ("biases", np.full((2, 784), np.nan)),
        ("originals", np.full((1, 784), 2.0)),
        ("activations", -np.ones((2, 1, 4))),
        ("active", [1]),
        ("dead", np.ones((2, 4))),
    ],
)
def test_refuses_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value})
