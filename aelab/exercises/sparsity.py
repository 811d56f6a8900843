"""Checks for the exercises of lecture 02, sparsity."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from aecore.losses import bernoulli_kl, kl_sparsity
from aelab.exercises.verdict import Verdict, answer, close, judge, tensor_answer, verdict

__all__ = [
    "check_kl",
    "check_kl_sparsity",
    "check_share_found",
    "check_soft_threshold",
    "check_top_k",
]


@verdict
def check_kl(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 2.3: `function(p, q)` is KL(p‖q) in nats of distributions in rows, shape (batch,).

    Example:
        >>> from aelab.exercises.sparsity import check_kl
        >>> check_kl(lambda p, q: (q * (q / p).log()).sum(dim=1))
        Not yet: this is KL(q‖p): the mean is taken under the first distribution
    """
    generator = torch.Generator().manual_seed(case)
    p, q = torch.rand(2, 5, 4, generator=generator, dtype=torch.float64) + 0.05
    p, q = p / p.sum(dim=1, keepdim=True), q / q.sum(dim=1, keepdim=True)
    terms = p * (p / q).log()
    first = judge(
        answer(function, p, q),
        terms.sum(dim=1),
        "the mean of log p/q under p.",
        {
            "this is KL(q‖p): the mean is taken under the first distribution": (q * (q / p).log()).sum(dim=1),
            "the sign is wrong: it is log p/q, and the result is never negative": -terms.sum(dim=1),
            "you took the logarithm to base 2: this is in bits, nats are wanted": terms.sum(dim=1)
            / torch.tensor(2).log(),
            "you averaged over the values; an expectation is a sum of p times something": terms.mean(dim=1),
            "the weight p is missing before the logarithm": (p / q).log().sum(dim=1),
            "this is the cross-entropy; subtract the entropy of p": -(p * q.log()).sum(dim=1),
            "you summed over the batch; keep one number per row": terms.sum(),
            "you averaged over the batch; keep one number per row": terms.sum(dim=1).mean(),
        },
    )
    if not first:
        return first
    never = torch.tensor([[0.0, 0.5, 0.5]], dtype=torch.float64)
    other = torch.tensor([[0.5, 0.25, 0.25]], dtype=torch.float64)
    value = tensor_answer(function, never, other)
    if value.isnan().any():
        return Verdict(False, "where p is 0 the result is nan: 0 · log 0 counts as 0 (torch.xlogy knows it)")
    if not close(value, torch.tensor([2.0], dtype=torch.float64).log()):
        return Verdict(False, f"where p is 0 nothing is added: the result must be log 2 = 0.693, got {value.tolist()}")
    return first


