"""Checks for the exercises of lecture 08, the latent space."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from aecore.losses import gaussian_kl
from aelab.exercises.verdict import Verdict, answer, draws, judge, pair, tensor_answer, verdict

__all__ = [
    "check_aggregate",
    "check_free_bits",
    "check_surgery",
    "check_surviving",
    "check_used_dimensions",
]


def _log_density(z: Tensor, mean: Tensor, logvar: Tensor) -> Tensor:
    """log N(z_i | mean_j, diag e^logvar_j) for every pair, shape (m, n)."""
    distance = (z[:, None] - mean).square() / logvar.exp()
    return -0.5 * (distance + logvar + math.log(2 * math.pi)).sum(dim=2)


@verdict
def check_aggregate(function: Callable[[Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 8.1: `function(z, mean, logvar)` is the log-density of the aggregate posterior at each z, shape (m,).

    Example:
        >>> import torch
        >>> from aelab.exercises.latent_space import check_aggregate
        >>> pooled = lambda z, mean, logvar: torch.distributions.Normal(mean.mean(0), mean.std(0)).log_prob(z).sum(1)
        >>> check_aggregate(pooled)
        Not yet: the shape is right, but the values differ by up to ...
    """
    m, n = ((6, 5), (4, 7))[case]
    z, mean, logvar = draws(case, (m, 2), (n, 2), (n, 2))
    pairs = _log_density(z, mean, logvar)
    expected = torch.logsumexp(pairs, dim=1) - math.log(n)
    constant = math.log(2 * math.pi)  # ½ log 2π for each of the two dimensions
    return judge(
        answer(function, z, mean, logvar),
        expected,
        "the logarithm of the mean density: a mixture with one component for every image.",
        {
            "this is the mean of the logarithms; the mean belongs inside the logarithm": pairs.mean(dim=1),
            "log n is missing: it is the mean of the densities, not their sum": expected + math.log(n),
            "you multiplied the densities: a mixture adds them": pairs.sum(dim=1),
            "this is the density; its logarithm is missing": expected.exp(),
            "the constant ½ log 2π of every dimension is missing": expected + constant,
            "you took log σ² for log σ": torch.logsumexp(_log_density(z, mean, 2 * logvar), dim=1) - math.log(n),
            "you averaged over the images' parameters first; the mixture has many peaks, not one": _log_density(
                z, mean.mean(dim=0, keepdim=True), logvar.mean(dim=0, keepdim=True)
            )[:, 0],
            "you averaged over the points z; keep one number for each": torch.logsumexp(pairs, dim=0) - math.log(m),
            "you averaged over the points z as well; keep one number for each": expected.mean(),
        },
    )


@verdict
def check_surgery(function: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]], case: int) -> Verdict:
    """Exercise 8.2: `function(mean, logvar, z)` gives the two estimates of (8.2), z_i drawn from q(z|x_i).

    Example:
        >>> import torch
        >>> from aelab.exercises.latent_space import check_surgery
        >>> check_surgery(lambda mean, logvar, z: (torch.tensor(0.0), torch.tensor(0.0)))
        Not yet: the mutual information: the shape is right, but the values differ by up to ...
    """
    mean, logvar, noise = draws(case, (30, 2), (30, 2), (30, 2))
    logvar = 0.5 * logvar - 1
    z = mean + (0.5 * logvar).exp() * noise
    pairs = _log_density(z, mean, logvar)
    own, mixture = pairs.diagonal(), torch.logsumexp(pairs, dim=1) - math.log(30)
    prior = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)
    names = "the mutual information and the divergence of q(z) to the prior"
    first, second = pair(answer(function, mean, logvar, z), names)
    information = judge(
        first,
        (own - mixture).mean(),
        "",
        {
            "you forgot log n: q(z) is the mean of the densities": (own - mixture).mean() - math.log(30),
            "this is the mean KL, the sum of the two": (own - prior).mean(),
            "this is the KL in closed form, the sum of the two": gaussian_kl(mean, logvar).mean(),
            "the two have changed places": (mixture - prior).mean(),
            "the sign is wrong": (mixture - own).mean(),
            "average over the images": own - mixture,
            "q(z) leaves z's own image out; it is one of the n": (
                own - (pairs + torch.diag(torch.full((30,), -torch.inf))).logsumexp(1) + math.log(29)
            ).mean(),
        },
    )
    if not information:
        return Verdict(False, f"the mutual information: {information.message}")
    divergence = judge(
        second,
        (mixture - prior).mean(),
        "log q(z|x) − log q(z), and log q(z) − log p(z): together the KL term.",
        {
            "the sign is wrong": (prior - mixture).mean(),
            "this is the mean KL, the sum of the two": (own - prior).mean(),
            "average over the images": mixture - prior,
            "the constant of the prior, ½ log 2π for each dimension, is missing": (mixture - prior).mean()
            - math.log(2 * math.pi),
        },
    )
    return divergence if divergence else Verdict(False, f"the divergence of q(z): {divergence.message}")


