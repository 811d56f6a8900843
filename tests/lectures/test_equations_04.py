"""Every numbered equation of lecture 04, as a test of the same number: (4.8) is `test_equation_4_8_...`.

Posterior means and scores are taken of densities that SciPy knows or that are integrated here; nothing is taken from
the notebook.
"""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import aecore as ae

COUNT = 200_000
NOISE = 0.7


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def within(share, chance, count=COUNT):
    """A frequency, at most five standard errors from its probability."""
    assert abs(share - chance) <= 5 * math.sqrt(chance * (1 - chance) / count), (share, chance)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_equation_4_1_masking_keeps_each_pixel_alone_and_as_it_was(rate):
    x = 0.1 + 0.8 * torch.rand(COUNT, 2, generator=seeded(1))
    masked = ae.mask(x, rate, generator=seeded())
    kept = masked != 0
    assert torch.equal(masked[kept], x[kept])
    for pixel in (0, 1):
        within(kept[:, pixel].double().mean().item(), 1 - rate)
    within(kept.all(dim=1).double().mean().item(), (1 - rate) ** 2)


def test_equation_4_2_gaussian_noise_is_standard_normal_once_scaled_and_ignores_the_picture():
    x = torch.rand(COUNT, dtype=torch.float64, generator=seeded(1))
    eps = ((ae.add_gaussian(x, NOISE, generator=seeded()) - x) / NOISE).numpy()
    assert stats.kstest(eps, "norm").pvalue > 0.001
    assert abs(np.corrcoef(eps, x.numpy())[0, 1]) < 5 / math.sqrt(COUNT)
    assert abs(np.corrcoef(eps[1:], eps[:-1])[0, 1]) < 5 / math.sqrt(COUNT)


@pytest.mark.parametrize("rate", [0.2, 0.5, 1.0])
def test_equation_4_3_salt_and_pepper_are_equally_frequent(rate):
    x = 0.1 + 0.8 * torch.rand(COUNT, generator=seeded(1))
    spoiled = ae.salt_and_pepper(x, rate, generator=seeded())
    for outcome, chance in ((spoiled == 0, rate / 2), (spoiled == 1, rate / 2), (spoiled == x, 1 - rate)):
        within(outcome.double().mean().item(), chance)


class Linear(ae.Autoencoder):
    def __init__(self, matrix, bias):
        layer = torch.nn.Linear(*matrix.shape[::-1])
        super().__init__(layer, torch.nn.Identity())
        with torch.no_grad():
            layer.weight.copy_(matrix)
            layer.bias.copy_(bias)


def test_equation_4_4_the_loss_of_fit_and_evaluate_has_a_spoiled_input_and_a_clean_target():
    """For a linear r the expectation over the noise is known: |x - r(x)|² + σ² |W|²."""
    matrix, bias = torch.randn(5, 5, generator=seeded(1)), torch.randn(5, generator=seeded(2))
    x = torch.rand(4, 5, generator=seeded(3))
    exact = ((x - x @ matrix.T - bias).square().sum(1).mean() + NOISE**2 * matrix.square().sum()).item()
    many = x.repeat(50_000, 1)
    values = []

    def noted(model, spoiled, target):
        values.append(ae.squared_error(model(spoiled), target))
        return values[-1]

    measured = ae.evaluate(
        Linear(matrix, bias), many, batch_size=len(many), loss=noted, corrupt=lambda x: ae.add_gaussian(x, NOISE)
    )
    assert abs(measured - exact) < 5 * values[0].std().item() / math.sqrt(len(many))
    plain = ae.evaluate(Linear(matrix, bias), many, batch_size=len(many), corrupt=lambda x: ae.add_gaussian(x, NOISE))
    assert plain == pytest.approx(measured, rel=1e-6)


def test_equation_4_4_fit_draws_fresh_noise_for_every_batch():
    drawn = []

    def corrupt(x):
        drawn.append(torch.randn_like(x))
        return x + drawn[-1]

    ae.fit(Linear(torch.eye(3), torch.zeros(3)), torch.rand(8, 3), epochs=3, batch_size=8, corrupt=corrupt)
    assert len({tuple(noise.flatten().tolist()) for noise in drawn}) == 3


