"""Checks for the exercises of lecture 05, latent variable models."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from aecore.losses import gaussian_log_prob
from aelab.exercises.verdict import Verdict, answer, draws, judge, tensor_answer, verdict

__all__ = [
    "check_best_sigma",
    "check_carriers",
    "check_gaussian_log_likelihood",
    "check_importance_estimate",
    "check_linear_log_marginal",
    "check_log_mean_exp",
]


@verdict
def check_log_mean_exp(function: Callable[[Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.1: `function(log_p)` gives the log of the mean of exp(log_p) over the samples, (N, batch) -> (batch,).

    Example:
        >>> from aelab.exercises.latent_variables import check_log_mean_exp
        >>> check_log_mean_exp(lambda log_p: log_p.exp().mean(dim=0).log())
        Not yet: the result is -inf: exp(-2000) is 0 in every float; take the largest value out first, or use ...
    """
    shift = 2000  # judged without it: a relative tolerance would be wide at -2000
    (noise,) = draws(case, (5, 3))
    log_p = -shift + 8 * noise
    value = tensor_answer(function, log_p)
    if not value.isfinite().all():
        return Verdict(
            False,
            f"the result is {value.flatten()[0]}: exp(-2000) is 0 in every float; take the largest value out first, "
            "or use torch.logsumexp",
        )
    log_p = log_p + shift
    log_sum = torch.logsumexp(log_p, dim=0)
    return judge(
        value + shift,
        log_sum - math.log(5),
        "the log of the mean, one number per column, and nothing underflows.",
        {
            "this is the mean of the logs; by Jensen's inequality it lies below the log of the mean": log_p.mean(dim=0),
            "this is the log of the sum; subtract log N": log_sum,
            "you divided the log by N; dividing inside the log subtracts log N": (log_sum - shift) / 5 + shift,
            "you took the mean over the batch; the samples are the rows, dim 0": log_p.logsumexp(1) - math.log(3),
            "you took the mean over samples and batch; keep one number per column": log_sum.logsumexp(0) - math.log(15),
            "this is the largest sample alone; the others belong to the mean too": log_p.amax(dim=0),
            "this is the largest sample divided by N; the others belong to the mean too": log_p.amax(0) - math.log(5),
        },
    )


