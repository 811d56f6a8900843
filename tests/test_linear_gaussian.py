"""The linear-Gaussian model against integrals and samples: nothing here uses its formulas."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import aecore as ae


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ae.LinearGaussian(normal(5, 3), 0.6, normal(5))


def test_the_marginal_is_the_integral_of_likelihood_times_prior():
    """In one latent dimension, against adaptive quadrature."""
    w, b, x, sigma = np.array([0.7, -1.2]), np.array([0.1, 0.4]), np.array([1.0, -0.5]), 0.6
    value, _ = integrate.quad(
        lambda z: stats.norm.pdf(z) * stats.norm.pdf(x, w * z + b, sigma).prod(), -12, 12, epsabs=1e-13
    )
    model = ae.LinearGaussian(torch.tensor(w)[:, None], sigma, torch.tensor(b))
    assert model.marginal.log_prob(torch.tensor(x)).item() == pytest.approx(math.log(value), abs=1e-10)


def test_bayes_rule_holds_at_every_z(model):
    x, z = normal(7, 5), normal(20, 7, 3)
    joint = model.likelihood(z).log_prob(x) + model.prior.log_prob(z)
    torch.testing.assert_close(joint - model.posterior(x).log_prob(z), model.marginal.log_prob(x).expand(20, 7))


def test_the_likelihood_is_a_gaussian_around_the_decoder(model):
    z, x = normal(4, 3), normal(4, 5)
    by_hand = ae.gaussian_log_prob(x, z @ model.weights.T + model.offset, 0.6)
    torch.testing.assert_close(model.likelihood(z).log_prob(x), by_hand)


def test_the_elbo_is_the_average_of_the_log_weights(model):
    """Gauss–Hermite quadrature is exact for what is quadratic in z."""
    x, mean, root = normal(6, 5), normal(6, 3), normal(6, 3, 3)
    cov = root @ root.mT + 0.1 * torch.eye(3)
    q = torch.distributions.MultivariateNormal(mean, cov)
    nodes, weights = (torch.tensor(v) for v in np.polynomial.hermite_e.hermegauss(4))
    eps = torch.cartesian_prod(nodes, nodes, nodes)
    share = torch.cartesian_prod(weights, weights, weights).prod(dim=1) / (2 * math.pi) ** 1.5
    z = mean + torch.einsum("nij,sj->sni", q.scale_tril, eps)
    log_w = model.likelihood(z).log_prob(x) + model.prior.log_prob(z) - q.log_prob(z)
    torch.testing.assert_close(model.elbo(x, mean, cov), share @ log_w)


def test_at_the_posterior_the_elbo_is_the_evidence(model):
    x = normal(6, 5)
    posterior = model.posterior(x)
    bound = model.elbo(x, posterior.mean, posterior.covariance_matrix)
    torch.testing.assert_close(bound, model.marginal.log_prob(x))


def test_the_weights_can_be_learned():
    weights = normal(4, 2).requires_grad_()
    x = normal(3, 4)
    ae.LinearGaussian(weights, 0.5).marginal.log_prob(x).sum().backward()
    assert weights.grad.abs().min() > 0
    bound = ae.LinearGaussian(weights, 0.5).elbo(x, normal(3, 2), torch.eye(2).double().expand(3, 2, 2))
    (slope,) = torch.autograd.grad(bound.sum(), weights)
    assert slope.isfinite().all()
    assert slope.abs().min() > 0


def test_single_precision_stays_single_precision():
    model = ae.LinearGaussian(torch.ones(3, 2), 0.5)
    x = torch.zeros(4, 3)
    assert model.posterior(x).mean.dtype == model.marginal.log_prob(x).dtype == torch.float32
    assert (model.offset == 0).all()
