"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal

from aelab.exercises import latent_variables as lecture05

LOG_2PI = math.log(2 * math.pi)


def log_mean_exp(log_p, *, dim=0):
    largest = log_p.amax(dim=dim, keepdim=True)
    return (log_p - largest).exp().mean(dim=dim).log() + largest.squeeze(dim)


def gaussian(x, mean, sigma, *, half=0.5, dims=9, log_2pi=LOG_2PI, sign=1.0, log_sigma=1.0):
    error = half * (x - mean).square().sum(dim=(1, 2, 3)) / sigma**2
    return -error - sign * dims * (log_sigma * math.log(sigma) + 0.5 * log_2pi)


def best_sigma(x, x_hat):
    return (x - x_hat).square().mean().sqrt()


def carriers(log_p, share):
    parts = (log_p - log_p.max()).exp().sort(descending=True).values
    return int(torch.searchsorted(parts.cumsum(0), share * parts.sum())) + 1


def marginal(weights, offset, sigma, x):
    covariance = weights @ weights.T + sigma**2 * torch.eye(4, dtype=x.dtype)
    return MultivariateNormal(offset, covariance).log_prob(x)


def importance(log_likelihood, mean, std, eps, *, prior=1.0, q=1.0):
    z = mean + std * eps
    weight = prior * Normal(0.0, 1.0).log_prob(z) - q * Normal(mean, std).log_prob(z)
    return log_mean_exp(log_likelihood(z) + weight)


def of(z, log_likelihood, mean, std):
    """log p(x|z) + log p(z) - log q(z)."""
    return log_likelihood(z) + Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)


def covariance(weights, sigma):
    return weights @ weights.T + sigma**2 * torch.eye(4, dtype=weights.dtype)


RIGHT = {
    "check_log_mean_exp": log_mean_exp,
    "check_gaussian_log_likelihood": gaussian,
    "check_best_sigma": best_sigma,
    "check_carriers": carriers,
    "check_linear_log_marginal": marginal,
    "check_importance_estimate": importance,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture05, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture05.__all__)


def test_plain_numbers_are_taken_as_well():
    assert lecture05.check_best_sigma(lambda *a: best_sigma(*a).item())
    assert lecture05.check_carriers(lambda *a: torch.tensor([float(carriers(*a))]))
    assert lecture05.check_importance_estimate(lambda *a: importance(*a).item())


