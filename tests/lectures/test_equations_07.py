"""Every numbered equation of lecture 07, as a test of the same number: (7.5) is `test_equation_7_5_...`."""

import math

import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

import aecore as ae

F64 = torch.float64
W = torch.tensor([[0.7, -0.4], [1.1, 0.3], [0.2, 0.9]], dtype=F64)
NOISE = 0.6
SEEN = torch.tensor([[0.5, 1.4, -0.8]], dtype=F64)
PRECISION = torch.eye(2, dtype=F64) + W.T @ W / NOISE**2
POSTERIOR_MEAN, POSTERIOR_COV = SEEN @ W @ PRECISION.inverse() / NOISE**2, PRECISION.inverse()
EVIDENCE = MultivariateNormal(torch.zeros(3, dtype=F64), W @ W.T + NOISE**2 * torch.eye(3, dtype=F64)).log_prob(SEEN)
MEAN = torch.tensor([[0.9, -1.2]], dtype=F64)
LOGVAR = torch.tensor([[-0.7, -1.5]], dtype=F64)


def log_p(z):
    return Independent(Normal(z @ W.T, NOISE), 1).log_prob(SEEN)


def expected_log_p(mean, cov):
    error = (SEEN - mean @ W.T).square().sum() + (W.T @ W @ cov).trace()
    return -error / (2 * NOISE**2) - 1.5 * math.log(2 * math.pi * NOISE**2)


def noise(n, k=2, seed=0):
    return torch.randn(n, 1, k, dtype=F64, generator=torch.Generator().manual_seed(seed))


def within_errors(samples, expected, errors=5):
    standard_error = samples.std(dim=0) / len(samples) ** 0.5
    return bool(((samples.mean(dim=0) - expected).abs() < errors * standard_error).all())


def exact_gradient():
    mean, logvar = MEAN.clone().requires_grad_(), LOGVAR.clone().requires_grad_()
    value = expected_log_p(mean, logvar.exp()[0].diag())
    return torch.autograd.grad(value, (mean, logvar))


@pytest.fixture
def small():
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([16, 8, 6]), ae.mlp([3, 8, 16])).double()


@pytest.fixture
def binary():
    return torch.randint(2, (40, 16), generator=torch.Generator().manual_seed(0)).double()


def test_equation_7_1_the_bound_is_the_evidence_less_the_gap():
    cov = LOGVAR.exp().diag_embed()
    bound = expected_log_p(MEAN, cov[0]) - ae.gaussian_kl(MEAN, LOGVAR)
    gap = ae.gaussian_kl_full(MEAN, cov, POSTERIOR_MEAN, POSTERIOR_COV[None])
    torch.testing.assert_close(bound, EVIDENCE - gap, rtol=0, atol=1e-12)
    assert gap > 0.1


def test_equation_7_2_an_average_of_samples_is_unbiased_and_its_variance_falls_with_their_number():
    values = log_p(ae.reparameterize(MEAN, LOGVAR, noise(400_000))[:, 0])
    cov = LOGVAR.exp()[0].diag()
    assert within_errors(values, expected_log_p(MEAN, cov))
    curvature, slope = W.T @ W / NOISE**2, (SEEN - MEAN @ W.T) @ W / NOISE**2
    variance = (slope @ cov @ slope.T + 0.5 * (curvature @ cov @ curvature @ cov).trace()).item()
    for samples in (1, 5, 20):
        assert values.view(-1, samples).mean(dim=1).var().item() == pytest.approx(variance / samples, rel=0.03)


def test_equation_7_3_pictures_and_samples_add_their_variances():
    generator = torch.Generator().manual_seed(0)
    # Gaussian pictures and samples, so that both variances are known: 9 between pictures, 4 within.
    for m, samples in ((8, 1), (8, 4), (2, 16)):
        pictures = 3 * torch.randn(100_000, m, 1, generator=generator)
        estimates = (pictures + 2 * torch.randn(100_000, m, samples, generator=generator)).mean(dim=(1, 2))
        assert estimates.var().item() == pytest.approx((9 + 4 / samples) / m, rel=0.03)


