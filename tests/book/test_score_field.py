"""ScoreField: under the hand, and the page's density, score, network and paths against torch and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from aecore.widgets import ScoreField
from aecore.widgets.score_field import denoiser, spiral

from .figure_harness import FigureOnPage, call_module_function

NOISES = [0.1, 0.2, 0.4]
HALF = [(np.eye(2) / 2, np.zeros(2), "linear")]


def opened(reader, bases, way="file"):
    return FigureOnPage(reader.open(bases[way] + "figures.html"), "ScoreField")


@pytest.fixture(scope="module")
def still():
    """The figure of the gallery, in Python: trained once, then from the cache."""
    return ScoreField.example()


def points(count=120):
    return np.random.default_rng(0).uniform(-2.4, 2.4, (count, 2))


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
    figure.check_latency("noise σ")
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
    figure.embed.get_by_role("button", name="Flow").click()
    if motion == "no-preference":
        page.wait_for_timeout(200)
        assert figure.picture() != end, "on its way"
        page.wait_for_timeout(1700)
    assert figure.picture() == end
    figure.embed.get_by_role("button", name="Flow").click()
    figure.slider("noise σ").focus()
    page.keyboard.press("ArrowRight")  # the hand stops the flow
    stopped = figure.picture()
    page.wait_for_timeout(200)
    assert figure.picture() == stopped
    page.emulate_media(reduced_motion="no-preference")
    assert light.problems == []


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


def test_parity_of_density_and_score(gallery, still):
    at, means = points(), np.frombuffer(still.means, "<f4").tolist()
    for noise in NOISES:
        log, arrows = by_torch(at, noise)
        got = call_module_function(gallery, "ScoreField", "mixture", [[*xy, means, 0.08, noise] for xy in at.tolist()])
        np.testing.assert_allclose([one["log"] for one in got], log, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose([one["arrow"] for one in got], arrows, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(still.log_density(at, noise), log, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(still.score(at, noise), arrows, rtol=1e-9, atol=1e-12)


def test_parity_of_the_network_and_of_the_paths(gallery, still):
    at = points()
    for index, noise in enumerate(NOISES):
        network = denoiser(spiral(64), 0.08, noise).double()
        with torch.no_grad():
            residual = (network(torch.tensor(at)) - torch.tensor(at)).numpy()
        got = gallery.evaluate(
            """([index, at]) => {
              const embed = document.querySelector('.ae-embed[data-module=score_field]');
              const { network, flow } = aecore.modules.score_field.math;
              const residual = network(embed.aeModel.get('networks')[index]);
              return at.map(([x, y]) => [residual(x, y), flow(residual, x, y)]);
            }""",
            [index, at.tolist()],
        )
        np.testing.assert_allclose([one for one, _ in got], residual, atol=1e-12)
        np.testing.assert_allclose(still.residual(at, noise), residual, atol=1e-12)
        x = torch.tensor(at)
        with torch.no_grad():
            for step in range(41):
                np.testing.assert_allclose([path[step] for _, path in got], x.numpy(), atol=1e-10)
                x = x + 0.2 * (network(x) - x)


def test_parity_of_angles_and_samples(gallery, still):
    a, b = points(150), points(300)[150:]
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    got = call_module_function(gallery, "ScoreField", "angle", np.stack([a, b], 1).tolist())
    np.testing.assert_allclose(got, np.rad2deg(np.arccos(cosine)), atol=1e-6)
    means = np.frombuffer(still.means, "<f4").tolist()
    drawn = call_module_function(gallery, "ScoreField", "samples", [[400, means, 0.08, 0.2]])[0]
    np.testing.assert_allclose(drawn, still.samples(400, 0.2), atol=1e-12)


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
    with pytest.raises(traitlets.TraitError, match=r"x: got .*, takes a finite number from -2.4 to 2.4"):
        ScoreField([[0, 0]], 1.0, [1.0], [HALF], x=bad)


def test_refuses_other_data():
    good = {"means": [[0, 0]], "width": 1.0, "noises": [1.0], "networks": [HALF]}
    for change, words in (
        ({"means": [[0, 0, 0]]}, r"means: got shape \(1, 3\)"),
        ({"means": [[np.nan, 0]]}, "means: got NaN"),
        ({"width": 0}, "width: got 0, takes a finite positive number"),
        ({"noises": [0.0]}, r"noises: got \[0.0\], takes increasing positive"),
        ({"noises": [1.0, 1.0]}, "noises: got"),
        ({"noises": [1.0, 2.0]}, "networks: got 1, takes one for each of 2 noises"),
        ({"networks": [[(np.eye(3), np.zeros(3), "tanh")]]}, r"weight: got shape \(3, 3\)"),
        ({"networks": [[(np.ones((3, 2)), np.zeros(3), "tanh")]]}, "ends in 3 values"),
        ({"networks": [[(np.eye(2), np.zeros(2), "sigmoid")]]}, "activation: got 'sigmoid'"),
        ({"networks": [[]]}, "ends in no values"),
    ):
        with pytest.raises(ValueError, match=words):
            ScoreField(**{**good, **change})
    with pytest.raises(traitlets.TraitError, match=r"noise: got 0.5, takes one of 1"):
        ScoreField(**good, noise=0.5)
    with pytest.raises(TypeError, match="got 'sigma', takes"):
        ScoreField(**good, sigma=1)


def test_a_bad_number_is_an_error_in_its_box(light, bases):
    figure = opened(light, bases)
    figure.embed.evaluate("(embed) => { embed.aeModel.set('x', NaN); }")
    assert "x: got NaN" in figure.error()[0]
    figure.embed.evaluate("(embed) => { embed.aeModel.set('x', 0.4); }")
    assert figure.error() == []
