"""Checks for the exercises of lecture 06, the evidence lower bound."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal

from aecore.losses import gaussian_kl, gaussian_kl_full, iwae_bound
from aecore.models import LinearGaussian
from aelab.exercises.verdict import Verdict, answer, as_tensor, draws, judge, pair, verdict

__all__ = [
    "check_best_variances",
    "check_elbo",
    "check_gap",
    "check_iwae_gradient",
    "check_two_slopes",
]


def _covariance(root: Tensor) -> Tensor:
    return root @ root.mT + 0.3 * torch.eye(root.shape[-1], dtype=root.dtype)


@verdict
def check_elbo(function: Callable[[Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.1: `function(log_prob, mean, logvar)` is the ELBO of each image, shape (batch,).

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
            "you averaged over the batch as well; keep one number per image": (fit - kl).mean(),
            "this is the reconstruction term alone": fit,
        },
    )


@verdict
def check_gap(function: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.2: `function(mean, logvar, m, S)` is how far the ELBO of a diagonal q lies below log p(x).

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
def check_best_variances(function: Callable[[Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.3: `function(cov)` gives the variances of the diagonal q with the largest ELBO, shape (k,).

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
def check_two_slopes(function: Callable[..., tuple[float, float]], case: int) -> Verdict:
    """Exercise 6.4: `function(a, mean, std, x, sigma)`, the slopes in a of the ELBO and of log p(x), two numbers.

    The model is z ~ N(0, 1), x|z ~ N(az, sigma²), and q = N(mean, std²) stays as it is.

    Example:
        >>> from aelab.exercises.elbo import check_two_slopes
        >>> check_two_slopes(lambda a, mean, std, x, sigma: (0.0, 0.0))
        Not yet: the ELBO: the shape is right, but the values differ by up to ...
    """
    a, mean, std, x, sigma = ((0.8, 0.5, 0.6, 1.5, 0.7), (1.2, -0.4, 0.9, 0.5, 0.6))[case]
    names = "the slope of the ELBO and the slope of log p(x)"
    returned = pair(answer(function, a, mean, std, x, sigma), names)
    weight = torch.tensor(a, dtype=torch.float64, requires_grad=True)
    model = LinearGaussian(weight.view(1, 1), sigma)
    seen, centre = (torch.full((1, 1), v, dtype=torch.float64) for v in (x, mean))
    bound = model.elbo(seen, centre, torch.full((1, 1, 1), std**2, dtype=torch.float64))
    evidence = model.marginal.log_prob(seen)
    right = [torch.autograd.grad(value.sum(), weight, retain_graph=True)[0] for value in (bound, evidence)]
    of_elbo, of_evidence = right
    v = a**2 + sigma**2
    mistakes: list[dict[str, float | Tensor]] = [
        {
            "the ELBO: the variance of q is missing, E (x − az)² is (x − a mean)² + a² std²": (
                (x - a * mean) * mean / sigma**2
            ),
            "the ELBO: the noise is missing, the squared error is divided by 2σ²": (x - a * mean) * mean - a * std**2,
            "the ELBO: you divided by σ, the exponent has 2σ²": ((x - a * mean) * mean - a * std**2) / sigma,
            "the ELBO: the sign is wrong, this is the slope of the loss": -of_elbo,
            "the slope of the ELBO comes first; this is that of log p(x)": of_evidence,
            "the ELBO: you forgot the factor 2 of the square": of_elbo / 2,
        },
        {
            "log p(x): the normaliser −½ log(a² + σ²) depends on a as well": a * x**2 / v**2,
            "log p(x): the variance of x is a² + σ²; you left the noise out": x**2 / a**3 - 1 / a,
            "log p(x): this is the slope in the variance a² + σ²; the chain rule adds 2a": 0.5 * (x**2 / v - 1) / v,
            "log p(x): the sign is wrong, this is the slope of −log p(x)": -of_evidence,
            "this is the slope of the ELBO twice; q is not the posterior": of_elbo,
        },
    ]
    for what, mine, expected, wrong in zip(("the ELBO", "log p(x)"), returned, right, mistakes, strict=True):
        options = {words: torch.as_tensor(value, dtype=torch.float64) for words, value in wrong.items()}
        outcome = judge(as_tensor(mine, what), expected, "", options)
        if not outcome:
            return Verdict(False, outcome.message if what in outcome.message else f"{what}: {outcome.message}")
    return Verdict(True, "two slopes, and they agree only where q is the posterior.")


@verdict
def check_iwae_gradient(function: Callable[[float, float, float, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 6.5: `function(mean, std, x, eps)`, the gradient of L_k with respect to the mean, for every column.

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
