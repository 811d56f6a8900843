"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch
from torch.distributions import Normal

import aecore as ae
from aelab.exercises import latent_space as lecture08


def members(z, mean, logvar, scale=0.5):
    return Normal(mean, (scale * logvar).exp()).log_prob(z[:, None]).sum(dim=2)


def mixture(z, mean, logvar, **how):
    return members(z, mean, logvar, **how).logsumexp(dim=1) - math.log(len(mean))


def each(mean, logvar):
    return 0.5 * (logvar.exp() + mean.square() - 1 - logvar)


def surviving(eigenvalues, noise, half=0.5):
    return half * (eigenvalues / noise).clamp(min=1).log()


def parts(mean, logvar, z):
    own, pooled = members(z, mean, logvar).diagonal(), mixture(z, mean, logvar)
    return own, pooled, Normal(0.0, 1.0).log_prob(z).sum(dim=1)


def surgery(mean, logvar, z):
    own, pooled, prior = parts(mean, logvar, z)
    return (own - pooled).mean(), (pooled - prior).mean()


RIGHT = {
    "check_aggregate": mixture,
    "check_used_dimensions": lambda mean, logvar: mean.var(dim=0) > 0.01,
    "check_surviving": lambda e, sigma, beta: surviving(e, beta * sigma**2),
    "check_free_bits": lambda m, v, free: each(m, v).mean(0).clamp(min=free).sum(),
    "check_surgery": surgery,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture08, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture08.__all__)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda z, m, v: members(z, m, v).mean(dim=1), "inside the logarithm"),
        (lambda z, m, v: members(z, m, v).logsumexp(dim=1), "log n is missing"),
        (lambda z, m, v: members(z, m, v).sum(dim=1), "multiplied"),
        (lambda z, m, v: members(z, m, v).logsumexp(dim=1) - math.log(5), "differ by"),
        (lambda z, m, v: members(z, m, v).logsumexp(dim=1) - math.log(len(z) - 1), "differ by"),
        (lambda z, m, v: mixture(z, m, v).exp(), "logarithm is missing"),
        (lambda z, m, v: mixture(z, m, v) + math.log(2 * math.pi), "constant"),
        (lambda z, m, v: mixture(z, m, v, scale=1.0), "log σ² for log σ"),
        (lambda z, m, v: members(z, m.mean(0)[None], v.mean(0)[None])[:, 0], "many peaks"),
        (lambda z, m, v: members(z, m, v).logsumexp(dim=0) - math.log(len(z)), "over the points z;"),
        (lambda z, m, v: mixture(z, m, v).mean(), "points z as well"),
    ],
)
def test_mistakes_in_the_aggregate_posterior(answer, diagnosis):
    verdict = lecture08.check_aggregate(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


def sampled(mean, logvar):
    z = mean + (0.5 * logvar).exp() * torch.randn(mean.shape, generator=torch.Generator().manual_seed(5))
    return z.var(dim=0) > 0.01


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m, v: m.square().mean(dim=0) > 0.01, "mean square"),
        (sampled, "these are samples"),
        (lambda m, v: m.std(dim=0) > 0.01, "standard deviation"),
        (lambda m, v: m.var(dim=0) > 0.005, "differ by"),
        (lambda m, v: m.var(dim=0) / v.exp().mean(dim=0) > 0.01, "differ by"),
        (lambda m, v: v.exp().mean(dim=0) < 0.99, "width below 1"),
        (lambda m, v: m.var(dim=1) > 0.01, "over the images"),
        (lambda m, v: m.var(dim=0) <= 0.01, "unused"),
        (lambda m, v: m.var(dim=0), "True or False"),
    ],
)
def test_mistakes_in_active_units(answer, diagnosis):
    verdict = lecture08.check_used_dimensions(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda e, sigma, beta: surviving(e, sigma**2), "β is missing"),
        (lambda e, sigma, beta: surviving(e, beta * sigma), "σ², not σ"),
        (lambda e, sigma, beta: surviving(e, beta**2 * sigma**2), "not its square"),
        (lambda e, sigma, beta: surviving(e, beta * sigma**2, half=1.0), "factor ½"),
        (lambda e, sigma, beta: 0.5 * (e / (beta * sigma**2)).log(), "never negative"),
        (lambda e, sigma, beta: 0.5 * (1 + e / (beta * sigma**2)).log(), "capacity"),
        (lambda e, sigma, beta: (e > beta * sigma**2).sum(), "counts"),
        (lambda e, sigma, beta: (e > beta * sigma**2).double(), "which survive"),
        (lambda e, sigma, beta: surviving(e, sigma**2 / beta), "wrong side"),
    ],
)
def test_mistakes_in_what_survives(answer, diagnosis):
    verdict = lecture08.check_surviving(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m, v, free: ae.gaussian_kl(m, v).mean().clamp(min=free), "or its clamped sum"),
        (lambda m, v, free: ae.gaussian_kl(m, v).mean().clamp(min=4 * free), "all dimensions together"),
        (lambda m, v, free: each(m, v).clamp(min=free).sum(1).mean(), "each image's KL"),
        (lambda m, v, free: each(m, v).mean(0).clamp(max=free).sum(), "from above"),
        (lambda m, v, free: (each(m, v).mean(0) - free).relu().sum(), "subtracts"),
        (lambda m, v, free: ae.gaussian_kl(m, v).mean(), "plain KL"),
        (lambda m, v, free: each(m, v).mean(0).clamp(min=free).mean(), "averaged"),
        (lambda m, v, free: each(m, v).mean(0).clamp(min=free), "sum over the dimensions"),
    ],
)
def test_mistakes_in_free_bits(answer, diagnosis):
    verdict = lecture08.check_free_bits(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


def with_first(change):
    return lambda m, v, z: (change(*parts(m, v, z)), surgery(m, v, z)[1])


def with_second(change):
    return lambda m, v, z: (surgery(m, v, z)[0], change(*parts(m, v, z)))


def without_own(m, v, z):
    pairs = members(z, m, v)
    others = pairs.masked_fill(torch.eye(len(z), dtype=torch.bool), -torch.inf).logsumexp(1) - math.log(len(z) - 1)
    return (pairs.diagonal() - others).mean(), surgery(m, v, z)[1]


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m, v, z: torch.tensor(1.0), "must be two values"),
        (with_first(lambda own, pooled, prior: (own - pooled).mean() - math.log(30)), "log n"),
        (with_first(lambda own, pooled, prior: (own - prior).mean()), "sum of the two"),
        (lambda m, v, z: (ae.gaussian_kl(m, v).mean(), surgery(m, v, z)[1]), "closed form"),
        (lambda m, v, z: surgery(m, v, z)[::-1], "changed places"),
        (with_first(lambda own, pooled, prior: (pooled - own).mean()), "information: the sign"),
        (with_first(lambda own, pooled, prior: own - pooled), "information: average"),
        (without_own, "own image"),
        (with_second(lambda own, pooled, prior: (prior - pooled).mean()), "of q(z): the sign"),
        (with_second(lambda own, pooled, prior: (own - prior).mean()), "of q(z): this is the mean KL"),
        (with_second(lambda own, pooled, prior: pooled - prior), "of q(z): average"),
        (with_second(lambda own, pooled, prior: (pooled - prior).mean() - math.log(2 * math.pi)), "constant"),
        (lambda m, v, z: (torch.tensor(0.0), torch.tensor(0.0)), "differ by"),
    ],
)
def test_mistakes_in_the_surgery(answer, diagnosis):
    verdict = lecture08.check_surgery(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message
