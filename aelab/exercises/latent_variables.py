"""Checks for the exercises of lecture 05, latent variable models."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from aelab.exercises.verdict import Verdict, answer, draws, judge, tensor_answer, verdict

__all__ = [
    "check_best_sigma",
    "check_importance_estimate",
    "check_log_mean_exp",
    "check_posterior_on_grid",
    "check_samples_needed",
]


@verdict
def check_log_mean_exp(function: Callable[[Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.3: `function(log_p)` gives the log of the mean of exp(log_p) over the samples, (N, batch) -> (batch,).

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
def check_best_sigma(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.2: `function(x, x_hat)` gives the one sigma under which the whole set is most likely, a scalar.

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
def check_posterior_on_grid(function: Callable[[Tensor, float], Tensor], case: int) -> Verdict:
    """Exercise 5.1: `function(log_joint, step)` gives the density p(z|x) on a grid of z, (n, m) -> (n, m).

    Example:
        >>> from aelab.exercises.latent_variables import check_posterior_on_grid
        >>> check_posterior_on_grid(lambda log_joint, step: log_joint.softmax(dim=1))
        Not yet: the values of a row sum to 1; a density has to be divided by the step, so that its integral is 1
    """
    (noise,) = draws(case, (4, 7))
    log_joint, step = -2000 + 3 * noise, (0.25, 0.1)[case]
    value = tensor_answer(function, log_joint, step)
    if not value.isfinite().all():
        return Verdict(
            False,
            f"the result is {value.flatten()[0]}: exp(-2000) is 0 in every float; subtract the logarithm of the "
            "integral before you take exp",
        )
    mass = log_joint.softmax(dim=1)
    return judge(
        value,
        mass / step,
        "the joint over its integral, one density for each x.",
        {
            "the values of a row sum to 1; a density has to be divided by the step, so that its integral is 1": mass,
            "you multiplied by the step; the step is in the integral, and the integral divides": mass * step,
            "this is the logarithm of the posterior; take exp": (mass / step).log(),
            "you normalised over the x; each row is one x, and its integral runs over the columns": (
                log_joint.softmax(dim=0) / step
            ),
            "you normalised over all rows together; each row is one x, with a p(x) of its own": (
                log_joint.flatten().softmax(dim=0).view_as(mass) / step
            ),
            "you took the mean over the grid for the integral; it is a sum times the step": mass * mass.shape[1],
        },
    )


@verdict
def check_samples_needed(function: Callable[[float, float, float], float], case: int) -> Verdict:
    """Exercise 5.4: `function(mean, std, error)` gives the N of (5.11) for the posterior N(mean, std²), a number.

    Example:
        >>> from aelab.exercises.latent_variables import check_samples_needed
        >>> check_samples_needed(lambda mean, std, error: 1 / error**2)
        Not yet: mean and std do not enter; the bracket of (5.11) is how far the posterior is from the prior
    """
    mean, std, error = ((1.5, 0.4, 0.1), (2.0, 0.7, 0.2))[case]
    rest = 2 - std**2
    moment = math.exp(mean**2 / rest) / (std * math.sqrt(rest))
    kl = 0.5 * (std**2 + mean**2 - 1) - math.log(std)
    options = {
        "mean and std do not enter; the bracket of (5.11) is how far the posterior is from the prior": 1 / error**2,
        "this is the bracket of (5.11), one sample's relative variance; the error is a standard deviation": moment - 1,
        "the variance falls with N, the standard deviation with its root: divide by error²": (moment - 1) / error,
        "the −1 of the bracket is missing: with posterior = prior one sample would be exact": moment / error**2,
        "this is e^KL, which a typical estimate needs; (5.11) asks for the second moment": math.exp(kl),
        "this is e^KL over error²; (5.11) asks for the second moment": math.exp(kl) / error**2,
        "you left out the normalising constants of the two Gaussians": (math.exp(mean**2 / rest) - 1) / error**2,
        "the sign in the exponent is wrong: far from the prior it costs more": (
            (math.exp(-(mean**2) / rest) / (std * math.sqrt(rest)) - 1) / error**2
        ),
    }
    return judge(
        tensor_answer(function, mean, std, error),
        torch.tensor((moment - 1) / error**2, dtype=torch.float64),
        "the χ²-divergence from the posterior to the prior, over error².",
        {words: torch.tensor(value, dtype=torch.float64) for words, value in options.items()},
    )


@verdict
def check_importance_estimate(function: Callable[[Callable, float, float, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 5.5: `function(log_likelihood, mean, std, eps)` estimates log p(x) from samples of N(mean, std²).

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
