"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch

import aecore as ae
from aelab.exercises import elbo as lecture06


def elbo(log_prob, mean, logvar, *, sign=-1, samples=torch.mean, terms=lambda m, v: v.exp() + m**2 - 1 - v, half=0.5):
    return samples(log_prob, 0) + sign * half * terms(mean, logvar).sum(1)


def kl(mean, cov, *, sign=-1, k=True, logdet=torch.logdet, trace=None):
    spread = cov.diagonal(dim1=1, dim2=2).sum(1) if trace is None else trace(cov)
    return 0.5 * (spread + mean.square().sum(1) - (mean.shape[1] if k else 0) + sign * logdet(cov))


def cholesky_logdet(cov, factor=2):
    return factor * torch.linalg.cholesky(cov).diagonal(dim1=1, dim2=2).log().sum(1)


def gap(mean, logvar, m, S, *, scale=1.0):
    return ae.gaussian_kl_full(mean, torch.diag_embed((scale * logvar).exp()), m, S)


def iwae_gradient(mean, std, x, eps, *, prior=True, normalize="softmax", own=0.0, flip=1):
    z = mean + std * eps
    log_w = -0.5 * (x - z) ** 2 - 0.5 * z**2 + 0.5 * eps**2 - 0.5 * math.log(2 * math.pi) + math.log(std)
    slope = (x - z) - prior * z - own * eps / std
    if normalize == "softmax":
        return ((flip * log_w).softmax(0) * slope).sum(0)
    return {"elbo": slope.mean(0), "sum": slope.sum(0), "raw": (log_w.exp() * slope).mean(0)}[normalize]


def held(mean, std, x, eps):
    z = mean + std * eps
    weight = (-0.5 * (x - z) ** 2 - 0.5 * z**2 + 0.5 * eps**2).softmax(0)
    return -(weight * eps / std).sum(0)


RIGHT = {
    "check_elbo": elbo,
    "check_kl_to_standard_normal": lambda mean, cov: kl(mean, cov, logdet=cholesky_logdet),
    "check_gap": gap,
    "check_iwae": ae.iwae_bound,
    "check_best_variances": lambda cov: 1 / torch.linalg.inv(cov).diagonal(),
    "check_iwae_gradient": iwae_gradient,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture06, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture06.__all__)