GRID = np.linspace(-9, 9, 6001)
STEP = GRID[1] - GRID[0]
PLACES, SHARES = np.array([-1.5, 0.2, 2.0]), np.array([0.2, 0.5, 0.3])
JOINT = SHARES * stats.norm.pdf(GRID[:, None], PLACES, NOISE) * STEP  # p(noisy, clean), over the grid and the places
POSTERIOR_MEAN = (JOINT @ PLACES) / JOINT.sum(1)
SOME = [np.sin(GRID), -GRID, np.zeros_like(GRID), GRID**2 / 9]


@pytest.mark.parametrize("r", [*SOME, POSTERIOR_MEAN])
def test_equation_4_5_the_error_splits_at_the_posterior_mean(r):
    error = (JOINT * (PLACES - r[:, None]) ** 2).sum()
    rest = (JOINT * (PLACES - POSTERIOR_MEAN[:, None]) ** 2).sum()
    gap = (JOINT.sum(1) * (POSTERIOR_MEAN - r) ** 2).sum()
    assert error == pytest.approx(rest + gap, rel=1e-12)
    assert rest > 0.1


def test_equation_4_6_the_weights_are_bayes_rule_for_equally_likely_pictures():
    data, noisy = np.random.default_rng(0).normal(size=(2, 9, 4))
    exponents = -((noisy[:, None] - data) ** 2).sum(2) / (2 * NOISE**2)
    weights = np.exp(exponents) / np.exp(exponents).sum(1, keepdims=True)
    for y, row in zip(noisy, weights, strict=True):
        likelihood = np.array([stats.multivariate_normal(x, NOISE**2 * np.eye(4)).pdf(y) for x in data])
        assert row == pytest.approx(likelihood / likelihood.sum(), rel=1e-10)


def test_equation_4_6_is_the_mean_of_the_pictures_that_could_have_been():
    """By drawing: of all noisy points that fall near y, the mean of the clean ones."""
    generator = np.random.default_rng(0)
    clean = generator.choice(PLACES[:2], size=2_000_000)
    near = np.abs(clean + NOISE * generator.normal(size=len(clean)) + 0.4) < 0.01
    weights = stats.norm.pdf(-0.4, PLACES[:2], NOISE)
    error = clean[near].std() / math.sqrt(near.sum())
    assert abs(clean[near].mean() - weights @ PLACES[:2] / weights.sum()) < 5 * error
    assert near.sum() > 10_000


def correlated(count=400, size=6):
    generator = np.random.default_rng(0)
    return generator.normal(size=(count, size)) @ generator.normal(size=(size, size)) + generator.normal(size=size)


def test_equation_4_7_is_the_least_squares_solution_in_both_forms():
    """The expectation over the noise is that of σ√n I appended as data that should give zero."""
    x = correlated()
    mu, C = x.mean(0), np.cov(x.T, bias=True)
    ridge = np.vstack([x - mu, NOISE * math.sqrt(len(x)) * np.eye(6)])
    solution = np.linalg.lstsq(ridge, np.vstack([x - mu, np.zeros((6, 6))]), rcond=None)[0].T
    values, u = np.linalg.eigh(C)
    assert C @ np.linalg.inv(C + NOISE**2 * np.eye(6)) == pytest.approx(solution, abs=1e-10)
    assert sum(v / (v + NOISE**2) * np.outer(w, w) for v, w in zip(values, u.T, strict=True)) == pytest.approx(
        solution, abs=1e-10
    )


def test_equation_4_7_is_what_a_linear_denoising_autoencoder_learns():
    x = torch.tensor(correlated(), dtype=torch.float32)
    torch.manual_seed(0)
    model = Linear(torch.zeros(6, 6), torch.zeros(6))
    for epochs, lr in ((60, 1e-2), (60, 1e-3)):
        ae.fit(
            model, x.repeat(10, 1), epochs=epochs, batch_size=400, lr=lr, corrupt=lambda x: ae.add_gaussian(x, NOISE)
        )
    mu, C = x.mean(0), torch.cov(x.T, correction=0)
    W = C @ torch.linalg.inv(C + NOISE**2 * torch.eye(6))
    assert (model.encoder.weight - W).norm() < 0.05 * W.norm()
    assert (model(mu[None]) - mu).norm() < 0.1


