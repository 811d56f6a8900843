"""Every numbered equation of lecture 05, as a test of the same number: (5.3) is `test_equation_5_3_...`."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.distributions import MultivariateNormal

import aecore as ae

SIGMA = 0.3


def random(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def arc(z):
    return 2 * math.sin(z), 2 * math.cos(z)


def likelihood(x, z):
    """p(x|z) of the arc."""
    return math.exp(-(math.dist(x, arc(z)) ** 2) / (2 * SIGMA**2)) / (2 * math.pi * SIGMA**2)


def prior(z):
    return math.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)


def marginal(x):
    """p(x) of the arc, by adaptive quadrature in one period after the other."""
    cuts = [math.pi * k for k in range(-3, 4)]
    parts = [integrate.quad(lambda z: likelihood(x, z) * prior(z), *ends) for ends in itertools.pairwise(cuts)]
    return sum(part[0] for part in parts)


@pytest.fixture
def linear():
    """Weights (6, 2), an offset, and five observations."""
    return random(6, 2), random(6, seed=1), 2 * random(5, 6, seed=2)


def linear_log_marginal(weights, offset, x, variance=SIGMA**2):
    eye = torch.eye(len(weights), dtype=torch.float64)
    return MultivariateNormal(offset, weights @ weights.T + variance * eye).log_prob(x)


def linear_posterior(weights, offset, x):
    """Mean (batch, d) and covariance (d, d)."""
    d = weights.shape[1]
    m = torch.linalg.inv(torch.eye(d, dtype=torch.float64) + weights.T @ weights / SIGMA**2)
    return (x - offset) @ weights @ m / SIGMA**2, m


def linear_log_likelihood(weights, offset, x, z):
    """log p(x|z) for x (batch, D) and z (n, d): (n, batch)."""
    means = z @ weights.T + offset
    square = torch.cdist(means, x).square()
    return -square / (2 * SIGMA**2) - x.shape[1] / 2 * math.log(2 * math.pi * SIGMA**2)


def grid(reach=8.0, points=801):
    """A grid of two latent dimensions and the log of the prior mass of each cell."""
    ticks = torch.linspace(-reach, reach, points, dtype=torch.float64)
    z = torch.cartesian_prod(ticks, ticks)
    return z, -0.5 * z.square().sum(dim=1) - math.log(2 * math.pi) + 2 * (ticks[1] - ticks[0]).log()


def test_equation_5_1_expected_log_probability_is_minus_entropy_minus_kl():
    p, q = (torch.softmax(2 * random(50, seed=seed), dim=0) for seed in (0, 1))
    expected = (p * q.log()).sum()
    entropy, divergence = stats.entropy(p), stats.entropy(p, q)
    assert expected.item() == pytest.approx(-entropy - divergence, rel=1e-12)


def test_equation_5_2_the_marginal_is_the_density_of_what_is_drawn():
    z, noise = random(200_000), random(200_000, 2, seed=1)
    x = 2 * torch.stack([z.sin(), z.cos()], dim=1) + SIGMA * noise
    # the mean of p(x) over a small square is the share of samples that land in it
    for a, b in ((0.0, 2.0), (1.7, 1.05), (-2.0, 0.0)):
        share = ((x - torch.tensor([a, b])).abs().amax(dim=1) < 0.25).double().mean().item()
        nodes, weights = (part / 2 for part in np.polynomial.legendre.leggauss(4))
        inside = [
            u * v * marginal((a + 0.5 * s, b + 0.5 * t))
            for u, s in zip(weights, nodes, strict=True)
            for v, t in zip(weights, nodes, strict=True)
        ]
        assert 0.25 * sum(inside) == pytest.approx(share, rel=0.05)


@pytest.mark.parametrize("x", [(1.7, 1.05), (0.0, 0.0), (0.0, -2.0)])
def test_equation_5_3_the_posterior_is_joint_over_marginal(x):
    evidence = marginal(x)
    cuts = [math.pi * k for k in range(-3, 4)]
    posterior = [
        integrate.quad(lambda z: likelihood(x, z) * prior(z) / evidence, *ends)[0] for ends in itertools.pairwise(cuts)
    ]
    assert sum(posterior) == pytest.approx(1, abs=1e-9)
    if x == (0.0, 0.0):  # the centre is equally far from every f(z): the posterior is the prior
        by_prior = [stats.norm.cdf(b) - stats.norm.cdf(a) for a, b in itertools.pairwise(cuts)]
        assert posterior == pytest.approx(by_prior, abs=1e-9)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_equation_5_4_the_gaussian_likelihood_is_a_scaled_squared_error_and_a_constant(sigma):
    x, mean = random(4, 1, 5, 5), random(4, 1, 5, 5, seed=1)
    right_side = ae.squared_error(x, mean) / (2 * sigma**2) + 25 / 2 * math.log(2 * math.pi * sigma**2)
    by_scipy = -stats.norm.logpdf(x.numpy(), mean.numpy(), sigma).reshape(4, -1).sum(axis=1)
    torch.testing.assert_close(right_side, torch.tensor(by_scipy))
    torch.testing.assert_close(-ae.gaussian_log_prob(x, mean, sigma), right_side)


def test_equation_5_5_the_best_variance_is_the_mean_squared_error_per_dimension():
    x, mean = random(30, 7), random(30, 7, seed=1)
    best = ((x - mean).square().sum() / (30 * 7)).sqrt()
    log_sigma = best.log().clone().requires_grad_()
    ae.gaussian_log_prob(x, mean, log_sigma.exp()).sum().backward()
    assert log_sigma.grad.abs() < 1e-10
    top = ae.gaussian_log_prob(x, mean, best.item()).sum()
    assert all(ae.gaussian_log_prob(x, mean, best.item() * k).sum() < top for k in (0.5, 0.99, 1.01, 2.0))
    torch.testing.assert_close(top, -30 * 7 / 2 * (1 + (2 * math.pi * best**2).log()))


def test_equation_5_6_the_bernoulli_likelihood_sums_to_one_over_binary_pictures_only():
    logits = 2 * random(6)
    s = logits.sigmoid()
    every_x = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 6)
    by_hand = (every_x * s.log() + (1 - every_x) * (1 - s).log()).sum(dim=1)
    torch.testing.assert_close(ae.bernoulli_log_prob(logits.expand(64, 6), every_x), by_hand)
    assert by_hand.exp().sum().item() == pytest.approx(1, rel=1e-12)
    over_greys, _ = integrate.quad(lambda x: (s[0] ** x * (1 - s[0]) ** (1 - x)).item(), 0, 1)
    assert over_greys < 0.9


def test_equation_5_7_the_log_likelihood_of_a_set_is_a_sum(linear):
    weights, offset, x = linear
    of_each = linear_log_marginal(weights, offset, x)
    covariance = weights @ weights.T + SIGMA**2 * torch.eye(6, dtype=torch.float64)
    together = MultivariateNormal(offset.repeat(5), torch.block_diag(*[covariance] * 5)).log_prob(x.flatten())
    torch.testing.assert_close(of_each.sum(), together)


def test_equation_5_8_the_marginal_of_a_linear_decoder_is_the_integral(linear):
    weights, offset, x = linear
    z, log_mass = grid()
    by_grid = (linear_log_likelihood(weights, offset, x, z) + log_mass[:, None]).logsumexp(dim=0)
    torch.testing.assert_close(linear_log_marginal(weights, offset, x), by_grid, rtol=1e-9, atol=1e-9)


def test_equation_5_9_the_posterior_of_a_linear_decoder_follows_from_bayes(linear):
    weights, offset, x = linear
    z = random(200, 2, seed=3)
    log_prior = -0.5 * z.square().sum(dim=1) - math.log(2 * math.pi)
    by_bayes = linear_log_likelihood(weights, offset, x, z) + log_prior[:, None]
    by_bayes = by_bayes - linear_log_marginal(weights, offset, x)
    mean, covariance = linear_posterior(weights, offset, x)
    closed = MultivariateNormal(mean, covariance).log_prob(z[:, None])
    torch.testing.assert_close(closed, by_bayes, rtol=1e-9, atol=1e-9)


# For (5.10), (5.11) and (5.15): a latent variable with four values, so that every possible set of samples can be listed

PRIOR = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
P_OF_X = torch.tensor([0.5, 1e-6, 0.02, 0.1], dtype=torch.float64)


def every_estimate(samples):
    """All values that the estimate can take, with their probabilities."""
    draws = torch.cartesian_prod(*[torch.arange(4)] * samples).view(-1, samples)
    return P_OF_X[draws].mean(dim=1), PRIOR[draws].prod(dim=1)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_equation_5_10_the_naive_estimate_is_right_on_average(samples):
    estimate, probability = every_estimate(samples)
    assert (probability * estimate).sum().item() == pytest.approx((PRIOR * P_OF_X).sum().item(), rel=1e-12)


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_equation_5_11_the_relative_variance_falls_with_the_number_of_samples(samples):
    estimate, probability = every_estimate(samples)
    exact = (PRIOR * P_OF_X).sum()
    variance = (probability * (estimate - exact).square()).sum() / exact**2
    formula = ((PRIOR * P_OF_X.square()).sum() / exact**2 - 1) / samples
    torch.testing.assert_close(variance, formula)


def test_equation_5_12_the_second_moment_of_a_linear_decoder_is_a_gaussian_too(linear):
    weights, offset, x = linear
    z, log_mass = grid()
    by_grid = (2 * linear_log_likelihood(weights, offset, x, z) + log_mass[:, None]).logsumexp(dim=0)
    closed = linear_log_marginal(weights, offset, x, SIGMA**2 / 2) - 6 / 2 * math.log(4 * math.pi * SIGMA**2)
    torch.testing.assert_close(closed, by_grid, rtol=1e-9, atol=1e-9)


def test_equation_5_13_the_divergence_from_prior_to_posterior(linear):
    weights, offset, x = linear
    mean, covariance = linear_posterior(weights, offset, x)
    eye = torch.eye(2, dtype=torch.float64).expand(5, 2, 2)
    divergence = ae.gaussian_kl_full(mean, covariance.expand(5, 2, 2), torch.zeros_like(mean), eye)
    z, log_mass = grid()
    log_p = linear_log_likelihood(weights, offset, x, z)
    posterior = (log_p + log_mass[:, None]).softmax(dim=0)
    right_side = (posterior * log_p).sum(dim=0) - linear_log_marginal(weights, offset, x)
    torch.testing.assert_close(divergence, right_side, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shift", [0.0, -784.0, -1e6, 1e6])
def test_equation_5_14_the_largest_term_can_be_taken_out_of_the_sum(shift):
    from scipy.special import logsumexp

    terms = 5 * random(40) + shift
    m = terms.max()
    stable = m + (terms - m).exp().sum().log()
    assert stable.item() == pytest.approx(logsumexp(terms.numpy()), rel=1e-14)
    if shift == 0:
        torch.testing.assert_close(stable, terms.exp().sum().log())


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_equation_5_15_the_log_of_the_estimate_is_too_low_on_average(samples):
    estimate, probability = every_estimate(samples)
    exact = (PRIOR * P_OF_X).sum().log()
    mean_of_log = (probability * estimate.log()).sum()
    assert mean_of_log < exact
    log_p = 10 * random(samples, 300)  # mean of logs against log of mean, 300 sets of samples
    assert (log_p.mean(dim=0) <= log_p.logsumexp(dim=0) - math.log(samples) + 1e-12).all()
    if samples > 1:
        fewer, their_probability = every_estimate(samples - 1)
        assert mean_of_log > (their_probability * fewer.log()).sum()
