"""NaiveMonteCarlo: under the hand, and the page's exact log p(x), estimate and histograms against torch and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import traitlets
from figure_references import carriers, evidence, likelihoods, linear_models
from scipy.special import logsumexp

from aelab.figures import NaiveMonteCarlo
from aelab.figures.kit.draws import normals

from .drawn import fmt
from .figure_harness import FigureOnPage


@pytest.mark.parametrize("way", ["http", "file"])
def test_moves_under_the_hand(light, bases, way):
    figure = FigureOnPage(light.open(bases[way] + "figures.html"), "NaiveMonteCarlo")
    figure.check_slider("samples")
    figure.check_slider("dimension of z")
    figure.check_reset()
    before = figure.picture(), figure.readout()
    figure.embed.get_by_role("button", name="New samples").click()
    assert figure.trait("seed") == 1
    assert figure.picture() != before[0]
    assert figure.readout() != before[1]
    figure.check_reset()
    assert [figure.trait(name) for name in ("samples", "dimension", "seed")] == [1000, 10, 0]
    assert light.problems == []


STATES = {
    "as it opens": [],
    "one sample in one dimension": [("samples", "Home"), ("dimension of z", "Home")],
    "many in twenty": [("samples", "PageUp"), ("dimension of z", "End")],
    "many in one": [("samples", "ArrowRight", "ArrowRight", "ArrowRight"), ("dimension of z", "Home")],
}


@pytest.mark.parametrize("state", STATES)
def test_draws_what_torch_computes(gallery, state):
    figure = FigureOnPage(gallery, "NaiveMonteCarlo")
    figure.start()
    for label, *keys in STATES[state]:
        figure.press(label, *keys)
    drawn = figure.drawn()
    has, numbers, at = drawn.traits, np.frombuffer(drawn.traits["model"]["data"], "<f4").astype(float), 0
    count, dimension, sigma = has["samples"], has["dimension"], has["sigma"]
    for size, columns in has["model"]["sizes"]:
        weights, x = np.split(numbers[at : at + size * (columns + 1)], [size * columns])
        at += size * (columns + 1)
        if columns == dimension:
            break
    weights = weights.reshape(-1, dimension)
    values = likelihoods(weights, x, sigma, normals(has["seed"], count * dimension).reshape(count, dimension))
    running, goal = np.logaddexp.accumulate(values) - np.log(np.arange(1, count + 1)), evidence(weights, x, sigma)
    estimate, error = running[-1], running[-1] - goal

    plot, reach = drawn.plot("estimate", x="log"), 20 + 2 * dimension
    assert plot.y.limits == pytest.approx((goal - reach, goal + reach / 5), abs=0.02)
    assert plot.x.limits == pytest.approx((1, 100_000), rel=0.01)
    n = plot.points("estimate", "blue")[0].round().astype(int)
    assert (n[0], n[-1], bool((np.diff(n) > 0).all())) == (1, count, True)
    plot.line("estimate", "blue", n, running[n - 1])
    plot.rule("exact", "ink", y=goal)
    plot.end_labels(("exact", "ink", goal))
    plot.line("gap", "muted", [count, count], [estimate, goal])
    plot.dot("estimate", "blue", count, estimate)
    words = f"{fmt(abs(error), 1)} nats {'short' if error < 0 else 'over'}" if abs(error) >= reach / 20 else ""
    plot.label("gap", "blue", words, count, np.clip(goal + error / 2, goal - reach + reach / 10, goal))

    samples, total = drawn.plot("samples"), drawn.plot("sum")
    assert samples.x.limits == pytest.approx(total.x.limits)
    edges = np.linspace(*np.round(total.x.limits), 45)
    inside = np.clip(values / math.log(10), edges[0], edges[-1] - 1e-9)
    samples.bars("samples", "blue", edges, np.histogram(inside, edges)[0] / count)
    shares = np.histogram(inside, edges, weights=np.exp(values - logsumexp(values)))[0]
    total.bars("sum", "orange", edges, shares)
    assert total.y.limits == pytest.approx((0, 1), abs=1e-6)
    drawn.shows(
        ("estimate of log p(x)", "blue", f"{fmt(estimate)} nats"),
        ("exact", "ink", f"{fmt(goal)} nats"),
        ("samples that carry 99 % of the sum", "orange", f"{carriers(values):,} of {count:,}"),
    )
    places = [v * 10**k for k in range(5) for v in (1, 2, 3, 5, 7)]
    drawn.slider("samples", places.index(count), f"{count:,}")
    drawn.slider("dimension of z", [d for _, d in has["model"]["sizes"]].index(dimension), str(dimension))
    assert drawn.say.startswith(f"In {dimension} dimension{'s' if dimension > 1 else ''}, {carriers(values):,} of")
    drawn.complete()


def test_keeps_its_room_in_every_dimension(light, phone, bases):
    for reader in (light, phone):
        figure = FigureOnPage(reader.open(bases["file"] + "figures.html"), "NaiveMonteCarlo")
        for dimension, samples in ((1, 1), (20, 1), (20, 1000)):
            figure.embed.evaluate(
                "(embed, [d, n]) => { embed.aeModel.set('dimension', d); embed.aeModel.set('samples', n); }",
                [dimension, samples],
            )
            figure.check_room()
            assert f"In {dimension} dimension" in figure.readout()
        assert figure.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_state_that_does_not_fit_is_an_error_in_the_box(light, bases):
    figure = FigureOnPage(light.open(bases["file"] + "figures.html"), "NaiveMonteCarlo")
    figure.embed.evaluate("(embed) => { embed.aeModel.set('dimension', 7); }")
    (error,) = figure.error()
    assert "dimension" in error
    assert "got 7" in error


def test_the_still_picture_samples_as_the_page_does(gallery):
    figure = NaiveMonteCarlo.example()
    shown = FigureOnPage(gallery, "NaiveMonteCarlo").readout().replace("−", "-")
    values = figure.log_likelihoods()
    estimate = logsumexp(values) - math.log(len(values))
    assert f"{estimate:.2f} nats" in shown
    assert f"{figure.exact():.2f} nats" in shown
    assert f"{carriers(values)} of 1,000" in shown
    assert f"dimensions: {estimate:.1f} nats, where the exact value is {figure.exact():.1f}." in figure.sentence()
    assert f"{carriers(values)} of the samples carry 99 % of it" in figure.sentence()
    titles = [axes.get_title() for axes in figure.draw().axes]
    assert titles == ["log p(x), nats (dotted: exact)", "share of the samples", "share of their sum"]
    # what the docstring says: a handful carries the sum, and more than ten nats are missing
    assert carriers(values) <= 5
    assert estimate < figure.exact() - 10


def test_parity_of_python_and_the_estimate_is_right_in_one_dimension():
    for weights, x, sigma in linear_models(100):
        figure = NaiveMonteCarlo([(weights, x)], sigma=sigma, samples=50, seed=3)
        weights, x = figure.decoder()  # as the page has them: float32
        assert figure.exact() == pytest.approx(evidence(weights, x, sigma), rel=1e-9, abs=1e-9)
        z = normals(3, 50 * weights.shape[1]).reshape(50, -1)
        np.testing.assert_allclose(figure.log_likelihoods(), likelihoods(weights, x, sigma, z), rtol=1e-9)
    figure = NaiveMonteCarlo(dimension=1, samples=100_000)
    assert logsumexp(figure.log_likelihoods()) - math.log(100_000) == pytest.approx(figure.exact(), abs=0.05)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0, -1.0, "1", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"sigma must be a finite number from 0.01 to 10.*, got"):
        NaiveMonteCarlo(sigma=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        NaiveMonteCarlo(samples=bad)
    with pytest.raises(traitlets.TraitError, match="dimension"):
        NaiveMonteCarlo(dimension=bad)


def test_refuses_models_by_name():
    with pytest.raises(traitlets.TraitError, match="dimension must be one of 1, 2, 5, 10, 20, got 3"):
        NaiveMonteCarlo(dimension=3)
    with pytest.raises(ValueError, match=r"models must be of growing dimensions, at least one, got \[2, 1\]"):
        NaiveMonteCarlo([(np.ones((3, 2)), np.ones(3)), (np.ones((3, 1)), np.ones(3))])
    with pytest.raises(ValueError, match=r"models must be of growing dimensions, at least one, got \[\]"):
        NaiveMonteCarlo([])
    with pytest.raises(ValueError, match=r"x must have shape .*, got ."):
        NaiveMonteCarlo([(np.ones((3, 2)), np.ones(2))])
    with pytest.raises(ValueError, match="weights must be finite, got"):
        NaiveMonteCarlo([([[float("inf")]], [1.0])])
    with pytest.raises(TypeError, match="model"):
        NaiveMonteCarlo(model={})
    with pytest.raises(TypeError, match=r"traits must be among .*, got 'size'"):
        NaiveMonteCarlo(size=3)