@verdict
def check_kl_sparsity(function: Callable[[Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 2.4: `function(a, rho)` is the KL sparsity penalty of activations (batch, units), a scalar.

    Example:
        >>> from aelab.exercises.sparsity import check_kl_sparsity
        >>> check_kl_sparsity(lambda a, rho: a.mean(dim=0))
        Not yet: these are the mean activations ρ̂; now the divergence between ρ and each of them, summed
    """
    a = torch.rand(8, 5, generator=torch.Generator().manual_seed(case), dtype=torch.float64) * 0.8 + 0.1
    rho = (0.05, 0.2)[case]

    def divergence(second: Tensor) -> Tensor:
        return bernoulli_kl(torch.full_like(second, rho), second)

    rho_hat = a.mean(dim=0)
    ones = rho * (rho / rho_hat).log()
    return judge(
        answer(function, a, rho),
        kl_sparsity(a, rho),
        "a mean over the batch inside the divergence, a sum over the units outside.",
        {
            "these are the mean activations ρ̂; now the divergence between ρ and each of them, summed": rho_hat,
            "you averaged over the units; ρ̂ is a mean over the batch, one for each unit": divergence(a.mean(1)).sum(),
            "you took a divergence for every single activation; the mean over the batch comes first": divergence(a)
            .sum(dim=1)
            .mean(),
            "this is KL(ρ̂‖ρ), the other direction: it has no wall at 0": bernoulli_kl(
                rho_hat, torch.full_like(rho_hat, rho)
            ).sum(),
            "you took the mean over the units; sum over them": divergence(rho_hat).mean(),
            "one number per unit is right; now sum them": divergence(rho_hat),
            "the second half is missing: (1 − ρ) log((1 − ρ)/(1 − ρ̂))": ones.sum(),
            "the sign is wrong: a divergence is never negative": -divergence(rho_hat).sum(),
        },
    )


@verdict
def check_soft_threshold(function: Callable[[Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 2.1: `function(u, weight)` is the minimiser of (a − u)² + weight · |a|, element by element.

    Example:
        >>> from aelab.exercises.sparsity import check_soft_threshold
        >>> check_soft_threshold(lambda u, weight: u / (1 + weight))
        Not yet: this is what a squared penalty gives: smaller, never zero
    """
    u, weight = torch.tensor([-2.0, -0.9, -0.3, 0.0, 0.2, 0.7, 1.5]) + 0.1 * case, (1.0, 0.6)[case]

    def shrink(by: float) -> Tensor:
        return u.sign() * (u.abs() - by).clamp_min(0)

    return judge(
        answer(function, u, weight),
        shrink(weight / 2),
        "zero where it is not worth its price, and half a price less everywhere else.",
        {
            "you shrank by λ; the derivative of the square is 2(a − u), so it is λ/2": shrink(weight),
            "this is what a squared penalty gives: smaller, never zero": u / (1 + weight),
            "negative u are lost: |a| prices both signs alike": (u - weight / 2).clamp_min(0),
            "what survives must be shrunk as well: you only cut the small ones off": u * (u.abs() > weight / 2),
            "the small ones overshoot through zero; the best is 0 there": u - u.sign() * weight / 2,
            "the sign is lost: give the sign of u back": (u.abs() - weight / 2).clamp_min(0),
            "u itself minimises only the first term": u,
        },
    )


@verdict
def check_top_k(function: Callable[[Tensor, int], Tensor], case: int) -> Verdict:
    """Exercise 2.2: `function(a, k)` keeps the k largest activations of each row, at their places.

    Example:
        >>> from aelab.exercises.sparsity import check_top_k
        >>> check_top_k(lambda a, k: a.topk(k, dim=1).values)
        Not yet: these are the k largest values; put them back at their places, with 0 elsewhere
    """
    a, k = torch.rand(6, 5, generator=torch.Generator().manual_seed(case)) + 0.1, (2, 3)[case]

    def keep(dim: int, largest: bool = True, count: int = k) -> Tensor:
        values, places = a.topk(count, dim=dim, largest=largest)
        return torch.zeros_like(a).scatter(dim, places, values)

    values, _ = a.flatten().topk(k * len(a))
    return judge(
        answer(function, a, k),
        keep(1),
        "k units speak for every picture, and each keeps its value.",
        {
            "these are the k largest values; put them back at their places, with 0 elsewhere": a.topk(k, dim=1).values,
            "these are the places of the largest; the activations belong there": a.topk(k, dim=1).indices.float(),
            "this is the mask; multiply it with the activations": (keep(1) > 0).float(),
            "you kept the k pictures that excite each unit most; keep the k units of each picture": keep(0),
            "you kept the smallest": keep(1, largest=False),
            "you kept the largest of the whole batch; every picture has its own k": a * (a >= values[-1]),
            "you kept one too many: what equals the k+1st largest is out": keep(1, count=k + 1),
            "you kept one too few: the k-th largest stays": keep(1, count=k - 1),
            "you switched the largest off and kept the others": a - keep(1),
        },
    )


@verdict
def check_share_found(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 2.5: `function(filters, features)` is the share of features with a filter of cosine above 0.9.

    Example:
        >>> from aelab.exercises.sparsity import check_share_found
        >>> check_share_found(lambda filters, features: 1.0)
        Not yet: the shape is right, but the values differ by up to 0.4
    """
    generator = torch.Generator().manual_seed(case)
    lengths = torch.tensor([[1.0], [0.5], [3.0], [2.0], [1.0]])
    features = lengths * torch.eye(5, 8, dtype=torch.float64).roll(4 * case, dims=1)
    noise = 0.02 * torch.randn(6, 8, generator=generator, dtype=torch.float64)
    # The first three (in the other case: two) are found, the first by four filters; the fourth has only its opposite,
    # the last nothing.
    found = F.normalize(features[[0, 0, 0, 0, 1, 2 - case]], dim=1) + noise
    scale = torch.tensor([[5.0], [1.0], [1.0], [1.0], [0.2], [0.2]])
    filters = torch.cat([scale * found, -features[3:4], torch.full((4, 8), 0.4)])
    cosine = F.normalize(features, dim=1) @ F.normalize(filters, dim=1).T
    raw = features @ filters.T
    return judge(
        answer(function, filters, features),
        (cosine.amax(dim=1) > 0.9).double().mean(),
        "for every feature its best filter; two filters for one feature count once.",
        {
            "you took the best feature for each filter; ask for each feature whether it is found": (
                cosine.amax(dim=0) > 0.9
            )
            .double()
            .mean(),
            "filters and features need not have length 1: divide by their lengths": (raw.amax(dim=1) > 0.9)
            .double()
            .mean(),
            "an opposite filter is not the feature: a ReLU cannot switch it on with a minus": (
                cosine.abs().amax(dim=1) > 0.9
            )
            .double()
            .mean(),
            "this is the mean cosine; count the features above 0.9": cosine.amax(dim=1).mean(),
            "this is the number of features found; divide by how many there are": (cosine.amax(dim=1) > 0.9)
            .double()
            .sum(),
            "you counted pairs; a feature with two filters is found once": (cosine > 0.9).double().sum()
            / len(features),
        },
    )
