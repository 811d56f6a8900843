"""SparseCodes: the penalty under the hand, the sum of filters against torch, and a state that makes the point."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import traitlets

import aecore as ae
from aecore.widgets import SparseCodes

from .figure_harness import FigureOnPage, call_module_function

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
    figure.check_latency("penalty λ")
    figure.check_reset()
    figure.embed.evaluate("(embed) => embed.aeModel.set('penalty', 0.5)")
    assert figure.error() == ["This figure cannot draw: penalty: got 0.5, takes one of 0, 0.3, 1, 3, 10"]
    figure.embed.evaluate("(embed) => embed.aeModel.set('penalty', 3)")
    assert figure.error() == []
    assert [problem for problem in light.problems if "404" not in problem] == []


def test_keeps_its_room_at_every_penalty(light, phone, bases):
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "SparseCodes")
        for penalty in (0, 1, 10):
            figure.embed.evaluate("(embed, penalty) => embed.aeModel.set('penalty', penalty)", penalty)
            figure.check_room()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_parity(gallery):
    random = np.random.default_rng(0)
    codes = np.maximum(random.normal(size=(100, 9)), 0)
    filters, bias, target = random.normal(size=(9, 12)), random.normal(size=12), random.random((100, 12))
    got = call_module_function(
        gallery, "SparseCodes", "decode", [[h, filters.tolist(), bias.tolist()] for h in codes.tolist()]
    )
    x_hat = F.linear(torch.tensor(codes), torch.tensor(filters).T, torch.tensor(bias))
    np.testing.assert_allclose(got, x_hat, rtol=1e-12, atol=1e-12)
    pairs = list(zip(got, target.tolist(), strict=True))
    errors = call_module_function(gallery, "SparseCodes", "squaredError", pairs)
    np.testing.assert_allclose(errors, ae.squared_error(x_hat, torch.tensor(target)), rtol=1e-12)
    counts = call_module_function(gallery, "SparseCodes", "count", [[h] for h in codes.tolist()])
    assert counts == (codes > 0).sum(axis=1).tolist()
    rows, scales = random.integers(-127, 128, (100, 784)), random.random((4, 50)).astype(np.float32)
    scales.ravel()[1::2] = 0  # every second unit is dead, and has no row
    unpacked = call_module_function(gallery, "SparseCodes", "unpack", [[rows.ravel().tolist(), scales.tolist()]])[0]
    alive = [filter_ for units in unpacked for filter_ in units if filter_]
    assert [filter_ is None for units in unpacked for filter_ in units] == [False, True] * 100
    np.testing.assert_allclose(alive, rows * scales.ravel()[::2, None], rtol=1e-6)


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
