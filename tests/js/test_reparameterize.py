"""Reparameterize: the page's functions, in Node, against aecore's and independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from figure_references import MODEL, reparameterize_cases

import aecore as ae
from aelab.figures import Reparameterize
from aelab.figures.kit.draws import normals


@pytest.fixture(scope="module")
def cases():
    return reparameterize_cases()


def state(case):
    return {name: case[name] for name in case if name != "eps"}


def columns(cases, *names):
    return [torch.tensor([[case[name]] for case in cases], dtype=torch.float64) for name in names]


def autograd(cases):
    """Value, slope, both estimators and the exact gradient, by autograd on aecore's log-probability: float64."""
    eps, mean, width, a, b, noise, x = columns(cases, "eps", "mean", "width", *MODEL)
    mean.requires_grad_(), width.requires_grad_()

    def value(z):
        return ae.gaussian_log_prob(x, a * z + b, noise)

    z = mean + width * eps
    pathwise = torch.autograd.grad(value(z).sum(), (mean, width))
    still = z.detach().requires_grad_()
    slope = torch.autograd.grad(value(still).sum(), still)[0]
    log_q = torch.distributions.Normal(mean, width).log_prob(still.detach()).squeeze(1)
    score = torch.autograd.grad((value(still).detach() * log_q).sum(), (mean, width))
    # E_q f by Gauss-Hermite quadrature, exact for a quadratic: not the formula of the figure
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    pairs = zip(nodes, weights / weights.sum(), strict=True)
    exact = torch.autograd.grad(sum(w * value(mean + width * e) for e, w in pairs).sum(), (mean, width))
    return {
        "place": z.detach().squeeze(1),
        "value": value(z).detach(),
        "slope": slope.squeeze(1),
        **{name: torch.cat(pair, 1) for name, pair in (("pathwise", pathwise), ("score", score), ("exact", exact))},
    }


def test_parity_of_both_estimators_and_of_the_true_gradient(js, cases):
    models = [{name: case[name] for name in MODEL} for case in cases]
    eps, mean, width = ([case[name] for case in cases] for name in ("eps", "mean", "width"))
    wanted = autograd(cases)
    places = wanted["place"].tolist()
    calls = {
        "place": zip(eps, mean, width, strict=True),
        "value": zip(places, models, strict=True),
        "slope": zip(places, models, strict=True),
        "pathwise": zip(eps, mean, width, models, strict=True),
        "score": zip(eps, mean, width, models, strict=True),
        "exact": zip(mean, width, models, strict=True),
    }
    for name, arguments in calls.items():
        got = js.math("reparameterize", name, [list(row) for row in arguments])
        np.testing.assert_allclose(got, wanted[name].numpy(), rtol=1e-10, atol=1e-10, err_msg=name)
    for case, gradient in zip(cases, wanted["exact"], strict=True):
        assert Reparameterize(**state(case)).gradient == pytest.approx(gradient.tolist(), rel=1e-10, abs=1e-10)


def test_parity_of_noise_and_variance(js):
    for seed in (0, 5, 2**31):
        got = js.math("reparameterize", "draws", [[seed]])[0]
        np.testing.assert_allclose(got, normals(seed, 1000), rtol=1e-12, atol=1e-14)
    samples = np.random.default_rng(1).normal(3, 2, (100, 40))
    got = js.math("reparameterize", "variance", [[row] for row in samples.tolist()])
    np.testing.assert_allclose(got, samples.var(axis=1, ddof=1), rtol=1e-12)