def test_equation_7_4_the_gradient_of_the_expectation_is_not_zero_and_a_sample_does_not_carry_it():
    mean = MEAN.clone().requires_grad_()
    sigma = (0.5 * LOGVAR).exp()
    axis = torch.linspace(-7, 7, 1001, dtype=F64)
    grid = torch.cartesian_prod(axis, axis)
    density = Normal(mean, sigma).log_prob(grid).sum(dim=1).exp()
    integral = (log_p(grid) * density).sum() * (axis[1] - axis[0]) ** 2
    torch.testing.assert_close(torch.autograd.grad(integral, mean)[0], exact_gradient()[0], rtol=1e-9, atol=1e-9)
    assert exact_gradient()[0].abs().min() > 0.1
    assert not log_p(Normal(mean, sigma).sample()).requires_grad
    assert log_p(Normal(mean, sigma).rsample()).requires_grad


def test_equation_7_5_moved_noise_has_the_density_of_the_gaussian():
    eps = noise(1000)
    z = ae.reparameterize(MEAN, LOGVAR, eps)
    sigma = (0.5 * LOGVAR).exp()
    changed = (Normal(0.0, 1.0).log_prob(eps) - sigma.log()).sum(dim=-1)
    torch.testing.assert_close(changed, Normal(MEAN, sigma).log_prob(z).sum(dim=-1), rtol=0, atol=1e-12)


def test_equation_7_6_the_gradient_passes_through_the_sample():
    eps = noise(200_000)
    mean, logvar = (moment.expand(len(eps), 2).clone().requires_grad_() for moment in (MEAN, LOGVAR))
    values = log_p(ae.reparameterize(mean, logvar, eps[:, 0]))
    per_sample = torch.autograd.grad(values.sum(), (mean, logvar))
    for gradients, exact in zip(per_sample, exact_gradient(), strict=True):
        assert within_errors(gradients, exact[0])
    # ∂/∂μ is f'(z), and ∂/∂σ is f'(z) ε: here with respect to log σ² = 2 log σ, so σ/2 times that.
    sigma = (0.5 * LOGVAR).exp()
    torch.testing.assert_close(per_sample[1], per_sample[0] * eps[:, 0] * sigma / 2)


def test_equation_7_7_the_score_function_has_the_same_mean():
    eps = noise(400_000)[:, 0]
    sigma = (0.5 * LOGVAR).exp()
    values = log_p(MEAN + sigma * eps)[:, None]
    assert within_errors(values * eps / sigma, exact_gradient()[0][0])
    assert within_errors(values * (eps.square() - 1) / 2, exact_gradient()[1][0])  # ∂ log q / ∂ log σ²


def test_equation_7_8_a_baseline_changes_nothing_on_average():
    mean = MEAN.clone().requires_grad_()
    sigma = (0.5 * LOGVAR).exp()
    axis = torch.linspace(-7, 7, 1001, dtype=F64)
    grid = torch.cartesian_prod(axis, axis)
    q = Normal(mean, sigma)
    weights = q.log_prob(grid).sum(dim=1).exp().detach() * (axis[1] - axis[0]) ** 2
    score = torch.autograd.grad((weights * q.log_prob(grid).sum(dim=1)).sum(), mean)[0]
    assert (17.0 * score).abs().max() < 1e-9


@pytest.mark.parametrize("dimension", [1, 3, 10, 40])
def test_equation_7_9_variance_by_dimension(dimension):
    eps = noise(300_000, dimension, seed=dimension)[:, 0]
    value = -0.5 * eps.square().sum(dim=1)
    score = (dimension + 2) * (dimension + 4) / 4
    assert (-eps[:, 0]).var().item() == pytest.approx(1, rel=0.04)
    assert (value * eps[:, 0]).var().item() == pytest.approx(score, rel=0.04)
    baseline = value + dimension / 2
    assert (baseline * eps[:, 0]).var().item() == pytest.approx((dimension + 4) / 2, rel=0.04)


def test_equation_7_10_a_full_covariance_by_its_cholesky_factor():
    tril = torch.linalg.cholesky(POSTERIOR_COV)[None]
    z = ae.reparameterize_full(MEAN, tril, noise(200_000))[:, 0]
    torch.testing.assert_close(z.T.cov(), POSTERIOR_COV, rtol=0.02, atol=0.002)
    eps = noise(5)
    expected = MEAN + eps @ tril[0].T
    torch.testing.assert_close(ae.reparameterize_full(MEAN, tril, eps), expected)
    kl = 0.5 * (tril.square().sum() + MEAN.square().sum() - 2) - tril[0].diagonal().log().sum()
    library = torch.distributions.kl_divergence(
        MultivariateNormal(MEAN[0], POSTERIOR_COV), MultivariateNormal(torch.zeros(2, dtype=F64), torch.eye(2).double())
    )
    torch.testing.assert_close(kl, library)


