"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from aecore.losses import gaussian_kl
from aelab.exercises import reparameterization as lecture07


def moved(mean, logvar, eps):
    return mean + (0.5 * logvar).exp() * eps


def kl(mean, tril, *, sign=-1, half=0.5, count=2, trace=None, k=None):
    trace = tril.square().sum(dim=(1, 2)) if trace is None else trace(tril)
    log_det = count * tril.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    return half * (trace + mean.square().sum(dim=1) - (mean.shape[1] if k is None else k) + sign * log_det)


def score(f, z, mean, sigma, *, baseline="others", power=2):
    b = {"others": (f.sum() - f) / (len(f) - 1), "mean": f.mean(), "median": f.median(), "none": torch.zeros(())}
    return (f - b[baseline])[:, None] * (z - mean) / sigma**power


def detective(kl, *, mean=None, logvar=None, tolerance=1e-4, shape=True):
    draws = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    mean, logvar = draws[0] if mean is None else mean, draws[1] if logvar is None else logvar
    expected = kl_divergence(Normal(mean, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(dim=1)
    value = kl(mean, logvar)
    return (not shape or value.shape == expected.shape) and torch.allclose(
        value, expected, rtol=tolerance, atol=tolerance
    )


def tril(raw, k, *, diagonal=torch.exp, below=lambda v: v):
    rows, columns = torch.tril_indices(k, k)
    matrix = raw.new_zeros(len(raw), k, k)
    matrix[:, rows, columns] = raw
    return below(matrix.tril(-1)) + diagonal(matrix.diagonal(dim1=1, dim2=2)).diag_embed()


def symmetric(raw, k):
    matrix = tril(raw, k)
    return matrix + matrix.tril(-1).mT


def doubled(raw, k):
    """Every number has a place, but two of them always appear as a sum."""
    total = raw[:, 1] + raw[:, 3]
    return tril(torch.stack([raw[:, 0], total, raw[:, 2], total, raw[:, 4], raw[:, 5]], dim=1), k)


RIGHT = {
    "check_reparameterize": moved,
    "check_kl_from_cholesky": kl,
    "check_score_gradient": score,
    "check_detective": detective,
    "check_scale_tril": tril,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture07, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture07.__all__)


def test_other_right_answers_pass():
    assert lecture07.check_reparameterize(lambda m, v, e: torch.addcmul(m, v.exp().sqrt(), e))
    assert lecture07.check_scale_tril(lambda raw, k: tril(raw, k, diagonal=torch.nn.functional.softplus))


WRONG = [
    ("check_reparameterize", lambda m, v, e: m + v.exp() * e, "with the variance"),
    ("check_reparameterize", lambda m, v, e: m + v * e, "with log σ²"),
    ("check_reparameterize", lambda m, v, e: (0.5 * v).exp() * e, "mean is missing"),
    ("check_reparameterize", lambda m, v, e: m + e, "standard deviation is missing"),
    ("check_reparameterize", lambda m, v, e: m - (0.5 * v).exp() * e, "subtracted the noise"),
    ("check_reparameterize", lambda m, v, e: moved(m, v, torch.randn_like(e)), "draw none"),
    ("check_reparameterize", lambda m, v, e: moved(m, v, e).detach(), "no gradient reaches the mean"),
    ("check_reparameterize", lambda m, v, e: moved(m, v.detach(), e), "no gradient reaches logvar"),
    ("check_reparameterize", lambda m, v, e: moved(m.detach(), v, e), "no gradient reaches mean"),
    ("check_reparameterize", lambda m, v, e: moved(m, v, e)[0], "shape (4, 3, 2), got (3, 2)"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t, sign=1), "wrong sign"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t, half=1), "½ is missing"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t, count=1), "counted it once"),
    (
        "check_kl_from_cholesky",
        lambda m, t: kl(m, t, trace=lambda t: t.diagonal(dim1=1, dim2=2).square().sum(1)),
        "squared the diagonal only",
    ),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t, trace=lambda t: t.diagonal(dim1=1, dim2=2).sum(1)), "not of L"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t, k=0), "dimension k is missing"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t) / m.shape[1], "averaged over latent dimensions"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t).mean(), "averaged over the batch"),
    ("check_kl_from_cholesky", lambda m, t: kl(m, t).sum(), "summed over the batch"),
    ("check_score_gradient", lambda *a: score(*a, baseline="none"), "no baseline"),
    ("check_score_gradient", lambda *a: score(*a, baseline="mean"), "in its own baseline"),
    ("check_score_gradient", lambda *a: score(*a, baseline="median"), "median"),
    ("check_score_gradient", lambda *a: score(*a, power=1), "divided by σ:"),
    ("check_score_gradient", lambda *a: score(*a, power=0), "not divided by σ²"),
    ("check_score_gradient", lambda *a: -score(*a), "sign is wrong"),
    ("check_score_gradient", lambda *a: score(*a).mean(dim=0), "one estimate per sample"),
    ("check_score_gradient", lambda f, z, m, s: (z - m) / s**2, "score alone"),
    ("check_detective", lambda kl: True, "let a broken one pass: a plus before log σ²"),
    ("check_detective", lambda kl: False, "refuse a correct one (aecore's)"),
    ("check_detective", lambda kl: kl is gaussian_kl, "refuse a correct one (another way"),
    (
        "check_detective",
        lambda kl: detective(kl, mean=torch.zeros(5, 3), logvar=torch.zeros(5, 3), shape=False),
        "plus",
    ),
    ("check_detective", lambda kl: detective(kl, mean=torch.zeros(5, 3)), "|μ|"),
    ("check_detective", lambda kl: detective(kl, logvar=torch.zeros(5, 3), shape=False), "log σ"),
    ("check_detective", lambda kl: bool((kl(*torch.randn(2, 5, 3)) >= 0).all()), "a mean over latent dimensions"),
    ("check_scale_tril", lambda raw, k: raw, "got torch.float64 of shape (4, 6)"),
    ("check_scale_tril", symmetric, "above the diagonal"),
    ("check_scale_tril", lambda raw, k: tril(raw, k, diagonal=lambda v: v), "must be positive"),
    ("check_scale_tril", lambda raw, k: tril(raw, k, below=torch.zeros_like), "only 3 of the 6"),
    ("check_scale_tril", doubled, "two numbers do the same"),
    ("check_scale_tril", lambda raw, k: tril(raw, k, diagonal=torch.sigmoid), "not every covariance"),
    ("check_scale_tril", lambda raw, k: tril(raw, k, below=lambda v: v.exp().tril(-1)), "both signs"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture07, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message, verdict.message