@verdict
def check_gaussian_log_likelihood(function: Callable[[Tensor, Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 5.2: `function(x, mean, sigma)` gives log N(x | mean, sigma² I) of each image, shape (batch,).

    Example:
        >>> from aelab.exercises.latent_variables import check_gaussian_log_likelihood
        >>> check_gaussian_log_likelihood(lambda x, mean, sigma: -(x - mean).square().sum((1, 2, 3)) / 2 / sigma**2)
        Not yet: the normalising constant is missing; it depends on sigma, so it decides which sigma is best
    """
    generator = torch.Generator().manual_seed(case)
    x, mean = torch.rand(2, 4, 1, 3, 3, generator=generator, dtype=torch.float64)
    sigma, dims, two_pi = (0.5, 0.8)[case], 9, math.log(2 * math.pi)
    square = (x - mean).square().flatten(1).sum(dim=1)
    error, constant = square / (2 * sigma**2), dims * (math.log(sigma) + 0.5 * two_pi)
    return judge(
        answer(function, x, mean, sigma),
        gaussian_log_prob(x, mean, sigma),
        "squared error over 2σ², and one constant for every dimension.",
        {
            "the normalising constant is missing; it depends on sigma, so it decides which sigma is best": -error,
            "the sign is wrong: this is the negative log-likelihood": error + constant,
            "the constant is there once; it belongs to each of the 9 dimensions": -error - constant / dims,
            "the factor 2 in 2σ² is missing": -2 * error - constant,
            "you took sigma for the variance: it is squared in the exponent, and log σ² is 2 log σ": -square
            / (2 * sigma)
            - 0.5 * dims * (math.log(sigma) + two_pi),
            "log 2π is missing from the constant": -error - dims * math.log(sigma),
            "log σ is missing from the constant": -error - 0.5 * dims * two_pi,
            "the constant has the wrong sign: a wider Gaussian is a lower one": -error + constant,
            "you averaged over the pixels; the log-density of an image is a sum over them": (-error - constant) / dims,
            "you summed over the batch as well; keep one number per image": (-error - constant).sum(),
            "you averaged over the batch as well; keep one number per image": (-error - constant).mean(),
        },
    )


@verdict
def check_best_sigma(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.3: `function(x, x_hat)` gives the one sigma under which the whole set is most likely, a scalar.

    Example:
        >>> from aelab.exercises.latent_variables import check_best_sigma
        >>> check_best_sigma(lambda x, x_hat: (x - x_hat).square().mean())
        Not yet: this is sigma², the mean squared error per dimension; take the square root
    """
    generator = torch.Generator().manual_seed(case)
    x, x_hat = torch.rand(2, 6, 1, 3, 3, generator=generator, dtype=torch.float64)
    error = x - x_hat + 0.3  # not zero on average: subtracting the mean error must show
    square = error.square()
    of_image = square.flatten(1).mean(dim=1)
    return judge(
        answer(function, x + 0.3, x_hat),
        square.mean().sqrt(),
        "the root of the mean squared error per dimension.",
        {
            "this is sigma², the mean squared error per dimension; take the square root": square.mean(),
            "this is the root of the error per image; sigma belongs to one dimension": (9 * square.mean()).sqrt(),
            "this is the mean absolute error, the best scale of a Laplace likelihood": error.abs().mean(),
            "this is the spread of the errors around their mean; being off on average must count": error.std(),
            "one sigma for each image: the model has a single one, for the whole set": of_image.sqrt(),
            "you averaged the sigmas of the images; average the squares, then take the root": of_image.sqrt().mean(),
        },
    )


@verdict
def check_carriers(function: Callable[[Tensor, float], int], case: int) -> Verdict:
    """Exercise 5.4: `function(log_p, share)` counts the largest samples that make up that share of the sum.

    Example:
        >>> from aelab.exercises.latent_variables import check_carriers
        >>> check_carriers(lambda log_p, share: round(len(log_p) * share))
        Not yet: you counted a share of the samples; count until their sum reaches the share
    """
    (noise,), share = draws(1 + case, (100,)), (0.9, 0.7)[case]
    log_p = -900 + (3 - case) * noise
    count = tensor_answer(function, log_p, share).double()
    if count.numel() != 1 or count != count.round():
        return Verdict(False, f"the result must be one whole number, got {count.tolist()}")
    if count in (0, 1):
        return Verdict(False, "exp(-900) is 0, and so is the sum: subtract the largest value first, or use softmax")
    parts = torch.softmax(log_p, dim=0)
    largest_first = parts.sort(descending=True).values

    def until(values: Tensor) -> Tensor:
        return (values.cumsum(dim=0) < share * values.sum()).sum() + 1

    right = until(largest_first)
    return judge(
        count.reshape(()),
        right,
        f"{right} of the 100 samples carry {100 * share:.0f} % of the sum.",
        {
            "you counted a share of the samples; count until their sum reaches the share": torch.tensor(
                round(100 * share)
            ),
            "you summed the logs; the sum that matters is that of exp(log_p)": torch.tensor(round(100 * share) + 1),
            "you stopped one too early: the sample that reaches the share counts as well": right - 1,
            "you counted one too many": right + 1,
            "you started with the smallest samples; sort in descending order": until(largest_first.flip(0)),
            "you took the samples in the order they came; the largest come first": until(parts),
            "you counted the samples above 10 % of the largest one; what counts is their sum": (
                (parts > 0.1 * parts.max()).sum()
            ),
        },
    )


@verdict
def check_linear_log_marginal(function: Callable[[Tensor, Tensor, float, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.5: `function(weights, offset, sigma, x)` gives log p(x) of x = Wz + b + σε exactly, shape (batch,).

    Example:
        >>> from aelab.exercises.latent_variables import check_linear_log_marginal
        >>> check_linear_log_marginal(lambda weights, offset, sigma, x: weights @ x)
        Not yet: <lambda> raised RuntimeError: ...
    """
    generator = torch.Generator().manual_seed(case)
    weights, offset, x = (torch.randn(*s, generator=generator, dtype=torch.float64) for s in ((4, 2), (4,), (5, 4)))
    sigma, eye = (0.5, 0.8)[case], torch.eye(4, dtype=torch.float64)
    covariance = weights @ weights.T + sigma**2 * eye

    def log_density(centred: Tensor, covariance: Tensor, constant: float = 1, log_det: float = 1) -> Tensor:
        distance = (centred * torch.linalg.solve(covariance, centred.T).T).sum(dim=1)
        return -0.5 * (distance + log_det * covariance.logdet() + constant * 4 * math.log(2 * math.pi))

    return judge(
        answer(function, weights, offset, sigma, x),
        log_density(x - offset, covariance),
        "a Gaussian around b with covariance WWᵀ + σ²I; no sample was needed.",
        {
            "you forgot to subtract the offset b, the mean of x": log_density(x, covariance),
            "the noise adds its variance σ² to the covariance, not σ": log_density(
                x - offset, weights @ weights.T + sigma * eye
            ),
            "this is the likelihood at z = 0: the part WWᵀ that z adds to the covariance is missing": log_density(
                x - offset, sigma**2 * eye
            ),
            "you kept only the diagonal of the covariance; z ties the dimensions of x together": log_density(
                x - offset, covariance.diag().diag()
            ),
            "the log-determinant is missing": log_density(x - offset, covariance, log_det=0),
            "½ log det belongs there, with a half": log_density(x - offset, covariance, log_det=2),
            "the constant ½ D log 2π is missing": log_density(x - offset, covariance, constant=0),
            "the constant is ½ log 2π for each of the D dimensions": log_density(x - offset, covariance, constant=0.25),
            "the sign is wrong: this is −log p(x)": -log_density(x - offset, covariance),
            "keep one number for each x; the log-likelihood of the set is their sum": log_density(
                x - offset, covariance
            ).sum(),
        },
    )


@verdict
def check_importance_estimate(function: Callable[[Callable, float, float, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.6: `function(log_likelihood, mean, std, eps)` estimates log p(x) from samples of N(mean, std²).

    The model is z ~ N(0, 1) with one latent dimension; `log_likelihood(z)` is log p(x|z), and the samples are
    z = mean + std·eps.

    Example:
        >>> from aelab.exercises.latent_variables import check_importance_estimate
        >>> check_importance_estimate(lambda log_likelihood, mean, std, eps: log_likelihood(mean + std * eps).mean())
        Not yet: this is the mean of log p(x|z) under q; take the log of a mean of weighted likelihoods
    """
    (eps,), x = draws(case, (50,)), (2.0, 1.5)[case]
    (mean, std), shift = (
        ((1.2, 0.6), (0.9, 0.8))[case],
        900,
    )  # judged without the shift: a relative tolerance would be wide there

    def log_likelihood(z: Tensor) -> Tensor:
        return -shift - (x - z).square()

    def log_mean(values: Tensor) -> Tensor:
        return torch.logsumexp(values, dim=0) - math.log(len(values))

    def log_normal(z: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
        return -0.5 * ((z - mean) / std).square() - math.log(std) - 0.5 * math.log(2 * math.pi)

    value = tensor_answer(function, log_likelihood, mean, std, eps)
    if not value.isfinite().all():
        return Verdict(False, f"the result is {value.flatten()[0]}: exp(-900) is 0; stay with logs and use logsumexp")
    z, wide = mean + std * eps, mean + std**2 * eps
    log_p, log_prior, log_q = log_likelihood(z) + shift, log_normal(z), log_normal(z, mean, std)
    return judge(
        value + shift,
        log_mean(log_p + log_prior - log_q),
        "the same integral from better samples: each is weighted by p(z)/q(z).",
        {
            "this is the mean of log p(x|z) under q; take the log of a mean of weighted likelihoods": log_p.mean(),
            "the samples come from q and not from the prior: weight each by p(z)/q(z)": log_mean(log_p),
            "q(z) is missing from the weight: divide by the density the samples came from": log_mean(log_p + log_prior),
            "the prior is missing from the weight: p(x|z)p(z) is what we integrate": log_mean(log_p - log_q),
            "the weight is upside down: p(z)/q(z)": log_mean(log_p + log_q - log_prior),
            "these are samples of the prior: z = mean + std·eps": log_mean(log_likelihood(eps) + shift),
            "the mean of the log-weights is a lower bound (the ELBO of lecture 06); here the log of their mean is "
            "asked for": (log_p + log_prior - log_q).mean(),
            "this is the log of the sum; subtract log N": log_mean(log_p + log_prior - log_q) + math.log(50),
            "you multiplied eps by std²; its standard deviation is std": log_mean(
                log_likelihood(wide) + shift + log_normal(wide) - log_normal(wide, mean, std)
            ),
            "log std is missing from log q, so q is no density": log_mean(log_p + log_prior - log_q - math.log(std)),
        },
    )
