"""Checks for the exercises of lecture 06, the evidence lower bound."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from aecore.losses import gaussian_kl, gaussian_kl_full, iwae_bound
from aelab.exercises.verdict import Verdict, answer, close, draws, judge, verdict

__all__ = [
    "check_best_variances",
    "check_elbo",
    "check_gap",
    "check_iwae",
    "check_iwae_gradient",
    "check_kl_to_standard_normal",
]


def _covariance(root: Tensor) -> Tensor:
    return root @ root.mT + 0.3 * torch.eye(root.shape[-1], dtype=root.dtype)


@verdict
def check_elbo(function: Callable[[Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.1: `function(log_prob, mean, logvar)` is the ELBO of each picture, shape (batch,).

    Example:
        >>> import aecore as ae
        >>> from aelab.exercises.elbo import check_elbo
        >>> check_elbo(lambda log_prob, mean, logvar: log_prob.mean(dim=0) + ae.gaussian_kl(mean, logvar))
        Not yet: you added the KL term; it is a price, and is subtracted
    """
    log_prob, mean, logvar = draws(case, (7, 5), (5, 3), (5, 3))
    log_prob = 10 * log_prob - 100
    fit, kl = log_prob.mean(dim=0), gaussian_kl(mean, logvar)
    return judge(
        answer(function, log_prob, mean, logvar),
        fit - kl,
        "the mean over the samples, minus the sum over the latent dimensions.",
        {
            "you added the KL term; it is a price, and is subtracted": fit + kl,
            "this is minus the ELBO, a loss; return the bound itself": kl - fit,
            "you averaged the KL term over the latent dimensions; it is a sum over them": fit - kl / 3,
            "you summed over the samples; an expectation is their mean": log_prob.sum(dim=0) - kl,
            "you took log σ² for log σ: logvar.exp() is already the variance": fit - gaussian_kl(mean, 2 * logvar),
            "you used exp(logvar / 2), the standard deviation, where the formula has the variance": fit
            - 0.5 * ((0.5 * logvar).exp() + mean.square() - 1 - logvar).sum(dim=1),
            "the -1 of every latent dimension is missing": fit - kl - 1.5,
            "the factor ½ of the KL term is missing": fit - 2 * kl,
            "the sign of log σ² is wrong: it is subtracted inside the KL term": fit
            - 0.5 * (logvar.exp() + mean.square() - 1 + logvar).sum(dim=1),
            "you averaged over the batch as well; keep one number per picture": (fit - kl).mean(),
            "this is the reconstruction term alone": fit,
        },
    )


