"""ScoreField: under the hand, and the page's density, score, network and paths against torch and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aelab.figures import ScoreField
from aelab.figures.kit.draws import normals, uniforms
from aelab.figures.kit.quantize import forward
from aelab.figures.score_field import spiral

from .drawn import fmt
from .figure_harness import FigureOnPage, frames

NOISES = [0.1, 0.2, 0.4]
HALF = [(np.eye(2) / 2, np.zeros(2), "linear")]


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "ScoreField")


def opened_once(gallery):
    figure = FigureOnPage(gallery, "ScoreField")
    figure.start()
    return figure


@pytest.fixture(scope="module")
def still():
    """The figure of the gallery, in Python: trained once, then from the cache."""
    return ScoreField.example()


def by_torch(at, noise):
    """log p_σ and σ²∇log p_σ of the spiral's mixture: torch.distributions and autograd, float64."""
    x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    means = torch.tensor(spiral(64).astype("<f4")).double()
    width = (0.08**2 + noise**2) ** 0.5
    parts = Independent(Normal(means, torch.full_like(means, width)), 1)
    log = MixtureSameFamily(Categorical(torch.ones(64, dtype=torch.float64)), parts).log_prob(x)
    (score,) = torch.autograd.grad(log.sum(), x)
    return log.detach().numpy(), noise**2 * score.numpy()


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = opened(light, bases, way)
    figure.check_slider("noise σ")
    figure.check_reset()
    figure.check_handle("start of the particle", dx=30)
    figure.check_handle("start of the particle", dx=0, dy=60)
    figure.check_reset()
    assert [figure.trait(name) for name in ("noise", "x", "y")] == [0.2, 0.6, 1.7]
    assert light.problems == []


def test_a_press_drops_the_particle(light, bases):
    figure = opened(light, bases)
    plot, low = (figure.embed.locator(name).first.bounding_box() for name in (".ae-plot", ".ae-axis"))
    left, wide, high = low["x"], low["width"], low["y"] - plot["y"] - 10  # the axes begin ten pixels down
    figure.page.mouse.click(left + 0.9 * wide, plot["y"] + 10 + 0.9 * high)
    assert figure.trait("x") == pytest.approx(-2.4 + 0.9 * 4.8, abs=0.03)
    assert figure.trait("y") == pytest.approx(2.4 - 0.9 * 4.8, abs=0.03)
    assert "Not one noisy point in a thousand" in figure.readout()


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_flows(light, bases, motion):
    page = light.open(bases["file"] + "figures.html")
    page.emulate_media(reduced_motion=motion)
    figure = FigureOnPage(page, "ScoreField")
    end = figure.picture()
    figure.watch('circle[data-name="particle learned"]', "cx")
    figure.embed.get_by_role("button", name="Flow").click()
    if motion == "no-preference":
        figure.page.wait_for_function("(embed) => embed.aeSeen.length > 3", arg=figure.embed.element_handle())
        assert len(set(figure.watched())) > 2, "the particle is seen on its way"
    figure.until_picture(end)
    figure.embed.get_by_role("button", name="Flow").click()
    figure.slider("noise σ").focus()
    page.keyboard.press("ArrowRight")  # the hand stops the flow
    stopped = figure.picture()
    frames(page, 10)
    assert figure.picture() == stopped
    page.emulate_media(reduced_motion="no-preference")
    assert light.problems == []


STATES = {
    "as it opens": [],
    "little noise": [("press", "noise σ", "Home"), ("nudge", "start of the particle", "Shift+ArrowLeft", "PageDown")],
    "far from the data": [("press", "noise σ", "End"), ("nudge", "start of the particle", "End", *["PageDown"] * 9)],
}


