"""NaiveMonteCarlo: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from figure_references import carriers, evidence, likelihoods, linear_models
from scipy.special import logsumexp

from aelab.figures.kit.draws import normals


def on_page(weights, x, sigma):
    return [weights.ravel().tolist(), x.tolist(), sigma]


def test_parity_of_the_exact_value_and_of_the_likelihood(js):
    cases = list(linear_models(150))
    prepared = js.math("naive_monte_carlo", "prepare", [on_page(*case) for case in cases])
    got = [model["exact"] for model in prepared]
    np.testing.assert_allclose(got, [evidence(*case) for case in cases], rtol=1e-9, atol=1e-9)
    random = np.random.default_rng(1)
    z = [random.normal(size=case[0].shape[1]) for case in cases]
    calls = [[*on_page(*case), value.tolist()] for case, value in zip(cases, z, strict=True)]
    got = js.math("naive_monte_carlo", "logLikelihood", calls)
    wanted = [likelihoods(*case, value[None])[0] for case, value in zip(cases, z, strict=True)]
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)
    # mean and spread of log p(x|z) over the prior: a quadratic of Gaussians, sums of eigenvalues say both
    for (weights, x, sigma), model in zip(cases, prepared, strict=True):
        values, vectors = np.linalg.eigh(weights.T @ weights)
        along = vectors.T @ (weights.T @ x)
        constant = -0.5 * len(x) * math.log(2 * math.pi * sigma**2)
        assert model["typical"] == pytest.approx(constant - (x @ x + values.sum()) / (2 * sigma**2), rel=1e-9)
        variance = (2 * values**2 + 4 * along**2).sum() / (4 * sigma**4)
        assert model["spread"] == pytest.approx(math.sqrt(variance), rel=1e-9)


def test_parity_of_the_estimate_sample_for_sample(js):
    """Every running value, the carriers and both histograms, from the same numbers that Python draws."""
    cases, count = list(linear_models(100)), 300
    calls = [[*on_page(*case), seed, count] for seed, case in enumerate(cases)]
    chains = js.math("naive_monte_carlo", "chain", calls)
    for seed, (case, chain) in enumerate(zip(cases, chains, strict=True)):
        run, edges, samples, parts = (chain[name] for name in ("running", "edges", "samples", "parts"))
        dimension = case[0].shape[1]
        values = likelihoods(*case, normals(seed, count * dimension).reshape(count, dimension))
        np.testing.assert_allclose(run, np.logaddexp.accumulate(values) - np.log(np.arange(1, count + 1)), rtol=1e-9)
        assert chain["carriers"] == carriers(values)
        inside = np.clip(values / math.log(10), edges[0], edges[-1] - 1e-9)
        np.testing.assert_allclose(samples, np.histogram(inside, edges)[0] / count, atol=1e-12)
        weights = np.exp(values - logsumexp(values))
        np.testing.assert_allclose(parts, np.histogram(inside, edges, weights=weights)[0], atol=1e-9)
    got = js.math("naive_monte_carlo", "carriers", [[[0.0]], [[0.0, -1000.0]], [[-5.0] * 200]])
    assert got == [1, 1, 198]