WRONG = [
    ("check_elbo", lambda *a: elbo(*a, sign=1), "you added the KL term"),
    ("check_elbo", lambda *a: -elbo(*a), "minus the ELBO"),
    ("check_elbo", lambda *a: elbo(*a, half=0.5 / 3), "averaged the KL term over the latent"),
    ("check_elbo", lambda *a: elbo(*a, samples=torch.sum), "summed over the samples"),
    ("check_elbo", lambda p, m, v: elbo(p, m, 2 * v), "took log σ² for log σ"),
    ("check_elbo", lambda *a: elbo(*a, terms=lambda m, v: (v / 2).exp() + m**2 - 1 - v), "the standard deviation"),
    ("check_elbo", lambda *a: elbo(*a, terms=lambda m, v: v.exp() + m**2 - v), "-1 of every latent"),
    ("check_elbo", lambda *a: elbo(*a, half=1), "factor ½"),
    ("check_elbo", lambda *a: elbo(*a, terms=lambda m, v: v.exp() + m**2 - 1 + v), "sign of log σ²"),
    ("check_elbo", lambda *a: elbo(*a).mean(), "over the batch as well"),
    ("check_elbo", lambda p, m, v: p.mean(0), "reconstruction term alone"),
    ("check_elbo", lambda p, m, v: p, "shape (5,), got (7, 5)"),
    ("check_kl_to_standard_normal", lambda m, c: kl(m, c, sign=1), "the lecture's line"),
    ("check_kl_to_standard_normal", lambda m, c: 2 * kl(m, c), "factor ½"),
    ("check_kl_to_standard_normal", lambda m, c: kl(m, c, k=False), "dimension k"),
    ("check_kl_to_standard_normal", lambda m, c: kl(m, c, logdet=torch.det), "log det, not det"),
    (
        "check_kl_to_standard_normal",
        lambda m, c: kl(m, c, trace=lambda c: c.sum((1, 2))),
        "summed the whole covariance",
    ),
    (
        "check_kl_to_standard_normal",
        lambda m, c: kl(m, c, logdet=lambda c: c.diagonal(dim1=1, dim2=2).log().sum(1)),
        "not the product of its diagonal",
    ),
    ("check_kl_to_standard_normal", lambda m, c: kl(m, c, logdet=lambda c: cholesky_logdet(c, 1)), "2 is missing"),
    (
        "check_kl_to_standard_normal",
        lambda m, c: ae.gaussian_kl_full(torch.zeros_like(m), torch.eye(m.shape[1]).to(c).expand_as(c), m, c),
        "other way round",
    ),
    ("check_kl_to_standard_normal", lambda m, c: kl(m, c) / m.shape[1], "averaged over the latent"),
    (
        "check_kl_to_standard_normal",
        lambda m, c: kl(m, c, logdet=lambda c: torch.det(c).log()),
        "determinant underflows",
    ),
    ("check_gap", lambda m, v, n, S: ae.gaussian_kl_full(n, S, m, torch.diag_embed(v.exp())), "q in front"),
    ("check_gap", lambda m, v, n, S: ae.gaussian_kl(m, v), "to the prior"),
    ("check_gap", lambda m, v, n, S: gap(m, v, n, torch.diag_embed(S.diagonal(dim1=1, dim2=2))), "correlations"),
    ("check_gap", lambda *a: gap(*a, scale=2.0), "log σ² for log σ"),
    ("check_gap", lambda *a: gap(*a, scale=0.5), "standard deviations on the diagonal"),
    ("check_gap", lambda *a: -gap(*a), "the gap is positive"),
    ("check_iwae", lambda w: w.mean(0), "mean of the logarithms"),
    ("check_iwae", lambda w: torch.logsumexp(w, 0), "log k is missing"),
    ("check_iwae", lambda w: -ae.iwae_bound(-w), "worst sample wins"),
    ("check_iwae", lambda w: -ae.iwae_bound(w), "minus the bound"),
    ("check_iwae", lambda w: ae.iwae_bound(w.T), "samples are the first dimension"),
    ("check_iwae", lambda w: ae.iwae_bound(w).mean(), "over the batch as well"),
    ("check_iwae", lambda w: w.exp().mean(0), "its logarithm is missing"),
    ("check_iwae", lambda w: w.amax(0), "largest log-weight"),
    ("check_iwae", lambda w: w.exp().mean(0).log(), "exp underflows"),
    ("check_best_variances", lambda c: c.diagonal(), "true marginal variances"),
    ("check_best_variances", lambda c: torch.linalg.inv(c).diagonal(), "these are the precisions"),
    ("check_best_variances", lambda c: torch.linalg.inv(c).diagonal() ** -0.5, "standard deviations"),
    ("check_best_variances", lambda c: 1 / c.diagonal(), "invert the matrix first"),
    ("check_best_variances", lambda c: torch.diag(1 / torch.linalg.inv(c).diagonal()), "not a matrix"),
    ("check_best_variances", torch.linalg.eigvalsh, "eigenvalues"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, normalize="elbo"), "gradient of the ELBO"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, normalize="sum"), "summed over the samples"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, normalize="raw"), "weights have to sum to one"),
    ("check_iwae_gradient", lambda *a: -iwae_gradient(*a), "gradient of a loss"),
    ("check_iwae_gradient", held, "held z fixed"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, own=1.0), "ε stays"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, prior=False), "prior pulls too"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a, flip=-1), "worst sample pulls"),
    ("check_iwae_gradient", lambda *a: iwae_gradient(*a).mean(), "over the repeats as well"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture06, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
