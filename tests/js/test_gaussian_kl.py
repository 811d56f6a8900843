"""GaussianKL: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import aecore as ae
from aelab.figures import GaussianKL
from aelab.figures.kit.draws import normals


def gaussians(count, of=2):
    """Means and widths over the whole range of the sliders: shape (count, 2 * of), mean, width, mean, width, …"""
    low, high = np.tile([-2.5, 0.4], of), np.tile([2.5, 1.6], of)
    return np.random.default_rng(0).uniform(low, high, (count, 2 * of))


def aecore_kl(numbers):
    m, s, n, w = torch.tensor(np.array(numbers)).T.reshape(4, -1, 1)
    return ae.gaussian_kl_full(m, s.square()[..., None], n, w.square()[..., None]).numpy()


def test_parity_of_kl(js):
    numbers = gaussians(400)
    got = js.math("gaussian_kl", "kl", numbers.tolist())
    np.testing.assert_allclose(got, aecore_kl(numbers), rtol=1e-10, atol=1e-12)
    for m, s, n, w in numbers[:20]:
        figure = GaussianKL(p_mean=m, p_width=s, q_mean=n, q_width=w)
        assert figure.kl("p", "q") == pytest.approx(aecore_kl([[m, s, n, w]])[0], abs=1e-12)


def test_parity_of_the_integrand_and_its_area(js):
    numbers = np.concatenate([np.random.default_rng(1).uniform(-6, 6, (400, 1)), gaussians(400)], axis=1)
    x, m, s, n, w = torch.tensor(numbers).T.reshape(5, -1, 1)
    log_p, log_q = ae.gaussian_log_prob(x, m, s), ae.gaussian_log_prob(x, n, w)
    got = js.math("gaussian_kl", "integrand", numbers.tolist())
    np.testing.assert_allclose(got, (log_p.exp() * (log_p - log_q)).numpy(), rtol=1e-9, atol=1e-12)
    grid = np.linspace(-15, 15, 4001)
    for pair in gaussians(5):
        values = js.math("gaussian_kl", "integrand", [[v, *pair] for v in grid])
        assert np.trapezoid(values, grid) == pytest.approx(aecore_kl([pair])[0], abs=1e-6)


def test_parity_of_the_estimate_sample_for_sample(js):
    for seed in (0, 1, 2**31):
        z = js.math("gaussian_kl", "normals", [[seed]])[0]
        np.testing.assert_allclose(z, normals(seed, 10_000), rtol=1e-12, atol=1e-14)
        assert abs(np.mean(z)) < 0.04
        assert abs(np.std(z) - 1) < 0.03
    pairs = gaussians(120)
    calls = [[3, int(count), *pair] for count, pair in zip(np.geomspace(1, 10_000, 120), pairs.tolist(), strict=True)]
    for call, got in zip(calls, js.math("gaussian_kl", "running", calls), strict=True):
        _, count, m, s, n, w = call
        x = m + s * torch.tensor(normals(3, count))[:, None]
        value = ae.gaussian_log_prob(x, torch.full_like(x, m), s) - ae.gaussian_log_prob(x, torch.full_like(x, n), w)
        assert (got["at"][0], got["at"][-1]) == (1, count)
        assert got["at"] == sorted(set(got["at"]))
        for at, mean, error in list(zip(got["at"], got["mean"], got["error"], strict=True))[:: max(1, count // 50)]:
            assert mean == pytest.approx(value[:at].mean().item(), rel=1e-9, abs=1e-10)
            if at > 1:
                assert error == pytest.approx((value[:at].std() / at**0.5).item(), rel=1e-7, abs=1e-9)
            else:
                assert np.isnan(error)


def test_parity_of_the_spread(js):
    pairs = gaussians(100)
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)  # exact: the squared log-ratio is a polynomial
    m, s, n, w = pairs.T[..., None]
    x = m + s * nodes
    ratio = np.log(w / s) + ((x - n) / w) ** 2 / 2 - ((x - m) / s) ** 2 / 2
    mean = (ratio * weights).sum(1) / weights.sum()
    variance = ((ratio - mean[:, None]) ** 2 * weights).sum(1) / weights.sum()
    got = js.math("gaussian_kl", "spread", pairs.tolist())
    np.testing.assert_allclose(got, np.sqrt(variance), rtol=1e-9)
