"""Every term of every loss against an independent source: theory, SciPy, quadrature, Monte Carlo."""

import math
from itertools import product

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from loss_cases import DIFFERENTIABLE
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

import aecore as ae
from aecore.losses import likelihoods

pytestmark = pytest.mark.usefixtures("float64")

MOMENTS = [(0.0, 0.0), (1.3, 0.0), (0.0, -2.0), (-0.7, 1.1), (3.0, -5.0)]


def covariances(batch, k):
    root = torch.randn(batch, k, k)
    return root @ root.mT + 0.5 * torch.eye(k)


def standard_error(samples):
    return samples.std() / math.sqrt(len(samples))


# Divergences


def test_gaussian_kl_is_the_closed_form_of_full_covariance_and_of_torch():
    mean, logvar = torch.randn(6, 3), torch.randn(6, 3)
    ours = ae.gaussian_kl(mean, logvar)
    zeros, eye = torch.zeros_like(mean), torch.eye(3).expand(6, 3, 3)
    torch.testing.assert_close(ours, ae.gaussian_kl_full(mean, torch.diag_embed(logvar.exp()), zeros, eye))
    q = Independent(Normal(mean, (logvar / 2).exp()), 1)
    p = Independent(Normal(zeros, torch.ones_like(mean)), 1)
    torch.testing.assert_close(ours, kl_divergence(q, p))


@pytest.mark.parametrize(("mean", "logvar"), MOMENTS)
def test_gaussian_kl_is_the_integral_that_defines_it(mean, logvar):
    sigma = math.exp(logvar / 2)
    q, p = scipy.stats.norm(mean, sigma), scipy.stats.norm()
    integral, _ = scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mean - 12 * sigma, mean + 12 * sigma, epsabs=1e-12
    )
    assert ae.gaussian_kl(torch.tensor([[mean]]), torch.tensor([[logvar]])).item() == pytest.approx(integral, abs=1e-9)


def test_gaussian_kl_is_what_samples_say():
    mean, logvar = torch.tensor([[0.8, -0.5]]), torch.tensor([[-1.0, 0.6]])
    q = Independent(Normal(mean, (logvar / 2).exp()), 1)
    z = q.sample((200_000,))
    log_ratio = (q.log_prob(z) - Normal(0.0, 1.0).log_prob(z).sum(-1)).squeeze(1)
    assert abs(log_ratio.mean() - ae.gaussian_kl(mean, logvar)).item() < 4 * standard_error(log_ratio)


def test_gaussian_kl_is_zero_at_the_prior_and_positive_elsewhere():
    zero = torch.zeros(1, 2)
    assert ae.gaussian_kl(zero, zero).item() == 0
    for step in (1e-6, -1e-6, 0.1, -0.1, 3, -3):
        moved = torch.tensor([[0.0, step]])
        assert ae.gaussian_kl(moved, zero).item() > 0
        assert ae.gaussian_kl(zero, moved).item() > 0


def test_gaussian_kl_adds_up_over_dimensions():
    mean, logvar = torch.randn(5, 4), torch.randn(5, 4)
    columns = [ae.gaussian_kl(mean[:, [j]], logvar[:, [j]]) for j in range(4)]
    torch.testing.assert_close(ae.gaussian_kl(mean, logvar), sum(columns))


@pytest.mark.parametrize("k", [1, 2, 5])
def test_gaussian_kl_full_agrees_with_torch_on_full_covariances(k):
    mean0, mean1, cov0, cov1 = torch.randn(7, k), torch.randn(7, k), covariances(7, k), covariances(7, k)
    theirs = kl_divergence(MultivariateNormal(mean0, cov0), MultivariateNormal(mean1, cov1))
    torch.testing.assert_close(ae.gaussian_kl_full(mean0, cov0, mean1, cov1), theirs)


def test_gaussian_kl_full_is_zero_from_a_distribution_to_itself_and_has_a_direction():
    mean, cov, other = torch.randn(3, 4), covariances(3, 4), covariances(3, 4)
    torch.testing.assert_close(ae.gaussian_kl_full(mean, cov, mean, cov), torch.zeros(3))
    there, back = ae.gaussian_kl_full(mean, cov, mean, other), ae.gaussian_kl_full(mean, other, mean, cov)
    assert (there > 0).all()
    assert not torch.isclose(there, back).any()


def test_bernoulli_kl_is_what_torch_and_its_definition_say():
    p, q = torch.rand(50), torch.rand(50)
    torch.testing.assert_close(ae.bernoulli_kl(p, q), kl_divergence(Bernoulli(p), Bernoulli(q)))
    definition = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(ae.bernoulli_kl(p, q), definition)


def test_bernoulli_kl_is_what_samples_say():
    p, q = torch.tensor(0.3), torch.tensor(0.8)
    x = Bernoulli(p).sample((100_000,))
    log_ratio = Bernoulli(p).log_prob(x) - Bernoulli(q).log_prob(x)
    assert abs(log_ratio.mean() - ae.bernoulli_kl(p, q)).item() < 4 * standard_error(log_ratio)


