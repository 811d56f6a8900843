"""Checks for the exercises of lecture 04, denoising."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from aelab.exercises.verdict import Verdict, answer, close, draws, judge, tensor_answer, verdict

__all__ = ["check_denoising_loss", "check_mask", "check_posterior_mean", "check_sampler", "check_score"]


@verdict
def check_denoising_loss(function: Callable[[Callable, Tensor, Callable], Tensor], case: int) -> Verdict:
    """Exercise 4.1: `function(model, x, corrupt)` gives the denoising loss of each picture, shape (batch,).

    Example:
        >>> from aelab.exercises.denoising import check_denoising_loss
        >>> check_denoising_loss(lambda model, x, corrupt: (corrupt(x) - model(corrupt(x))).square().sum(dim=(1, 2, 3)))
        Not yet: you compare with the spoiled picture, and so pay the network for keeping the noise; the target ...
    """
    generator = torch.Generator().manual_seed(case)
    x, noise = torch.rand(2, 6, 1, 4, 4, generator=generator)
    calls = []

    def corrupt(batch: Tensor) -> Tensor:
        calls.append(batch)
        return batch + noise

    def model(batch: Tensor) -> Tensor:
        return (0.5, 0.8)[case] * batch + 0.1

    value = answer(function, model, x, corrupt)
    if not calls:
        return Verdict(False, "the picture was never spoiled: the model must see corrupt(x)")
    if len(calls) > 1 and torch.equal(calls[0], calls[1]):
        spoiled_twice = " (and you call corrupt twice: each call draws other noise)"
    else:
        spoiled_twice = ""
    error = (x - model(x + noise)).square().flatten(1)
    return judge(
        value,
        error.sum(dim=1),
        "spoiled input, clean target, summed over the pixels.",
        {
            "you compare with the spoiled picture, and so pay the network for keeping the noise; the target is "
            f"clean{spoiled_twice}": (x + noise - model(x + noise)).square().flatten(1).sum(dim=1),
            "the model saw the clean picture; it must see the spoiled one": (x - model(x)).square().flatten(1).sum(1),
            "you compare the model's output for the spoiled and for the clean picture; the target is the clean "
            "picture itself": (model(x) - model(x + noise)).square().flatten(1).sum(dim=1),
            "you averaged over the pixels; sum over them": error.mean(dim=1),
            "you averaged over the batch as well; keep one number per picture": error.sum(dim=1).mean(),
            "you averaged over pixels and batch, as F.mse_loss does by default": error.mean(),
            "you spoiled the output, not the input": (x - (model(x) + noise)).square().flatten(1).sum(dim=1),
        },
    )


@verdict
def check_mask(function: Callable[[Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 4.2: `function(x, rate)` sets each pixel to 0 with probability `rate`, independently.

    Example:
        >>> import torch
        >>> from aelab.exercises.denoising import check_mask
        >>> check_mask(lambda x, rate: torch.nn.functional.dropout(x, rate))
        Not yet: what is kept has been divided by 1 - rate, as dropout does; masking leaves it alone
    """
    x, rate = 0.25 + 0.5 * torch.rand(200, 1, 10, 10, generator=torch.Generator().manual_seed(case)), (0.3, 0.6)[case]
    value, again = (tensor_answer(function, x, rate).to(x) for _ in range(2))
    if value.shape != x.shape or again.shape != x.shape:
        return Verdict(False, f"the result must have shape {tuple(x.shape)}, got {tuple(value.shape)}")
    lost = value == 0
    share = lost.double().mean().item()
    if not lost.any():
        return Verdict(False, "no pixel was set to 0")
    if torch.allclose(value[~lost], x[~lost] / (1 - rate), rtol=1e-4):
        return Verdict(False, "what is kept has been divided by 1 - rate, as dropout does; masking leaves it alone")
    if not torch.equal(value[~lost], x[~lost]):
        return Verdict(False, "pixels that are kept must not change")
    if lost.flatten(1).all(dim=1).logical_or((~lost).flatten(1).all(dim=1)).all():
        return Verdict(False, "whole pictures are lost; draw one number per pixel, not one per picture")
    if (lost == lost[:1]).all():
        return Verdict(False, "all pictures lose the same pixels; draw numbers of the shape of x")
    if abs(share - (1 - rate)) < 0.02:
        lost_share = f"{100 * (1 - rate):.0f} % of the pixels are lost at rate {rate}"
        return Verdict(False, f"{lost_share}: `rate` is the probability to lose a pixel")
    if abs(share - rate) > 0.02:
        return Verdict(False, f"{100 * share:.0f} % of the pixels are lost at rate {rate}")
    if torch.equal(again == 0, lost):
        return Verdict(False, "two calls lose the same pixels: without fresh noise the network can learn the pattern")
    return Verdict(True, "each pixel on its own, anew at every call, and what is kept stays as it was.")


