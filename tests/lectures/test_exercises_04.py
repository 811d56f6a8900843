"""The checks of the exercises: right answers pass, each usual mistake gets its own diagnosis."""

from itertools import pairwise

import pytest
import torch

import aecore as ae
from aelab.exercises import denoising as lecture04


def loss(model, x, corrupt):
    return (x - model(corrupt(x))).square().flatten(1).sum(1)


def spoiled_target(model, x, corrupt):
    noisy = corrupt(x)
    return (noisy - model(noisy)).square().flatten(1).sum(1)


def spoiled_twice(model, x, corrupt):
    return (corrupt(x) - model(corrupt(x))).square().flatten(1).sum(1)


def clean_input(model, x, corrupt):
    corrupt(x)
    return (x - model(x)).square().flatten(1).sum(1)


def against_the_models_own(model, x, corrupt):
    return (model(x) - model(corrupt(x))).square().flatten(1).sum(1)


def mask(x, rate):
    return x * (torch.rand(x.shape) >= rate)


def in_place(x, rate):
    x[torch.rand(x.shape) < rate] = 0
    return x


def same_every_time(x, rate):
    return ae.mask(x, rate, generator=torch.Generator().manual_seed(0))


def some_noise(x, rate):
    keep = torch.rand(x.shape) >= rate
    return torch.where(keep, x + 0.01 * torch.randn(x.shape), torch.zeros(()))


def recall(noisy, data, sigma, *, sign=-1, half=2, power=2, dim=1, width=None):
    distance = (noisy[:, None] - data).square().sum(2).sqrt()
    return (sign * distance**power / (half * (width or sigma**2))).softmax(dim) @ data


def as_written(noisy, data, sigma, *, normalize=True):
    terms = torch.exp(-(noisy[:, None] - data).square().sum(2) / (2 * sigma**2))
    return (terms / terms.sum(1, keepdim=True) if normalize else terms) @ data


def nearest(noisy, data, sigma):
    return data[torch.cdist(noisy, data).argmin(1)]


def score(denoise, x, sigma):
    return (denoise(x) - x) / sigma**2


def walk(denoise, x, sigmas, *, sign=1, seen=0, over=0, power=1):
    for levels in pairwise(sigmas):
        x = x + sign * (levels[1] - levels[0]) * (x - denoise(x, levels[seen])) / levels[over] ** power
    return x


def jumps(denoise, x, sigmas):
    for sigma in sigmas[:-1]:
        x = denoise(x, sigma)
    return x


