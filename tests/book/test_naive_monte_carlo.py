"""NaiveMonteCarlo: under the hand, and the page's exact log p(x), estimate and histograms against torch and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import traitlets
from scipy.special import logsumexp
from torch.distributions import MultivariateNormal, Normal

from aecore.widgets import NaiveMonteCarlo
from aecore.widgets.draws import normals

from .figure_harness import FigureOnPage, call_module_function


def models(count):
    """Random decoders, observations and noises: (weights, x, σ), of 1 to 20 latent and 2 to 20 visible dimensions."""
    random = np.random.default_rng(0)
    for _ in range(count):
        size, dimension = random.integers(2, 21), random.integers(1, 21)
        weights, sigma = random.normal(size=(size, dimension)) / math.sqrt(size), random.uniform(0.2, 2)
        x = weights @ random.normal(size=dimension) + sigma * random.normal(size=size)
        yield weights, x, float(sigma)


def evidence(weights, x, sigma):
    """log p(x) by torch, in float64."""
    weights, x = torch.tensor(weights), torch.tensor(x)
    covariance = weights @ weights.T + sigma**2 * torch.eye(len(x), dtype=torch.float64)
    return MultivariateNormal(torch.zeros_like(x), covariance).log_prob(x).item()


def likelihoods(weights, x, sigma, z):
    """log p(x|z) of each row of z by torch, in float64."""
    return Normal(torch.tensor(z) @ torch.tensor(weights).T, sigma).log_prob(torch.tensor(x)).sum(1).numpy()


def on_page(weights, x, sigma):
    return [weights.ravel().tolist(), x.tolist(), sigma]


def carriers(values):
    """The fewest of exp(values) that make up 99 % of their sum, by sorting them all."""
    parts = np.exp(np.sort(values)[::-1] - logsumexp(values)).cumsum()
    return int(np.argmax(parts >= 0.99 * parts[-1])) + 1


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
    # the reader's pointer starts the drawing ahead; then no slider has to wait
    figure.embed.locator(".ae-figure").hover()
    figure.page.wait_for_timeout(1500)
    figure.check_latency("samples")
    figure.check_latency("dimension of z")
    assert light.problems == []


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
    assert figure.error() == ["This figure cannot draw: dimension: got 7, takes one of the model's"]


def test_parity_of_the_exact_value_and_of_the_likelihood(gallery):
    cases = list(models(150))
    got = call_module_function(gallery, "NaiveMonteCarlo", "exact", [on_page(*case) for case in cases])
    np.testing.assert_allclose(got, [evidence(*case) for case in cases], rtol=1e-9, atol=1e-9)
    random = np.random.default_rng(1)
    z = [random.normal(size=case[0].shape[1]) for case in cases]
    calls = [[*on_page(*case), value.tolist()] for case, value in zip(cases, z, strict=True)]
    got = call_module_function(gallery, "NaiveMonteCarlo", "logLikelihood", calls)
    wanted = [likelihoods(*case, value[None])[0] for case, value in zip(cases, z, strict=True)]
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    # mean and spread of log p(x|z) over the prior: a quadratic of Gaussians, sums of eigenvalues say both
    got = call_module_function(gallery, "NaiveMonteCarlo", "moments", [on_page(*case) for case in cases])
    for (weights, x, sigma), (typical, spread) in zip(cases, got, strict=True):
        values, vectors = np.linalg.eigh(weights.T @ weights)
        along = vectors.T @ (weights.T @ x)
        constant = -0.5 * len(x) * math.log(2 * math.pi * sigma**2)
        assert typical == pytest.approx(constant - (x @ x + values.sum()) / (2 * sigma**2), rel=1e-9)
        variance = (2 * values**2 + 4 * along**2).sum() / (4 * sigma**4)
        assert spread == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_parity_of_the_estimate_sample_for_sample(gallery):
    """Every running value, the carriers and both histograms, from the same numbers that Python draws."""
    cases, count = list(models(100)), 300
    calls = [[*on_page(*case), seed, count] for seed, case in enumerate(cases)]
    runs = call_module_function(gallery, "NaiveMonteCarlo", "running", calls)
    summaries = call_module_function(gallery, "NaiveMonteCarlo", "summary", calls)
    for seed, (case, run, (edges, samples, parts, few)) in enumerate(zip(cases, runs, summaries, strict=True)):
        dimension = case[0].shape[1]
        values = likelihoods(*case, normals(seed, count * dimension).reshape(count, dimension))
        np.testing.assert_allclose(run, np.logaddexp.accumulate(values) - np.log(np.arange(1, count + 1)), rtol=1e-9)
        assert few == carriers(values)
        inside = np.clip(values / math.log(10), edges[0], edges[-1] - 1e-9)
        np.testing.assert_allclose(samples, np.histogram(inside, edges)[0] / count, atol=1e-12)
        weights = np.exp(values - logsumexp(values))
        np.testing.assert_allclose(parts, np.histogram(inside, edges, weights=weights)[0], atol=1e-9)
    got = call_module_function(gallery, "NaiveMonteCarlo", "carriers", [[[0.0]], [[0.0, -1000.0]], [[-5.0] * 200]])
    assert got == [1, 1, 198]


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
    for weights, x, sigma in models(100):
        figure = NaiveMonteCarlo([(weights, x)], sigma=sigma, samples=50, seed=3)
        weights, x = figure.decoder()  # as the page has them: float32
        assert figure.exact() == pytest.approx(evidence(weights, x, sigma), rel=1e-9, abs=1e-9)
        z = normals(3, 50 * weights.shape[1]).reshape(50, -1)
        np.testing.assert_allclose(figure.log_likelihoods(), likelihoods(weights, x, sigma, z), rtol=1e-9)
    figure = NaiveMonteCarlo(dimension=1, samples=100_000)
    assert logsumexp(figure.log_likelihoods()) - math.log(100_000) == pytest.approx(figure.exact(), abs=0.05)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0, -1.0, "1", None, [0.5]])
def test_refuses_by_name(bad):
    with pytest.raises(traitlets.TraitError, match=r"sigma: got .*, takes a finite number from 0.01 to 10"):
        NaiveMonteCarlo(sigma=bad)
    with pytest.raises(traitlets.TraitError, match="samples"):
        NaiveMonteCarlo(samples=bad)
    with pytest.raises(traitlets.TraitError, match="dimension"):
        NaiveMonteCarlo(dimension=bad)


def test_refuses_models_by_name():
    with pytest.raises(traitlets.TraitError, match="dimension: got 3, takes one of 1, 2, 5, 10, 20"):
        NaiveMonteCarlo(dimension=3)
    with pytest.raises(ValueError, match="models: got the dimensions \\[2, 1\\]"):
        NaiveMonteCarlo([(np.ones((3, 2)), np.ones(3)), (np.ones((3, 1)), np.ones(3))])
    with pytest.raises(ValueError, match="models: got the dimensions \\[\\]"):
        NaiveMonteCarlo([])
    with pytest.raises(ValueError, match="x: got shape"):
        NaiveMonteCarlo([(np.ones((3, 2)), np.ones(2))])
    with pytest.raises(ValueError, match="weights: got NaN or infinity"):
        NaiveMonteCarlo([([[float("inf")]], [1.0])])
    with pytest.raises(TypeError, match="got 'model', takes models"):
        NaiveMonteCarlo(model={})
    with pytest.raises(TypeError, match="got 'size', takes"):
        NaiveMonteCarlo(size=3)