@pytest.mark.parametrize("state", STATES)
def test_draws_the_score_and_the_residual(gallery, state):
    figure = opened_once(gallery)
    for how, label, *keys in STATES[state]:
        getattr(figure, how)(label, *keys)
    drawn = figure.drawn()
    has = drawn.traits
    noise, start, place = has["noise"], (has["x"], has["y"]), has["noises"].index(has["noise"])
    packed, edge = has["networks"][place], has["edges"][place]
    fields = {
        "true": ("blue", lambda at: by_torch(at, noise)[1]),
        "learned": ("orange", lambda at: forward(packed, at) - np.asarray(at)),
    }
    plot = drawn.plot("plane")
    assert (plot.x.limits, plot.y.limits) == (pytest.approx((-2.4, 2.4), abs=1e-3),) * 2
    means = np.frombuffer(has["means"], "<f4").reshape(-1, 2)
    data = means[(uniforms(1, 400) * 64).astype(int)] + np.hypot(0.08, noise) * normals(2, 800).reshape(-1, 2)
    plot.dots("data", "muted", *data.T)
    plot.handle("start of the particle", "ink", *start)
    grid = np.stack(np.meshgrid(*[-2.21 + 0.34 * np.arange(14)] * 2, indexing="ij"), -1).reshape(-1, 2)
    known = by_torch(grid, noise)[0] >= edge
    curves = drawn.plot("density")
    assert curves.x.limits == pytest.approx((0, 40), abs=0.01)
    ends = {}
    for name, (hue, field) in fields.items():
        for far, cells in (("", grid[known]), (", far", grid[~known])):
            arrows = field(cells)
            tips = cells + 0.34 * arrows / (np.linalg.norm(arrows, axis=1, keepdims=True) + noise)
            parts = plot.parts(f"arrows {name}{far}", hue)
            for at, shaft, middle in ((cells, parts[::2], 0), (tips, parts[::2], 1), (tips, parts[1::2], 1)):
                wanted = np.stack([plot.x.pixel(at[:, 0]), plot.y.pixel(at[:, 1])], axis=1)
                assert np.abs([part[middle] for part in shaft] - wanted).max() < 1
            for shaft, head in zip(parts[::2], parts[1::2], strict=True):
                way = shaft[1] - shaft[0]
                assert np.hypot(*way) < 2 or ((head[[0, 2]] - head[1]) @ way < 0).all(), "a head points back"
        path = [np.array([start])]
        for _ in range(40):
            path.append(path[-1] + 0.2 * field(path[-1]))
        path = np.concatenate(path)
        log = by_torch(path, noise)[0]
        plot.line(f"way {name}", hue, *path.T)
        plot.dot(f"particle {name}", hue, *path[-1])
        curves.line(name, hue, np.arange(41), log)
        words = {"true": "true score", "learned": "autoencoder"}[name]
        curves.label(name, hue, words, 40, log[-1])
        ends[name] = log[[0, -1]]
    low, high = curves.y.limits
    assert low <= min(log.min() for log in ends.values()) < max(log.max() for log in ends.values()) <= high
    (true,), (learned,) = (field([start]) for _, field in fields.values())
    cosine = true @ learned / np.linalg.norm(true) / np.linalg.norm(learned)
    drawn.shows(
        ("angle between the arrows", "ink", f"{fmt(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))), 0)}°"),
        ("length, residual : score", "ink", fmt(np.linalg.norm(learned) / np.linalg.norm(true))),
        ("log density at the start", "ink", fmt(ends["learned"][0])),
        ("after 40 steps", "orange", fmt(ends["learned"][1])),
    )
    assert ("Not one noisy point in a thousand" in drawn.say) is bool(ends["true"][0] < edge)
    drawn.slider("noise σ", place, fmt(noise, 1))
    drawn.complete()


def test_other_data_start_it_anew(gallery):
    """What Python may replace whole, the page draws again: here the mixture, turned by half a turn."""
    figure = opened_once(gallery)
    before = np.stack(figure.drawn().plot("plane").points("data", "muted", tag="dots"), axis=1)
    figure.embed.evaluate(
        """(embed) => {
          const means = new Float32Array(embed.aeModel.get("means").buffer.slice(0)).map((v) => -v);
          embed.aeModel.set("means", new DataView(means.buffer));
        }"""
    )
    after = np.stack(figure.drawn().plot("plane").points("data", "muted", tag="dots"), axis=1)
    assert len(before) == len(after) == 400
    spread = np.hypot(0.08, 0.2) * normals(2, 800).reshape(-1, 2)
    np.testing.assert_allclose(after - spread, spread - before, atol=0.02)


