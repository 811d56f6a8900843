"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal

from aelab.exercises import after_the_vae as lecture09


def entries(z, codebook):
    return codebook[torch.cdist(z, codebook).argmin(dim=1)]


def edges(x, mean, scale, edge=1 / 510):
    return (x + edge - mean) / scale, (x - edge - mean) / scale


def without_ends(x, mean, scale, **how):
    above, below = edges(x, mean, scale, **how)
    return F.logsigmoid(above) + F.logsigmoid(-below) + torch.log(-torch.expm1(below - above))


def levels(x, mean, scale, **how):
    above, below = edges(x, mean, scale, **how)
    log_p = torch.where(x < 1 / 510, F.logsigmoid(above), without_ends(x, mean, scale, **how))
    return torch.where(x > 509 / 510, F.logsigmoid(-below), log_p)


def naive(x, mean, scale):
    above, below = (side.sigmoid() for side in edges(x, mean, scale))
    p = torch.where(x < 1 / 510, above, above - below)
    return torch.where(x > 509 / 510, 1 - below, p).log()


def log_density(x, mean, scale):
    middle = (x - mean) / scale
    return F.logsigmoid(middle) + F.logsigmoid(-middle) - torch.tensor(scale).log()


def step_back(z_t, z_0, before, after):
    """By conditioning the joint Gaussian of z_{t-1} and z_t given z_0."""
    keep = after / before
    covariance = keep**0.5 * (1 - before)
    mean = before**0.5 * z_0 + covariance / (1 - after) * (z_t - after**0.5 * z_0)
    return mean, (1 - before) - covariance**2 / (1 - after)


def flow_density(flow, eps, sign=-1.0):
    eps = eps.clone().requires_grad_()
    z = flow(eps)
    (slope,) = torch.autograd.grad(z.sum(), eps)
    return z.detach(), (Normal(0.0, 1.0).log_prob(eps) + sign * slope.log()).detach()


def slope_of(flow, eps):
    eps = eps.clone().requires_grad_()
    return torch.autograd.grad(flow(eps).sum(), eps)[0]


def base(eps):
    return Normal(0.0, 1.0).log_prob(eps)


RIGHT = {
    "check_flow": flow_density,
    "check_straight_through": lambda z, book: z + (entries(z, book) - z).detach(),
    "check_levels": levels,
    "check_step_back": step_back,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture09, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture09.__all__)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (entries, "no gradient reaches the encoder"),
        (lambda z, book: z + (entries(z, book) - z), "no gradient reaches the encoder"),
        (lambda z, book: entries(z, book).detach(), "detached everything"),
        (lambda z, book: (z + entries(z, book) - z).detach() + z * 0, "no gradient reaches the encoder"),
        (lambda z, book: entries(z, book) + 2 * (z - z.detach()), "not that of the identity"),
        (lambda z, book: entries(z, book) + z - z.detach(), "pulls at the codebook"),
        (lambda z, book: z * 1, "z itself"),
        (lambda z, book: book[torch.cdist(z, book).argmax(dim=1)], "argmin"),
        (lambda z, book: (entries(z, book) - z).detach(), "add z"),
        (lambda z, book: torch.cdist(z, book).argmin(dim=1), "numbers of the entries"),
    ],
)
def test_mistakes_in_the_straight_through_quantizer(answer, diagnosis):
    verdict = lecture09.check_straight_through(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (naive, "is lost"),
        (lambda x, m, s: naive(x, m, s).clamp(min=-46), "is lost"),
        (lambda x, m, s: naive(x, m, s).nan_to_num(neginf=-1e4), "is lost"),
        (without_ends, "what lies beyond"),
        (lambda x, m, s: levels(x, m, s).exp(), "logarithm is missing"),
        (log_density, "this is the log-density;"),
        (lambda x, m, s: levels(x, m, s).sum(), "keep one number"),
        (lambda x, m, s: F.logsigmoid((x - m) / s), "S at the level itself"),
        (lambda x, m, s: levels(x, m, s, edge=1 / 255), "differ by"),
    ],
)
def test_mistakes_in_the_grey_levels(answer, diagnosis):
    verdict = lecture09.check_levels(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


def with_mean(change):
    return lambda z_t, z_0, b, a: (change(z_t, z_0, b, a), step_back(z_t, z_0, b, a)[1])


def with_variance(change):
    return lambda z_t, z_0, b, a: (step_back(z_t, z_0, b, a)[0], change(b, a, step_back(z_t, z_0, b, a)[1]))


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda z_t, z_0, b, a: z_t, "must be two values"),
        (with_mean(lambda z_t, z_0, b, a: b**0.5 * z_0), "given z_0 alone"),
        (with_mean(lambda z_t, z_0, b, a: (a / b) ** 0.5 * z_t), "nothing were known of z_0"),
        (with_mean(lambda z_t, z_0, b, a: step_back(z_0, z_t, b, a)[0]), "changed places"),
        (
            with_mean(
                lambda z_t, z_0, b, a: b**0.5 * z_0 + a / b * (1 - b) / (1 - a) * (z_t - a**0.5 * z_0),
            ),
            "square root",
        ),
        (with_mean(lambda z_t, z_0, b, a: z_t + z_0), "differ by"),
        (with_variance(lambda b, a, v: 1 - a / b), "step forward"),
        (with_variance(lambda b, a, v: 1 - b), "variance: this is the variance given z_0"),
        (with_variance(lambda b, a, v: v**0.5), "standard deviation"),
    ],
)
def test_mistakes_in_the_step_back(answer, diagnosis):
    verdict = lecture09.check_step_back(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda f, e: f(e), "must be two values"),
        (lambda f, e: (e, flow_density(f, e)[1]), "z: this is eps"),
        (lambda f, e: (f(e), base(e)), "density of eps"),
        (lambda f, e: flow_density(f, e, sign=1.0), "sign"),
        (lambda f, e: (f(e), base(e) - slope_of(f, e)), "derivative is missing"),
        (lambda f, e: (f(e), flow_density(f, e)[1].exp()), "its logarithm is missing"),
        (lambda f, e: (f(e), base(f(e)) - slope_of(f, e).log()), "at eps, not at z"),
        (lambda f, e: (f(e), flow_density(f, e)[1].sum()), "keep one number"),
        (lambda f, e: (f(e), e), "differ by"),
    ],
)
def test_mistakes_in_the_density_of_a_flow(answer, diagnosis):
    verdict = lecture09.check_flow(answer)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message