@verdict
def check_surviving(function: Callable[[Tensor, float, float], Tensor], case: int) -> Verdict:
    """Exercise 8.3: `function(eigenvalues, sigma, beta)` gives the KL of each dimension at the optimum, shape (k,).

    Example:
        >>> from aelab.exercises.latent_space import check_surviving
        >>> check_surviving(lambda eigenvalues, sigma, beta: 0.5 * (eigenvalues / sigma**2).clamp(min=1).log())
        Not yet: β is missing: it multiplies the noise that an eigenvalue has to beat
    """
    eigenvalues = torch.tensor([9.0, 4.0, 2.5, 1.2, 0.3], dtype=torch.float64) / (1 + case)
    sigma, beta = ((0.8, 3.0), (0.6, 2.0))[case]

    def kl(noise: float, half: float = 0.5) -> Tensor:
        return half * (eigenvalues / noise).clamp(min=1).log()

    return judge(
        answer(function, eigenvalues, sigma, beta),
        kl(beta * sigma**2),
        "half the logarithm of signal over noise, and nothing below the noise.",
        {
            "β is missing: it multiplies the noise that an eigenvalue has to beat": kl(sigma**2),
            "the noise is a variance, σ², not σ": kl(beta * sigma),
            "β multiplies σ², not its square": kl(beta**2 * sigma**2),
            "the factor ½ is missing": kl(beta * sigma**2, half=1.0),
            "a divergence is never negative: below the noise a dimension says nothing": 0.5
            * (eigenvalues / (beta * sigma**2)).log(),
            "this is the capacity ½ log(1 + λ/σ²) of a channel whose signal is given; here the encoder chooses": 0.5
            * (eigenvalues / (beta * sigma**2)).log1p(),
            "this counts the survivors; give the KL of each dimension": (eigenvalues > beta * sigma**2).sum(),
            "this says which survive; give the KL of each dimension": (eigenvalues > beta * sigma**2).double(),
            "β is on the wrong side: a higher price needs a larger eigenvalue": kl(sigma**2 / beta),
        },
    )


@verdict
def check_free_bits(function: Callable[[Tensor, Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 8.4: `function(mean, logvar, free)` is the KL term with `free` nats free in each dimension, a scalar.

    Example:
        >>> import aecore as ae
        >>> from aelab.exercises.latent_space import check_free_bits
        >>> check_free_bits(lambda mean, logvar, free: ae.gaussian_kl(mean, logvar).mean().clamp(min=free))
        Not yet: this is the plain KL term, or its clamped sum: every dimension has its own allowance
    """
    mean, logvar = draws(case, (50, 4), (50, 4))
    mean = mean * torch.tensor([1.2, 0.7, 0.2, 0.05], dtype=torch.float64)
    logvar = logvar * torch.tensor([0.5, 0.3, 0.1, 0.05], dtype=torch.float64)
    each = 0.5 * (logvar.exp() + mean.square() - 1 - logvar)
    free = (0.5, 0.2)[case]
    return judge(
        answer(function, mean, logvar, free),
        each.mean(dim=0).clamp(min=free).sum(),
        "the mean over the batch first, then the allowance of each dimension, then the sum.",
        {
            "you clamped the sum; the allowance of all dimensions together can be used up by one": each.sum(1)
            .mean()
            .clamp(min=4 * free),
            "you clamped each image's KL; take the mean over the batch first": each.clamp(min=free).sum(1).mean(),
            "you clamped from above; the allowance is a floor": each.mean(dim=0).clamp(max=free).sum(),
            "this subtracts the allowance and has the same gradient; give the clamped KL": (each.mean(dim=0) - free)
            .clamp(min=0)
            .sum(),
            "this is the plain KL term, or its clamped sum: every dimension has its own allowance": each.sum(1).mean(),
            "you averaged over the latent dimensions; it is a sum": each.mean(dim=0).clamp(min=free).mean(),
            "the sum over the dimensions is missing": each.mean(dim=0).clamp(min=free),
        },
    )


@verdict
def check_used_dimensions(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 8.5: `function(mean, logvar)` says of each dimension whether the code uses it, bool, shape (k,).

    Example:
        >>> from aelab.exercises.latent_space import check_used_dimensions
        >>> check_used_dimensions(lambda mean, logvar: (mean**2).mean(dim=0) > 0.01)
        Not yet: a constant mean is no information: take the variance, not the mean square
    """
    noise, moves = draws(case, (400, 7), (400, 7))
    scale = torch.tensor([1.0, 0.05, 0.3, 0.0, 0.0, 0.12, 0.08], dtype=torch.float64).roll(case)
    mean = scale * moves / moves.std(dim=0)
    mean[:, 3] += 0.5
    logvar = torch.tensor([-3.0, 0.0, -1.0, 0.0, -2.0, 0.0, -3.0], dtype=torch.float64).expand_as(mean)
    sampled = mean + (0.5 * logvar).exp() * noise
    value = tensor_answer(function, mean, logvar)
    if value.dtype != torch.bool:
        return Verdict(False, f"the result must be True or False for each dimension, got {value.dtype}")
    expected = mean.var(dim=0) > 0.01
    return judge(
        value,
        expected,
        "a dimension is used if its mean moves with the images.",
        {
            "a constant mean is no information: take the variance, not the mean square": mean.square().mean(0) > 0.01,
            "these are samples: their variance is near 1 where nothing is said at all": sampled.var(dim=0) > 0.01,
            "this is the standard deviation; the criterion is on the variance": mean.std(dim=0) > 0.01,
            "a width below 1 is not enough: ask whether the mean moves": logvar.exp().mean(dim=0) < 0.99,
            "you took the variance over the dimensions; it is over the images": mean.var(dim=1) > 0.01,
            "these are the unused ones": ~expected,
        },
    )