@verdict
def check_posterior_mean(function: Callable[[Tensor, Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 4.3: `function(noisy, data, sigma)` is the mean of `data`, weighted by how probable each row is.

    Example:
        >>> from aelab.exercises.denoising import check_posterior_mean
        >>> check_posterior_mean(lambda noisy, data, sigma: data.mean(dim=0).expand_as(noisy))
        Not yet: every data point has the same weight; the weights depend on the distance to the noisy point
    """
    generator = torch.Generator().manual_seed(case)
    data = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    sigma = (0.6, 0.9)[case]
    noisy = data[:4] + sigma * torch.randn(4, 3, generator=generator, dtype=torch.float64)
    distance = torch.cdist(noisy, data)

    def weighted(exponent: Tensor) -> Tensor:
        return exponent.softmax(dim=1) @ data

    exact = judge(
        answer(function, noisy, data, sigma),
        weighted(-distance.square() / (2 * sigma**2)),
        "the weights of (4.6), and stable where every exponential is 0.",
        {
            "every data point has the same weight; the weights depend on the distance to the noisy point": data.mean(
                dim=0
            ).expand(4, 3),
            "this is the nearest data point; the mean weighs them all": data[distance.argmin(dim=1)],
            "the exponent lacks its 2: it is |x̃ - x|² / (2σ²)": weighted(-distance.square() / sigma**2),
            "you divided by 2σ, not by 2σ²": weighted(-distance.square() / (2 * sigma)),
            "the distance is not squared": weighted(-distance / (2 * sigma**2)),
            "the weights do not sum to 1: divide by their sum": (-distance.square() / (2 * sigma**2)).exp() @ data,
            "the sign is wrong: the farthest data point weighs most": weighted(distance.square() / (2 * sigma**2)),
            "you normalised over the noisy points; the weights of one noisy point sum to 1 over the data": (
                (-distance.square() / (2 * sigma**2)).softmax(dim=0) @ data
            ),
        },
    )
    if exact and not close(answer(function, noisy, data, 0.01), weighted(-distance.square() / (2 * 0.01**2))):
        return Verdict(
            False, "right, but not for σ = 0.01, where every exp is 0 and 0/0 is nan: subtract the largest first"
        )
    return exact


@verdict
def check_score(function: Callable[[Callable, Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 4.4: `function(denoise, x, sigma)` is the score of the noisy data, from the denoiser of that noise.

    Example:
        >>> from aelab.exercises.denoising import check_score
        >>> check_score(lambda denoise, x, sigma: denoise(x) - x)
        Not yet: this is the residual; by (4.8) it is σ² times the score
    """
    sigma, mean, width = (0.6, 0.9)[case], torch.tensor([1.0, -2.0 + case], dtype=torch.float64), 1.5
    variance = width**2 + sigma**2

    def denoise(x: Tensor) -> Tensor:  # the posterior mean of N(mean, width² I)
        return (width**2 * x + sigma**2 * mean) / variance

    (x,) = draws(case, (6, 2))
    residual = denoise(x) - x
    return judge(
        answer(function, denoise, x, sigma),
        (mean - x) / variance,
        "the gradient of the log-density of the noisy data, and nobody computed a density.",
        {
            "this is the residual; by (4.8) it is σ² times the score": residual,
            "you divided by σ; (4.8) has σ²": residual / sigma,
            "you multiplied by σ²; (4.8) says that the residual is σ² times the score": residual * sigma**2,
            "the sign is wrong: the score points from the noisy point to the data": -residual / sigma**2,
            "this is the denoised point; subtract x": denoise(x),
            "you forgot to subtract x": denoise(x) / sigma**2,
            "you divided by 2σ²; (4.8) has σ²": residual / (2 * sigma**2),
        },
    )


@verdict
def check_sampler(function: Callable[[Callable, Tensor, Sequence[float]], Tensor], case: int) -> Verdict:
    """Exercise 4.5: `function(denoise, x, sigmas)` takes an Euler step of (4.10) from each level to the next.

    Example:
        >>> from aelab.exercises.denoising import check_sampler
        >>> check_sampler(lambda denoise, x, sigmas: denoise(x, sigmas[0]))
        Not yet: this is one jump to the posterior mean; walk through the levels
    """
    sigmas = ([2.0, 1.2, 0.5, 0.1], [1.5, 0.8, 0.3])[case]
    start = torch.tensor([[3.0, -1.0], [0.5, 2.0]], dtype=torch.float64) - case
    data = torch.tensor([[1.0, 0.0], [-1.0, 1.0 + case]], dtype=torch.float64)

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return (-torch.cdist(x, data).square() / (2 * float(sigma) ** 2)).softmax(dim=1) @ data

    def walk(step: Callable[[Tensor, float, float], Tensor], levels: Sequence[float] = sigmas) -> Tensor:
        x = start
        for now, then in pairwise(levels):
            x = step(x, now, then)
        return x

    return judge(
        answer(function, denoise, start, sigmas),
        walk(lambda x, now, then: x + (then - now) * (x - denoise(x, now)) / now),
        "from pure noise down to the data, one level at a time.",
        {
            "this is one jump to the posterior mean; walk through the levels": denoise(start, sigmas[0]),
            "every step jumps to the posterior mean; a step goes only as far as the level falls": walk(
                lambda x, now, then: denoise(x, now)
            ),
            "the sign is wrong: then - now is negative, and (x - r)/σ points away from the data": walk(
                lambda x, now, then: x - (then - now) * (x - denoise(x, now)) / now
            ),
            "the denoiser was told the level that the step goes to; x still has the noise of the level before": walk(
                lambda x, now, then: x + (then - now) * (x - denoise(x, then)) / then
            ),
            "the denoiser was told the new level, and the slope divided by the old one; both belong to the old": walk(
                lambda x, now, then: x + (then - now) * (x - denoise(x, then)) / now
            ),
            "the division by σ is missing": walk(lambda x, now, then: x + (then - now) * (x - denoise(x, now))),
            "you divided by σ²; (4.10) has σ times the score, and so the residual over σ": walk(
                lambda x, now, then: x + (then - now) * (x - denoise(x, now)) / now**2
            ),
            "the last level is missing: there is one step fewer than needed": walk(
                lambda x, now, then: x + (then - now) * (x - denoise(x, now)) / now, sigmas[:-1]
            ),
            "the levels run backwards": walk(
                lambda x, now, then: x + (then - now) * (x - denoise(x, now)) / now, sigmas[::-1]
            ),
        },
    )