@verdict
def check_kl_to_standard_normal(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.2: `function(mean, cov)` is the divergence from N(mean, cov) to N(0, I), shape (batch,).

    Example:
        >>> import torch
        >>> from aelab.exercises.elbo import check_kl_to_standard_normal
        >>> check_kl_to_standard_normal(lambda mean, cov: 0.5 * (mean.square().sum(1) - torch.logdet(cov)))
        Not yet: the shape is right, but the values differ by up to ...
    """
    mean, root = draws(case, (5, 3), (5, 3, 3))
    cov = _covariance(root)
    diagonal = cov.diagonal(dim1=1, dim2=2)
    trace, length, logdet = diagonal.sum(dim=1), mean.square().sum(dim=1), torch.logdet(cov)
    expected = 0.5 * (trace + length - 3 - logdet)
    outcome = judge(
        answer(function, mean, cov),
        expected,
        "trace, length and dimension, and a minus before the log-determinant.",
        {
            "this is the lecture's line with + log det; the sign is wrong, see the errata": expected + logdet,
            "the factor ½ is missing": 2 * expected,
            "the dimension k is missing": expected + 1.5,
            "the logarithm is missing: it is log det, not det": 0.5 * (trace + length - 3 - logdet.exp()),
            "you summed the whole covariance; the trace is the sum of its diagonal": 0.5
            * (cov.sum(dim=(1, 2)) + length - 3 - logdet),
            "the determinant of a full covariance is not the product of its diagonal": 0.5
            * (trace + length - 3 - diagonal.log().sum(dim=1)),
            "log det is twice the sum of the logarithms of the Cholesky factor's diagonal; the 2 is missing": 0.5
            * (trace + length - 3 - 0.5 * logdet),
            "this is the divergence the other way round, from N(0, I)": gaussian_kl_full(
                torch.zeros_like(mean), torch.eye(3, dtype=mean.dtype).expand_as(cov), mean, cov
            ),
            "you averaged over the latent dimensions; it is a sum": expected / 3,
        },
    )
    if not outcome:
        return outcome
    narrow = 1e-3 * torch.eye(60)[None]
    many = answer(function, torch.zeros(1, 60), narrow)
    if not close(many, 0.5 * (narrow.diagonal(dim1=1, dim2=2).sum(1) - 60 - 60 * math.log(1e-3))):
        return Verdict(False, "right for three dimensions, but with sixty narrow ones the determinant underflows to 0")
    return outcome


@verdict
def check_gap(function: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.3: `function(mean, logvar, m, S)` is how far the ELBO of a diagonal q lies below log p(x).

    Example:
        >>> import torch, aecore as ae
        >>> from aelab.exercises.elbo import check_gap
        >>> check_gap(lambda mean, logvar, m, S: ae.gaussian_kl_full(m, S, mean, torch.diag_embed(logvar.exp())))
        Not yet: this is KL(p‖q); the gap has q in front
    """
    mean, logvar, m, root = draws(case, (5, 3), (5, 3), (5, 3), (5, 3, 3))
    S = _covariance(root)
    q_cov, p_diagonal = torch.diag_embed(logvar.exp()), torch.diag_embed(S.diagonal(dim1=1, dim2=2))
    expected = gaussian_kl_full(mean, q_cov, m, S)
    return judge(
        answer(function, mean, logvar, m, S),
        expected,
        "the divergence from q to the posterior, and nothing else.",
        {
            "this is KL(p‖q); the gap has q in front": gaussian_kl_full(m, S, mean, q_cov),
            "this is the KL term of the ELBO, to the prior; the gap is the divergence to the posterior": gaussian_kl(
                mean, logvar
            ),
            "you took the diagonal of S only; the correlations of the posterior count": gaussian_kl_full(
                mean, q_cov, m, p_diagonal
            ),
            "you took log σ² for log σ": gaussian_kl_full(mean, torch.diag_embed((2 * logvar).exp()), m, S),
            "you put the standard deviations on the diagonal; a covariance holds variances": gaussian_kl_full(
                mean, torch.diag_embed((0.5 * logvar).exp()), m, S
            ),
            "the gap is positive: log p(x) minus the ELBO": -expected,
        },
    )


@verdict
def check_iwae(function: Callable[[Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.4: `function(log_w)` is the importance-weighted bound, (k, batch) -> (batch,).

    Example:
        >>> from aelab.exercises.elbo import check_iwae
        >>> check_iwae(lambda log_w: log_w.mean(dim=0))
        Not yet: this is the mean of the logarithms, the ELBO; the mean belongs inside the logarithm
    """
    (log_w,) = draws(case, (4, 6))
    expected = iwae_bound(log_w)
    outcome = judge(
        answer(function, log_w),
        expected,
        "the logarithm of the mean weight, and it survives weights that underflow.",
        {
            "this is the mean of the logarithms, the ELBO; the mean belongs inside the logarithm": log_w.mean(dim=0),
            "log k is missing: it is the mean of the weights, not their sum": expected + math.log(4),
            "you treated them as losses: the worst sample wins": -iwae_bound(-log_w),
            "this is minus the bound": -expected,
            "you averaged over the batch; the samples are the first dimension": iwae_bound(log_w.T),
            "you averaged over the batch as well; keep one number per picture": expected.mean(),
            "this is the mean weight; its logarithm is missing": expected.exp(),
            "this is the largest log-weight; the others count too": log_w.amax(dim=0),
        },
    )
    if not outcome:
        return outcome
    if not close(answer(function, log_w - 1000), expected - 1000):
        return Verdict(False, "right near 0, but exp underflows at log-weights of -1000: use torch.logsumexp")
    return outcome


@verdict
def check_best_variances(function: Callable[[Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.5: `function(cov)` gives the variances of the diagonal q with the largest ELBO, shape (k,).

    Example:
        >>> from aelab.exercises.elbo import check_best_variances
        >>> check_best_variances(lambda cov: cov.diagonal())
        Not yet: these are the true marginal variances, which minimise KL(p‖q); the ELBO has q in front and ...
    """
    (root,) = draws(case, (3, 3))
    cov = _covariance(root)
    precision = torch.linalg.inv(cov)
    expected = 1 / precision.diagonal()
    return judge(
        answer(function, cov),
        expected,
        "one over the diagonal of the precision: never more than the true variances.",
        {
            "these are the true marginal variances, which minimise KL(p‖q); the ELBO has q in front and "
            "gets narrower ones": cov.diagonal(),
            "these are the precisions; take one over them": precision.diagonal(),
            "these are standard deviations; give variances": expected.sqrt(),
            "you took one over the diagonal of the covariance; invert the matrix first": 1 / cov.diagonal(),
            "return the k variances, not a matrix": torch.diag(expected),
            "these are the eigenvalues, the variances along other axes": torch.linalg.eigvalsh(cov),
        },
    )


@verdict
def check_iwae_gradient(function: Callable[[float, float, float, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.6: `function(mean, std, x, eps)`, the gradient of L_k with respect to the mean, for every column.

    The model is z ~ N(0, 1), x|z ~ N(z, 1), and z = mean + std · eps.

    Example:
        >>> from aelab.exercises.elbo import check_iwae_gradient
        >>> check_iwae_gradient(lambda mean, std, x, eps: (x - 2 * (mean + std * eps)).mean(dim=0))
        Not yet: this is the gradient of the ELBO: every sample counts by its weight, not by 1/k
    """
    mean, std, x = ((0.3, 0.7, 1.5), (-0.2, 0.5, 0.8))[case]
    (eps,) = draws(case, (5, 8))
    centre = torch.full((8,), mean, dtype=eps.dtype, requires_grad=True)
    z = centre + std * eps
    log_w = Normal(z, 1).log_prob(torch.tensor(x)) + Normal(0, 1).log_prob(z) - Normal(centre, std).log_prob(z)
    (expected,) = torch.autograd.grad(iwae_bound(log_w).sum(), centre)
    z, log_w = z.detach(), log_w.detach()
    slope, weight = x - 2 * z, log_w.softmax(dim=0)
    return judge(
        answer(function, mean, std, x, eps),
        expected,
        "each sample pulls with its normalized weight.",
        {
            "this is the gradient of the ELBO: every sample counts by its weight, not by 1/k": slope.mean(dim=0),
            "you summed over the samples; the weights have to be normalized": slope.sum(dim=0),
            "the weights have to sum to one: divide by their sum, not by k": (log_w.exp() * slope).mean(dim=0),
            "this is the gradient of a loss; return that of the bound": -expected,
            "you held z fixed: it moves with the mean, dz/d mean = 1": (weight * -(eps / std)).sum(dim=0),
            "log q(z) does not change with the mean: z moves along, and ε stays": (weight * (slope - eps / std)).sum(
                dim=0
            ),
            "the prior pulls too: the slope of log p(z) is −z": (weight * (x - z)).sum(dim=0),
            "the weights come from the losses: the worst sample pulls hardest": ((-log_w).softmax(dim=0) * slope).sum(
                dim=0
            ),
            "you averaged over the repeats as well; keep one gradient for every column": expected.mean(),
        },
    )
