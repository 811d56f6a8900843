"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch

import aecore as ae
from aelab.exercises import elbo as lecture06


def elbo(log_prob, mean, logvar, *, sign=-1, samples=torch.mean, terms=lambda m, v: v.exp() + m**2 - 1 - v, half=0.5):
    return samples(log_prob, 0) + sign * half * terms(mean, logvar).sum(1)


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


def of_elbo(a, mean, std, x, sigma, *, spread=1.0):
    """By finite differences of the expected log-likelihood, where the exercise wants a formula."""

    def fit(a):
        return -((x - a * mean) ** 2 + spread * (a * std) ** 2) / (2 * sigma**2)

    return (fit(a + 1e-5) - fit(a - 1e-5)) / 2e-5


def of_evidence(a, mean, std, x, sigma, *, normaliser=1.0, noise=1.0):
    def log_p(a):
        v = a**2 + noise * sigma**2
        return -0.5 * normaliser * math.log(v) - 0.5 * x**2 / v

    return (log_p(a + 1e-5) - log_p(a - 1e-5)) / 2e-5


def slopes(elbo=None, evidence=None):
    """An answer with a mistake in one of the two."""
    return lambda *a: ((elbo or of_elbo)(*a), (evidence or of_evidence)(*a))


RIGHT = {
    "check_elbo": elbo,
    "check_gap": gap,
    "check_best_variances": lambda cov: 1 / torch.linalg.inv(cov).diagonal(),
    "check_iwae_gradient": iwae_gradient,
    "check_two_slopes": lambda *a: (of_elbo(*a), of_evidence(*a)),
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
    ("check_gap", lambda m, v, n, S: ae.gaussian_kl_full(n, S, m, torch.diag_embed(v.exp())), "q in front"),
    ("check_gap", lambda m, v, n, S: ae.gaussian_kl(m, v), "to the prior"),
    ("check_gap", lambda m, v, n, S: gap(m, v, n, torch.diag_embed(S.diagonal(dim1=1, dim2=2))), "correlations"),
    ("check_gap", lambda *a: gap(*a, scale=2.0), "log σ² for log σ"),
    ("check_gap", lambda *a: gap(*a, scale=0.5), "standard deviations on the diagonal"),
    ("check_gap", lambda *a: -gap(*a), "the gap is positive"),
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
    ("check_two_slopes", slopes(lambda *a: of_elbo(*a, spread=0)), "variance of q is missing"),
    ("check_two_slopes", slopes(lambda *a: of_elbo(*a) * a[4] ** 2), "the noise is missing"),
    ("check_two_slopes", slopes(lambda *a: of_elbo(*a) * a[4]), "divided by σ"),
    ("check_two_slopes", slopes(lambda *a: -of_elbo(*a)), "slope of the loss"),
    ("check_two_slopes", slopes(of_evidence), "that of log p(x)"),
    ("check_two_slopes", slopes(lambda *a: of_elbo(*a) / 2), "factor 2 of the square"),
    ("check_two_slopes", slopes(None, lambda *a: of_evidence(*a, normaliser=0)), "normaliser"),
    ("check_two_slopes", slopes(None, lambda *a: of_evidence(*a, noise=0)), "left the noise out"),
    ("check_two_slopes", slopes(None, lambda *a: of_evidence(*a) / (2 * a[0])), "chain rule"),
    ("check_two_slopes", slopes(None, lambda *a: -of_evidence(*a)), "slope of −log p(x)"),
    ("check_two_slopes", slopes(None, of_elbo), "slope of the ELBO twice"),
    ("check_two_slopes", slopes(lambda *a: 7.0), "the ELBO: the shape is right"),
    ("check_two_slopes", slopes(None, lambda *a: torch.zeros(2)), "log p(x): the result must have shape"),
    ("check_two_slopes", of_elbo, "two values"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture06, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