RIGHT = {
    "check_denoising_loss": loss,
    "check_mask": mask,
    "check_posterior_mean": recall,
    "check_score": score,
    "check_sampler": walk,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes(name):
    verdict = getattr(lecture04, name)(RIGHT[name])
    assert verdict, verdict


def test_every_check_has_a_right_answer_here():
    assert set(RIGHT) == set(lecture04.__all__)


@pytest.mark.parametrize("rate_of", [lambda x, rate: torch.bernoulli(torch.full_like(x, 1 - rate)) * x, ae.mask])
def test_masking_may_be_written_in_other_ways(rate_of):
    assert lecture04.check_mask(rate_of)


def test_a_softmax_over_all_distances_at_once_is_right_too():
    def matrix(noisy, data, sigma):
        return ((noisy @ data.T - 0.5 * data.square().sum(1)) / sigma**2).softmax(1) @ data

    assert lecture04.check_posterior_mean(matrix)


WRONG = [
    ("check_denoising_loss", lambda model, x, corrupt: (x - model(x)).square().flatten(1).sum(1), "never spoiled"),
    ("check_denoising_loss", spoiled_target, "compare with the spoiled picture"),
    ("check_denoising_loss", spoiled_twice, "call corrupt twice"),
    ("check_denoising_loss", clean_input, "the model saw the clean picture"),
    ("check_denoising_loss", against_the_models_own, "the target is the clean picture itself"),
    ("check_denoising_loss", lambda *a: loss(*a) / 16, "averaged over the pixels"),
    ("check_denoising_loss", lambda *a: loss(*a).mean(), "over the batch as well"),
    ("check_denoising_loss", lambda *a: loss(*a).mean() / 16, "as F.mse_loss does"),
    (
        "check_denoising_loss",
        lambda model, x, corrupt: (x - corrupt(model(x))).square().flatten(1).sum(1),
        "spoiled the output",
    ),
    ("check_mask", lambda x, rate: torch.nn.functional.dropout(x, rate), "as dropout does"),
    ("check_mask", in_place, "changed its first argument"),
    ("check_mask", lambda x, rate: mask(x, rate)[0], "must have shape (200, 1, 10, 10)"),
    ("check_mask", lambda x, rate: x.clone(), "no pixel was set to 0"),
    ("check_mask", some_noise, "kept must not change"),
    ("check_mask", lambda x, rate: x * (torch.rand(len(x), 1, 1, 1) >= rate), "whole pictures are lost"),
    ("check_mask", lambda x, rate: x * (torch.rand(x.shape[1:]) >= rate), "all pictures lose the same pixels"),
    ("check_mask", lambda x, rate: mask(x, 1 - rate), "70 % of the pixels are lost"),
    ("check_mask", lambda x, rate: mask(x, rate / 2), "15 % of the pixels are lost"),
    ("check_mask", same_every_time, "two calls lose the same pixels"),
    ("check_posterior_mean", lambda y, x, s: x.mean(0).expand_as(y), "every data point has the same weight"),
    ("check_posterior_mean", nearest, "the nearest data point"),
    ("check_posterior_mean", lambda *a: recall(*a, half=1), "the exponent lacks its 2"),
    ("check_posterior_mean", lambda y, x, s: recall(y, x, s, width=s), "divided by 2σ, not"),
    ("check_posterior_mean", lambda *a: recall(*a, power=1), "the distance is not squared"),
    ("check_posterior_mean", lambda *a: as_written(*a, normalize=False), "do not sum to 1"),
    ("check_posterior_mean", lambda *a: recall(*a, sign=1), "the farthest data point"),
    ("check_posterior_mean", lambda *a: recall(*a, dim=0), "normalised over the noisy points"),
    ("check_posterior_mean", as_written, "subtract the largest first"),
    ("check_posterior_mean", lambda *a: as_written(*a).nan_to_num(0.0), "subtract the largest first"),
    ("check_score", lambda denoise, x, s: denoise(x) - x, "this is the residual"),
    ("check_score", lambda denoise, x, s: (denoise(x) - x) / s, "divided by σ; (4.8)"),
    ("check_score", lambda denoise, x, s: (denoise(x) - x) * s**2, "multiplied by σ²"),
    ("check_score", lambda *a: -score(*a), "the sign is wrong"),
    ("check_score", lambda denoise, x, s: denoise(x), "the denoised point; subtract x"),
    ("check_score", lambda denoise, x, s: denoise(x) / s**2, "forgot to subtract x"),
    ("check_score", lambda *a: score(*a) / 2, "divided by 2σ²"),
    ("check_sampler", lambda denoise, x, s: denoise(x, s[0]), "one jump"),
    ("check_sampler", jumps, "every step jumps"),
    ("check_sampler", lambda *a: walk(*a, sign=-1), "the sign is wrong"),
    ("check_sampler", lambda *a: walk(*a, seen=1, over=1), "told the level that the step goes to"),
    ("check_sampler", lambda *a: walk(*a, seen=1), "both belong to the old"),
    ("check_sampler", lambda *a: walk(*a, power=0), "the division by σ is missing"),
    ("check_sampler", lambda *a: walk(*a, power=2), "you divided by σ²"),
    ("check_sampler", lambda denoise, x, s: walk(denoise, x, s[:-1]), "the last level is missing"),
    ("check_sampler", lambda denoise, x, s: walk(denoise, x, s[::-1]), "run backwards"),
]


@pytest.mark.parametrize(("name", "mistake", "diagnosis"), WRONG)
def test_a_usual_mistake_is_named(name, mistake, diagnosis):
    verdict = getattr(lecture04, name)(mistake)
    assert not verdict
    assert diagnosis in verdict.message