WRONG = [
    ("check_log_mean_exp", lambda p: p.exp().mean(dim=0).log(), "exp(-2000) is 0"),
    ("check_log_mean_exp", lambda p: p.mean(dim=0), "Jensen"),
    ("check_log_mean_exp", lambda p: p.logsumexp(0), "subtract log N"),
    ("check_log_mean_exp", lambda p: p.logsumexp(0) / len(p), "divided the log by N"),
    ("check_log_mean_exp", lambda p: log_mean_exp(p, dim=1), "the samples are the rows"),
    ("check_log_mean_exp", lambda p: log_mean_exp(p.flatten()), "samples and batch"),
    ("check_log_mean_exp", lambda p: p.amax(0), "the largest sample alone"),
    ("check_log_mean_exp", lambda p: p.amax(0) - math.log(len(p)), "largest sample divided by N"),
    ("check_log_mean_exp", lambda p: log_mean_exp(p) + 1, "differ by up to 1"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, dims=0), "normalising constant is missing"),
    ("check_gaussian_log_likelihood", lambda *a: -gaussian(*a), "the sign is wrong"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, dims=1), "there once"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, half=1), "2 in 2σ²"),
    ("check_gaussian_log_likelihood", lambda x, m, s: gaussian(x, m, s**0.5), "for the variance"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, log_2pi=0), "log 2π is missing"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, log_sigma=0), "log σ is missing"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a, sign=-1), "constant has the wrong sign"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a) / 9, "averaged over the pixels"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a).sum(), "summed over the batch"),
    ("check_gaussian_log_likelihood", lambda *a: gaussian(*a).mean(), "averaged over the batch"),
    ("check_best_sigma", lambda a, b: (a - b).square().mean(), "take the square root"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).sum(1).mean().sqrt(), "belongs to one dimension"),
    ("check_best_sigma", lambda a, b: (a - b).abs().mean(), "Laplace"),
    ("check_best_sigma", lambda a, b: (a - b).std(), "around their mean"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).mean(1).sqrt(), "one sigma for each image"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).mean(1).sqrt().mean(), "sigmas of the images"),
    ("check_carriers", lambda p, share: round(share * len(p)), "a share of the samples"),
    (
        "check_carriers",
        lambda p, share: int((p.sort(descending=True).values.cumsum(0) > share * p.sum()).sum()) + 1,
        "summed the logs",
    ),
    ("check_carriers", lambda *a: carriers(*a) - 1, "one too early"),
    ("check_carriers", lambda *a: carriers(*a) + 1, "one too many"),
    ("check_carriers", lambda p, share: int((p.exp().cumsum(0) < share * p.exp().sum()).sum()) + 1, "exp(-900) is 0"),
    (
        "check_carriers",
        lambda p, share: int((p.softmax(0).sort().values.cumsum(0) < share).sum()) + 1,
        "smallest samples",
    ),
    ("check_carriers", lambda p, share: int((p.softmax(0).cumsum(0) < share).sum()) + 1, "order they came"),
    ("check_carriers", lambda p, share: int((p > p.max() + math.log(0.1)).sum()), "above 10 %"),
    ("check_carriers", lambda p, share: 3.5, "one whole number"),
    ("check_linear_log_marginal", lambda w, b, s, x: marginal(w, 0 * b, s, x), "subtract the offset"),
    ("check_linear_log_marginal", lambda w, b, s, x: marginal(w, b, s**0.5, x), "variance σ²"),
    ("check_linear_log_marginal", lambda w, b, s, x: marginal(0 * w, b, s, x), "likelihood at z = 0"),
    (
        "check_linear_log_marginal",
        lambda w, b, s, x: MultivariateNormal(b, covariance(w, s).diag().diag()).log_prob(x),
        "only the diagonal",
    ),
    (
        "check_linear_log_marginal",
        lambda w, b, s, x: marginal(w, b, s, x) + 0.5 * covariance(w, s).logdet(),
        "log-determinant is missing",
    ),
    (
        "check_linear_log_marginal",
        lambda w, b, s, x: marginal(w, b, s, x) - 0.5 * covariance(w, s).logdet(),
        "with a half",
    ),
    ("check_linear_log_marginal", lambda *a: marginal(*a) + 2 * LOG_2PI, "½ D log 2π is missing"),
    ("check_linear_log_marginal", lambda *a: marginal(*a) + 1.5 * LOG_2PI, "for each of the D dimensions"),
    ("check_linear_log_marginal", lambda *a: -marginal(*a), "the sign is wrong"),
    ("check_linear_log_marginal", lambda *a: marginal(*a).sum(), "one number for each x"),
    ("check_importance_estimate", lambda f, m, s, e: f(m + s * e).exp().mean().log(), "exp(-900) is 0"),
    ("check_importance_estimate", lambda f, m, s, e: f(m + s * e).mean(), "mean of log p(x|z) under q"),
    ("check_importance_estimate", lambda *a: importance(*a, prior=0, q=0), "weight each by p(z)/q(z)"),
    ("check_importance_estimate", lambda *a: importance(*a, q=0), "q(z) is missing"),
    ("check_importance_estimate", lambda *a: importance(*a, prior=0), "prior is missing"),
    ("check_importance_estimate", lambda *a: importance(*a, prior=-1, q=-1), "upside down"),
    ("check_importance_estimate", lambda f, m, s, e: log_mean_exp(f(e)), "samples of the prior"),
    ("check_importance_estimate", lambda f, m, s, e: of(m + s * e, f, m, s).mean(), "ELBO"),
    ("check_importance_estimate", lambda *a: importance(*a) + math.log(50), "subtract log N"),
    ("check_importance_estimate", lambda f, m, s, e: log_mean_exp(of(m + s**2 * e, f, m, s)), "std²"),
    ("check_importance_estimate", lambda f, m, s, e: importance(f, m, s, e) - math.log(s), "log std is missing"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture05, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
