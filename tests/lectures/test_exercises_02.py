"""The checks of the exercises of lecture 02: right answers pass, each usual mistake gets its own diagnosis."""

import math

import pytest
import torch
import torch.nn.functional as F

import aecore as ae
from aelab.exercises import sparsity as lecture02


def kl(p, q):
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q)).sum(1)


def divergence(rho, second):
    return ae.bernoulli_kl(torch.full_like(second, rho), second)


def shrink(u, by):
    return u.sign() * (u.abs() - by).clamp_min(0)


def keep(a, k, dim=1, largest=True):
    values, places = a.topk(k, dim=dim, largest=largest)
    return torch.zeros_like(a).scatter(dim, places, values)


def cosine(filters, features):
    return F.normalize(features, dim=1) @ F.normalize(filters, dim=1).T


RIGHT = {
    "check_kl": kl,
    "check_kl_sparsity": lambda a, rho: divergence(rho, a.mean(0)).sum(),
    "check_soft_threshold": lambda u, weight: shrink(u, weight / 2),
    "check_top_k": keep,
    "check_share_found": lambda *a: (cosine(*a).amax(1) > 0.9).float().mean(),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture02, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture02.__all__)


def test_a_plain_number_is_an_answer():
    assert lecture02.check_share_found(lambda *a: (cosine(*a).amax(1) > 0.9).float().mean().item())


WRONG = [
    ("check_kl", lambda p, q: kl(q, p), "this is KL(q‖p)"),
    ("check_kl", lambda p, q: -kl(p, q), "sign is wrong"),
    ("check_kl", lambda p, q: kl(p, q) / math.log(2), "base 2"),
    ("check_kl", lambda p, q: (p * (p / q).log()).mean(1), "averaged over the values"),
    ("check_kl", lambda p, q: (p / q).log().sum(1), "weight p is missing"),
    ("check_kl", lambda p, q: -(p * q.log()).sum(1), "cross-entropy"),
    ("check_kl", lambda p, q: kl(p, q).sum(), "summed over the batch"),
    ("check_kl", lambda p, q: kl(p, q).mean(), "averaged over the batch"),
    ("check_kl", lambda p, q: (p * (p / q).log()).sum(1), "0 · log 0"),
    ("check_kl", lambda p, q: (p * ((p + 1e-9) / q).log() + (p == 0)).sum(1), "nothing is added"),
    ("check_kl_sparsity", lambda a, rho: a.mean(0), "these are the mean activations"),
    ("check_kl_sparsity", lambda a, rho: divergence(rho, a.mean(1)).sum(), "averaged over the units"),
    ("check_kl_sparsity", lambda a, rho: divergence(rho, a).sum(1).mean(), "every single activation"),
    (
        "check_kl_sparsity",
        lambda a, rho: ae.bernoulli_kl(a.mean(0), torch.full((5,), rho, dtype=a.dtype)).sum(),
        "the other direction",
    ),
    ("check_kl_sparsity", lambda a, rho: divergence(rho, a.mean(0)).mean(), "mean over the units"),
    ("check_kl_sparsity", lambda a, rho: divergence(rho, a.mean(0)), "now sum them"),
    ("check_kl_sparsity", lambda a, rho: (rho * (rho / a.mean(0)).log()).sum(), "second half is missing"),
    ("check_kl_sparsity", lambda a, rho: -divergence(rho, a.mean(0)).sum(), "sign is wrong"),
    ("check_soft_threshold", shrink, "it is λ/2"),
    ("check_soft_threshold", lambda u, weight: u / (1 + weight), "smaller, never zero"),
    ("check_soft_threshold", lambda u, weight: (u - weight / 2).clamp_min(0), "negative u are lost"),
    ("check_soft_threshold", lambda u, weight: u * (u.abs() > weight / 2), "must be shrunk as well"),
    ("check_soft_threshold", lambda u, weight: u - u.sign() * weight / 2, "overshoot"),
    ("check_soft_threshold", lambda u, weight: shrink(u, weight / 2).abs(), "sign is lost"),
    ("check_soft_threshold", lambda u, weight: u, "only the first term"),
    ("check_top_k", lambda a, k: a.topk(k, dim=1).values, "put them back"),
    ("check_top_k", lambda a, k: a.topk(k, dim=1).indices, "these are the places"),
    ("check_top_k", lambda a, k: (keep(a, k) > 0).float(), "this is the mask"),
    ("check_top_k", lambda a, k: keep(a, k, dim=0), "k pictures that excite"),
    ("check_top_k", lambda a, k: keep(a, k, largest=False), "kept the smallest"),
    (
        "check_top_k",
        lambda a, k: a * (a >= a.flatten().topk(k * len(a)).values[-1]),
        "largest of the whole batch",
    ),
    ("check_top_k", lambda a, k: keep(a, k + 1), "one too many"),
    ("check_top_k", lambda a, k: keep(a, k - 1), "one too few"),
    ("check_top_k", lambda a, k: a - keep(a, k), "switched the largest off"),
    ("check_share_found", lambda *a: (cosine(*a).amax(0) > 0.9).float().mean(), "best feature for each filter"),
    ("check_share_found", lambda w, f: ((f @ w.T).amax(1) > 0.9).float().mean(), "divide by their lengths"),
    ("check_share_found", lambda *a: (cosine(*a).abs().amax(1) > 0.9).float().mean(), "opposite filter"),
    ("check_share_found", lambda *a: cosine(*a).amax(1).mean(), "this is the mean cosine"),
    ("check_share_found", lambda *a: (cosine(*a).amax(1) > 0.9).sum(), "divide by how many"),
    ("check_share_found", lambda *a: (cosine(*a) > 0.9).sum() / len(a[1]), "counted pairs"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture02, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