@pytest.mark.parametrize("noisy", [-3.0, -0.4, 0.0, 1.1, 2.5])
def test_equation_4_8_the_posterior_mean_is_a_step_along_the_score(noisy):
    """Data uniform on [-1, 2]: the posterior is a truncated normal, p_σ a difference of two normal distributions."""
    low, high = (-1 - noisy) / NOISE, (2 - noisy) / NOISE
    mean = stats.truncnorm(low, high, loc=noisy, scale=NOISE).mean()

    def log_density(y):
        return math.log(stats.norm.cdf((2 - y) / NOISE) - stats.norm.cdf((-1 - y) / NOISE))

    score = (log_density(noisy + 1e-5) - log_density(noisy - 1e-5)) / 2e-5
    assert mean == pytest.approx(noisy + NOISE**2 * score, abs=1e-7)


def test_equation_4_9_both_objectives_differ_by_a_constant_that_is_known():
    """c = E|target|² - E|score|², and E|target|² = 1/σ² in one dimension."""
    density = JOINT.sum(1)
    score = np.gradient(np.log(density), STEP, edge_order=2)  # not by (4.8)
    target = (PLACES - GRID[:, None]) / NOISE**2
    c = 1 / NOISE**2 - (density * score**2).sum()
    assert c > 0.1
    for s in SOME:
        explicit = (density * (s - score) ** 2).sum()
        denoising = (JOINT * (s[:, None] - target) ** 2).sum()
        assert denoising - explicit == pytest.approx(c, abs=2e-4)


def test_equation_4_10_small_noise_adds_the_squared_gains():
    torch.manual_seed(0)
    model = ae.Autoencoder(ae.mlp([30, 40, 12]), ae.mlp([12, 40, 30])).double()
    x = torch.randn(1, 30, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: model(v)[0], x)[:, 0]
    eps = torch.randn(20_000, 30, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    sigma = 1e-4
    with torch.no_grad():
        noisy = sum(ae.squared_error(model(x + sign * sigma * eps), x.expand_as(eps)) / 2 for sign in (1, -1))
        extra = (noisy - ae.squared_error(model(x), x)) / sigma**2
    assert abs(extra.mean() - jacobian.square().sum()) < 4 * extra.std() / len(eps) ** 0.5


@pytest.mark.parametrize("chance", [0.05, 0.3, 0.55, 0.9])
def test_equation_4_11_a_point_keeps_its_place_in_the_distribution(chance):
    """On a line the cloud keeps the density p_σ if every point keeps its rank: P_σ(x(σ)) does not change."""

    def rank(x, sigma):
        return SHARES @ stats.norm.cdf(x, PLACES, sigma)

    def posterior_mean(x, sigma):
        weights = SHARES * stats.norm.pdf(x, PLACES, sigma)
        return weights @ PLACES / weights.sum()

    def slope(sigma, x):
        score = (SHARES * stats.norm.pdf(x, PLACES, sigma)) @ (PLACES - x) / sigma**2
        score /= SHARES @ stats.norm.pdf(x, PLACES, sigma)
        assert -sigma * score == pytest.approx((x[0] - posterior_mean(x, sigma)) / sigma, rel=1e-9, abs=1e-12)
        return [-sigma * score]

    start = np.interp(chance, [rank(x, 3.0) for x in np.linspace(-15, 15, 20001)], np.linspace(-15, 15, 20001))
    path = integrate.solve_ivp(slope, (3.0, 0.4), [start], rtol=1e-9, atol=1e-10, t_eval=[1.5, 0.8, 0.4])
    for sigma, x in zip(path.t, path.y[0], strict=True):
        assert rank(x, sigma) == pytest.approx(chance, abs=1e-6)
