"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch
from torch.distributions import Normal

from aelab.exercises import latent_variables as lecture05


def log_mean_exp(log_p, *, dim=0):
    largest = log_p.amax(dim=dim, keepdim=True)
    return (log_p - largest).exp().mean(dim=dim).log() + largest.squeeze(dim)


def best_sigma(x, x_hat):
    return (x - x_hat).square().mean().sqrt()


def importance(log_likelihood, mean, std, eps, *, prior=1.0, q=1.0):
    z = mean + std * eps
    weight = prior * Normal(0.0, 1.0).log_prob(z) - q * Normal(mean, std).log_prob(z)
    return log_mean_exp(log_likelihood(z) + weight)


def posterior(log_joint, step, *, dim=1):
    return log_joint.softmax(dim=dim) / step


def needed(mean, std, error):
    """By quadrature of p(z|x)² / p(z), where the exercise wants a formula."""
    z = torch.linspace(-12, 12, 100_001, dtype=torch.float64)
    log_ratio = 2 * Normal(mean, std).log_prob(z) - Normal(0.0, 1.0).log_prob(z)
    return (torch.trapezoid(log_ratio.exp(), z) - 1) / error**2


def of(z, log_likelihood, mean, std):
    """log p(x|z) + log p(z) - log q(z)."""
    return log_likelihood(z) + Normal(0.0, 1.0).log_prob(z) - Normal(mean, std).log_prob(z)


RIGHT = {
    "check_log_mean_exp": log_mean_exp,
    "check_best_sigma": best_sigma,
    "check_importance_estimate": importance,
    "check_posterior_on_grid": posterior,
    "check_samples_needed": needed,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture05, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture05.__all__)


def test_plain_numbers_are_taken_as_well():
    assert lecture05.check_best_sigma(lambda *a: best_sigma(*a).item())
    assert lecture05.check_samples_needed(lambda *a: needed(*a).item())
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
    ("check_best_sigma", lambda a, b: (a - b).square().mean(), "take the square root"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).sum(1).mean().sqrt(), "belongs to one dimension"),
    ("check_best_sigma", lambda a, b: (a - b).abs().mean(), "Laplace"),
    ("check_best_sigma", lambda a, b: (a - b).std(), "around their mean"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).mean(1).sqrt(), "one sigma for each image"),
    ("check_best_sigma", lambda a, b: (a - b).square().flatten(1).mean(1).sqrt().mean(), "sigmas of the images"),
    ("check_posterior_on_grid", lambda p, step: p.exp() / p.exp().sum(1, keepdim=True), "exp(-2000) is 0"),
    ("check_posterior_on_grid", lambda p, step: p.softmax(dim=1), "sum to 1"),
    ("check_posterior_on_grid", lambda p, step: p.softmax(dim=1) * step, "multiplied by the step"),
    ("check_posterior_on_grid", lambda *a: posterior(*a).log(), "take exp"),
    ("check_posterior_on_grid", lambda *a: posterior(*a, dim=0), "normalised over the x"),
    ("check_posterior_on_grid", lambda p, step: p.flatten().softmax(0).view_as(p) / step, "all rows together"),
    ("check_posterior_on_grid", lambda p, step: p.softmax(dim=1) * p.shape[1], "took the mean over the grid"),
    ("check_samples_needed", lambda m, s, e: 1 / e**2, "do not enter"),
    ("check_samples_needed", lambda m, s, e: needed(m, s, 1), "one sample's relative variance"),
    ("check_samples_needed", lambda m, s, e: needed(m, s, e) * e, "divide by error²"),
    ("check_samples_needed", lambda m, s, e: needed(m, s, e) + 1 / e**2, "−1 of the bracket"),
    ("check_samples_needed", lambda m, s, e: math.exp(0.5 * (s**2 + m**2 - 1)) / s, "a typical estimate needs"),
    ("check_samples_needed", lambda m, s, e: math.exp(0.5 * (s**2 + m**2 - 1)) / s / e**2, "e^KL over error²"),
    ("check_samples_needed", lambda m, s, e: (math.exp(m**2 / (2 - s**2)) - 1) / e**2, "normalising constants"),
    (
        "check_samples_needed",
        lambda m, s, e: (math.exp(-(m**2) / (2 - s**2)) / (s * (2 - s**2) ** 0.5) - 1) / e**2,
        "sign in the exponent",
    ),
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