def test_equation_7_11_what_a_diagonal_q_must_leave():
    logvar = torch.zeros(1, 2, dtype=F64, requires_grad=True)
    mean = torch.zeros(1, 2, dtype=F64, requires_grad=True)
    optimizer = torch.optim.LBFGS((mean, logvar), max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def gap():
        return ae.gaussian_kl_full(mean, logvar.exp().diag_embed(), POSTERIOR_MEAN, POSTERIOR_COV[None])[0]

    def closure():
        optimizer.zero_grad()
        gap().backward()
        return gap()

    optimizer.step(closure)
    formula = 0.5 * (PRECISION.diagonal().log().sum() - torch.logdet(PRECISION))
    torch.testing.assert_close(gap(), formula, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(logvar.exp()[0], 1 / PRECISION.diagonal(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("variance", [0.03, 0.5, 392.0])
def test_equation_7_12_the_gaussian_likelihood_is_a_scaled_squared_error(variance):
    x, output = torch.rand(2, 6, 1, 5, 5, dtype=F64, generator=torch.Generator().manual_seed(0))
    by_hand = ae.squared_error(output, x) / (2 * variance) + 12.5 * math.log(2 * math.pi * variance)
    torch.testing.assert_close(-ae.gaussian_log_prob(x, output, variance**0.5), by_hand)


@pytest.mark.parametrize("variance", [0.03, 0.5, 392.0])
def test_equation_7_13_the_scale_of_the_lectures_loss(variance):
    torch.manual_seed(0)
    vae = ae.VAE(ae.mlp([9, 4]), ae.mlp([2, 9]), likelihood="gaussian", sigma=variance**0.5).double()
    x = torch.rand(30, 9, dtype=F64)
    elbo = vae.elbo(x, generator=torch.Generator().manual_seed(1))
    mean, logvar = vae.posterior(x)
    eps = torch.randn(30, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    error = ae.squared_error(vae.decoder(ae.reparameterize(mean, logvar, eps)), x)
    rest = -2 * variance * elbo - error - 2 * variance * ae.gaussian_kl(mean, logvar)
    constant = torch.tensor(9 * variance * math.log(2 * math.pi * variance), dtype=F64)
    torch.testing.assert_close(rest, constant.expand(30), rtol=0, atol=1e-9 * max(1, variance))


def test_equation_7_14_the_best_variance_is_the_mean_squared_error_per_pixel():
    x, output = torch.rand(2, 50, 7, dtype=F64, generator=torch.Generator().manual_seed(0))
    best = (ae.squared_error(output, x) / 7).mean()

    def total(variance):
        return ae.gaussian_log_prob(x, output, variance.sqrt().item()).sum()

    assert total(best) > max(total(0.99 * best), total(1.01 * best))


def test_equation_7_15_the_final_objective_is_what_the_vae_minimises(small, binary):
    mean, logvar = small.posterior(binary)
    eps = torch.randn(40, 3, dtype=F64, generator=torch.Generator().manual_seed(3))
    z = mean + (0.5 * logvar).exp() * eps
    p = small.decoder(z).sigmoid()
    log_likelihood = (binary * p.log() + (1 - binary) * (1 - p).log()).sum(dim=1)
    kl = torch.distributions.kl_divergence(small.encode(binary).base_dist, Normal(torch.zeros(1).double(), 1.0)).sum(1)
    torch.manual_seed(0)
    torch.testing.assert_close(small.elbo(binary, generator=torch.Generator().manual_seed(3)), log_likelihood - kl)
    torch.manual_seed(3)
    loss = sum(part.mean() for part in small.loss(binary).values())
    torch.manual_seed(3)
    torch.testing.assert_close(loss, -small.elbo(binary).mean())


def test_equation_7_16_more_samples_tighten_the_bound_up_to_the_evidence():
    cov = LOGVAR.exp()[0].diag()
    eps = noise(200_000)
    z = ae.reparameterize(MEAN, LOGVAR, eps)[:, 0]
    prior = Independent(Normal(torch.zeros(2, dtype=F64), 1.0), 1)
    log_w = log_p(z) + prior.log_prob(z) - MultivariateNormal(MEAN[0], cov).log_prob(z)
    bounds = [ae.iwae_bound(log_w.view(-1, k).T).mean().item() for k in (1, 5, 50, 1000)]
    elbo = expected_log_p(MEAN, cov) - ae.gaussian_kl(MEAN, LOGVAR)[0]
    assert bounds[0] == pytest.approx(elbo.item(), abs=0.03)
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(EVIDENCE.item(), abs=0.02)