@pytest.mark.parametrize(
    ("p", "q", "kl"),
    [
        (0, 0, 0),
        (1, 1, 0),
        (0, 1, math.inf),
        (1, 0, math.inf),
        (0.5, 0, math.inf),
        (0.5, 1, math.inf),
        (0, 0.5, math.log(2)),
        (1, 0.5, math.log(2)),
        (1e-300, 0.5, math.log(2)),
        (0, 1e-12, 1e-12),  # log(1 - q) written plainly keeps four of its digits
    ],
)
def test_bernoulli_kl_at_its_corners(p, q, kl):
    found = ae.bernoulli_kl(torch.tensor(float(p)), torch.tensor(float(q))).item()
    assert found == pytest.approx(kl, rel=1e-12)


def test_bernoulli_kl_is_never_negative_and_zero_only_where_equal():
    p = torch.linspace(0, 1, 101)
    table = ae.bernoulli_kl(p[:, None], p[None])
    assert (table >= 0).all()
    assert torch.equal(table == 0, torch.eye(101, dtype=torch.bool))


# Log-probabilities


def test_bernoulli_log_prob_is_scipys():
    logits, x = torch.randn(4, 1, 3, 3), torch.bernoulli(torch.full((4, 1, 3, 3), 0.4))
    theirs = scipy.stats.bernoulli.logpmf(x.numpy(), logits.sigmoid().numpy()).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(ae.bernoulli_log_prob(logits, x).numpy(), theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gpu_and_a_cpu_have_two_ways_to_one_log_probability(dtype):
    """Both run on either: which one a device takes is a matter of speed."""
    logits = torch.cat(
        [torch.randn(3, 2, 252) * 4, torch.tensor([0.0, 30.0, -30.0, 1e4, -1e4, 88.0]).expand(3, 2, 6)], -1
    )
    x = torch.rand(2, 258)  # broadcasts, as one picture to many draws
    logits, x = logits.to(dtype), x.to(dtype)
    ours, theirs = (way(logits, x) for way in (likelihoods.rows_by_products, likelihoods.rows_by_softplus))
    torch.testing.assert_close(ours, theirs)
    assert ours.shape == theirs.shape == (3, 2)


@pytest.mark.parametrize("pixels", [1, 126, 127, 784, 10_007, 4 * 2520])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_many_pixels_of_even_odds_cost_log_two_each(pixels, dtype):
    """Where a product of all factors, each a half, would be 0 in every format."""
    found = ae.bernoulli_log_prob(torch.zeros(2, pixels, dtype=dtype), torch.zeros(2, pixels, dtype=dtype))
    assert found.tolist() == pytest.approx([-pixels * math.log(2)] * 2, rel=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 2, torch.tensor(0.7), torch.rand(3, 3) + 0.1, torch.rand(4, 1, 1, 1) + 0.1])
def test_gaussian_log_prob_is_scipys(sigma):
    x, mean = torch.randn(4, 1, 3, 3), torch.randn(4, 1, 3, 3)
    theirs = scipy.stats.norm.logpdf(x.numpy(), mean.numpy(), np.asarray(sigma)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(ae.gaussian_log_prob(x, mean, sigma).numpy(), theirs)


def test_probabilities_of_all_binary_vectors_sum_to_one():
    every = torch.tensor(list(product([0.0, 1.0], repeat=10)))
    logits = 3 * torch.randn(1, 10)
    assert ae.bernoulli_log_prob(logits.expand_as(every), every).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 3.0])
def test_gaussian_density_integrates_to_one(sigma):
    grid = torch.linspace(-12, 12, 801) * sigma
    points = torch.cartesian_prod(grid, grid) + torch.tensor([0.4, -1.0])
    density = ae.gaussian_log_prob(points, torch.tensor([0.4, -1.0]).expand_as(points), sigma).exp()
    assert (density.sum() * (grid[1] - grid[0]) ** 2).item() == pytest.approx(1, abs=1e-9)


def test_squared_error_is_a_gaussian_log_prob_up_to_its_constant():
    x, x_hat = torch.randn(3, 2, 5), torch.randn(3, 2, 5)
    constant = 10 * 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(ae.squared_error(x_hat, x), -2 * (ae.gaussian_log_prob(x, x_hat, 1.0) + constant))


# Penalties


def test_l1_sparsity_sums_over_units_and_averages_over_the_batch():
    a = torch.randn(6, 4)
    assert ae.l1_sparsity(a).item() == pytest.approx(np.abs(a.numpy()).sum() / 6)


def test_kl_sparsity_compares_each_units_mean_with_the_target_from_the_targets_side():
    a, rho = torch.rand(16, 5), 0.05
    rho_hat = a.mean(dim=0)
    by_hand = sum(rho * math.log(rho / r) + (1 - rho) * math.log((1 - rho) / (1 - r)) for r in rho_hat.tolist())
    assert ae.kl_sparsity(a, rho).item() == pytest.approx(by_hand)
    assert ae.kl_sparsity(torch.full((16, 5), rho), rho).item() == pytest.approx(0, abs=1e-12)