def test_keeps_its_room_whatever_it_says(light, phone, bases):
    for reader in (light, phone):
        figure = opened(reader, bases)
        for x, y, noise in [(2.4, -2.4, 0.1), (0, -0.6, 0.4), (-2.4, 2.4, 0.4), (0.4, 1.25, 0.2)]:
            figure.embed.evaluate(
                "(embed, state) => { for (const name in state) embed.aeModel.set(name, state[name]); }",
                {"x": x, "y": y, "noise": noise},
            )
            figure.check_room()
        assert "nearly vanishes" in figure.readout()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_knows_where_the_data_never_were(still):
    for noise, edge in zip(NOISES, still.edges, strict=True):
        log = by_torch(still.samples(4000, noise), noise)[0]
        assert (log < edge).sum() == 4
        assert by_torch([[2.3, -2.3]], noise)[0] < edge


def test_the_residual_is_close_to_the_score_where_the_data_were(still):
    for noise in NOISES:
        at = still.samples(4000, noise)
        arrows, learned = by_torch(at, noise)[1], still.residual(at, noise)
        error = np.square(learned - arrows).sum(1).mean() / np.square(arrows).sum(1).mean()
        assert error < 0.1, f"σ = {noise}: the residual misses {error:.0%} of the score's power"


def test_the_still_picture_shows_what_the_page_shows(gallery, still):
    figure = FigureOnPage(gallery, "ScoreField")
    before, after = still.log_density(still.path(still.residual)[[0, -1]])
    for value in (before, after):
        assert f"{value:.2f}".replace("-", "−") in figure.readout()
        assert f"{value:.2f}" in still.sentence()
    assert after > before + 2, "it opens where the flow climbs a lot"
    assert len(still.draw().axes) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.5, "1", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"x must be a finite number from -2.4 to 2.4, got"):
        ScoreField([[0, 0]], 1.0, [1.0], [HALF], x=bad)


def test_refuses_other_data():
    good = {"means": [[0, 0]], "width": 1.0, "noises": [1.0], "networks": [HALF]}
    for change, words in (
        ({"means": [[0, 0, 0]]}, r"means must have shape \(any, 2\), got \(1, 3\)"),
        ({"means": [[np.nan, 0]]}, "means must be finite, got nan"),
        ({"noises": [0.0]}, "noises must be at least 0.001, got"),
        ({"noises": [1.0, 1.0]}, "noises must be at least 1 increasing numbers, got"),
        ({"noises": [1.0, 2.0]}, "networks must be a list of 2, one for each noise, got 1"),
        ({"networks": [[(np.eye(3), np.zeros(3), "tanh")]]}, "networks must be from 2 values to 2, got one from 3"),
        ({"networks": [[(np.ones((3, 2)), np.zeros(3), "tanh")]]}, "networks must be .* got one from 2 to 3"),
        ({"networks": [[(np.eye(2), np.zeros(2), "gelu")]]}, "activation must be one of .*, got 'gelu'"),
        ({"networks": [[]]}, "network must have at least one linear layer, got none"),
    ):
        with pytest.raises(ValueError, match=words):
            ScoreField(**{**good, **change})
    with pytest.raises(traitlets.TraitError, match=r"width must be a finite number of at least 0.001, got 0"):
        ScoreField(**{**good, "width": 0})
    with pytest.raises(traitlets.TraitError, match=r"noise must be one of 1.0, got 0.5"):
        ScoreField(**good, noise=0.5)
    with pytest.raises(TypeError, match=r"traits must be among .*, got 'sigma'"):
        ScoreField(**good, sigma=1)


def test_a_bad_number_is_an_error_in_its_box(light, bases):
    figure = opened(light, bases)
    figure.embed.evaluate("(embed) => { embed.aeModel.set('x', NaN); }")
    assert "x" in figure.error()[0]
    figure.embed.evaluate("(embed) => { embed.aeModel.set('x', 0.4); }")
    assert figure.error() == []