# Samples and bounds


def test_reparameterized_samples_have_the_moments_they_were_asked_for():
    mean, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[-1.0, 0.8]])
    z = ae.reparameterize(mean, logvar, torch.randn(100_000, 1, 2)).squeeze(1)
    assert (abs(z.mean(dim=0) - mean) < 4 * (logvar / 2).exp() / math.sqrt(1e5)).all()
    torch.testing.assert_close(z.var(dim=0)[None], logvar.exp(), rtol=0.02, atol=0)


def test_full_covariance_samples_have_the_covariance_they_were_asked_for():
    cov = covariances(1, 3)
    z = ae.reparameterize_full(torch.ones(1, 3), torch.linalg.cholesky(cov), torch.randn(100_000, 1, 3)).squeeze(1)
    torch.testing.assert_close(z.T.cov()[None], cov, rtol=0.05, atol=0.05)


def test_both_reparameterizations_agree_on_a_diagonal_covariance():
    mean, logvar, eps = torch.randn(4, 3), torch.randn(4, 3), torch.randn(5, 4, 3)
    tril = torch.diag_embed((logvar / 2).exp())
    torch.testing.assert_close(ae.reparameterize(mean, logvar, eps), ae.reparameterize_full(mean, tril, eps))


def test_iwae_bound_is_the_log_of_the_mean_weight():
    log_w = torch.randn(7, 5)
    torch.testing.assert_close(ae.iwae_bound(log_w), log_w.exp().mean(dim=0).log())
    torch.testing.assert_close(ae.iwae_bound(log_w - 2000), ae.iwae_bound(log_w) - 2000)  # no underflow


def test_iwae_with_one_sample_is_the_elbo_and_more_samples_never_fall_below_their_elbos():
    log_w = 3 * torch.randn(20, 1000)
    assert torch.equal(ae.iwae_bound(log_w[:1]), log_w[0])
    assert (ae.iwae_bound(log_w) >= log_w.mean(dim=0)).all()


def test_the_best_sample_gets_the_largest_weight():
    log_w = torch.randn(9, 6, requires_grad=True)
    ae.iwae_bound(log_w).sum().backward()
    torch.testing.assert_close(log_w.grad, log_w.softmax(dim=0))  # of losses instead of log-weights: the worst
    assert torch.equal(log_w.grad.argmax(dim=0), log_w.argmax(dim=0))


def test_a_weight_of_zero_is_allowed():
    assert ae.iwae_bound(torch.tensor([[0.0], [-math.inf]])).item() == pytest.approx(-math.log(2))


# All of them


def test_every_loss_is_in_the_list_of_gradient_checks():
    assert {name.split()[0] for name in DIFFERENTIABLE} == set(ae.losses.__all__)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_the_slope(name):
    function, *inputs = DIFFERENTIABLE[name]
    assert torch.autograd.gradcheck(function, [value.clone().requires_grad_() for value in inputs])


PER_IMAGE = [
    "gaussian_kl",
    "gaussian_kl_full",
    "squared_error",
    "bernoulli_log_prob",
    "gaussian_log_prob",
    "reparameterize",
    "reparameterize_full",
]


@pytest.mark.parametrize("name", PER_IMAGE)
def test_images_do_not_influence_each_other(name):
    function, *inputs = DIFFERENTIABLE[name]
    whole, order = function(*inputs), torch.tensor([2, 0, 1])
    assert whole.shape[0] == 3
    torch.testing.assert_close(function(*(value[order] for value in inputs)), whole[order])
    for i in range(3):
        torch.testing.assert_close(function(*(value[[i]] for value in inputs)), whole[[i]])


@pytest.mark.parametrize("name", [*PER_IMAGE, "l1_sparsity", "kl_sparsity"])
def test_a_duplicated_batch_has_the_same_mean(name):
    function, *inputs = DIFFERENTIABLE[name]
    doubled = function(*(torch.cat([value, value]) for value in inputs))
    torch.testing.assert_close(doubled.mean(), function(*inputs).mean())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("function", "extremes"),
    [(ae.bernoulli_log_prob, (-200.0, 200.0)), (ae.gaussian_kl, (-30.0, 30.0)), (ae.reparameterize, (-30.0, 30.0))],
)
def test_value_and_gradient_are_finite_at_extreme_logits_and_variances(function, extremes, dtype):
    extreme = torch.tensor([[value] * 3 for value in extremes], dtype=dtype, requires_grad=True)
    other = torch.tensor([[0.0, 0.5, 1.0]] * 2, dtype=dtype)
    if function is ae.bernoulli_log_prob:
        value = function(extreme, other)
    elif function is ae.gaussian_kl:
        value = function(other, extreme)
    else:
        value = function(other, extreme, other + 1)
    value.sum().backward()
    assert value.isfinite().all()
    assert extreme.grad.isfinite().all()
    assert (extreme.grad != 0).any()
