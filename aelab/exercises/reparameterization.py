"""Checks for the exercises of lecture 07, reparameterization and the VAE."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from aecore.losses import gaussian_kl, gaussian_kl_full, reparameterize
from aelab.exercises.verdict import NotYet, Verdict, answer, close, draws, judge, tell_apart, tensor_answer, verdict

__all__ = [
    "check_detective",
    "check_kl_from_cholesky",
    "check_reparameterize",
    "check_scale_tril",
    "check_score_gradient",
]


@verdict
def check_reparameterize(function: Callable[[Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 7.1: `function(mean, logvar, eps)` gives z = μ + σ ε, the shape of eps, with its gradient.

    Example:
        >>> from aelab.exercises.reparameterization import check_reparameterize
        >>> check_reparameterize(lambda mean, logvar, eps: mean + logvar.exp() * eps)
        Not yet: you multiplied with the variance: the standard deviation is exp(½ log σ²)
    """
    generator = torch.Generator().manual_seed(case)
    mean, logvar = (moment.requires_grad_() for moment in torch.randn(2, 3, 2, generator=generator))
    eps = torch.randn(4, 3, 2, generator=generator)
    value = tensor_answer(function, mean, logvar, eps)
    if not close(value, tensor_answer(function, mean, logvar, eps)):
        return Verdict(False, "two calls with the same eps differ: use the noise you are given, draw none")
    mu, log_variance = mean.detach(), logvar.detach()
    sigma = (0.5 * log_variance).exp()
    outcome = judge(
        value,
        reparameterize(mu, log_variance, eps),
        "a smooth function of the mean and the variance, for fixed noise.",
        {
            "you multiplied with the variance: the standard deviation is exp(½ log σ²)": mu + sigma**2 * eps,
            "you multiplied with log σ²: take exp(½ log σ²)": mu + log_variance * eps,
            "the mean is missing": sigma * eps,
            "the standard deviation is missing": mu + eps,
            "you subtracted the noise: the same distribution, but not z = μ + σ ε": mu - sigma * eps,
        },
    )
    if outcome and not value.requires_grad:
        return Verdict(False, "the values are right, but no gradient reaches the mean: do not detach, and no no_grad")
    if outcome:
        gradients = torch.autograd.grad(value.sum(), (mean, logvar), allow_unused=True)
        for name, gradient in zip(("mean", "logvar"), gradients, strict=True):
            if gradient is None:
                return Verdict(False, f"the values are right, but no gradient reaches {name}: do not detach it")
    return outcome


@verdict
def check_kl_from_cholesky(function: Callable[[Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 7.4: `function(mean, scale_tril)` gives KL(N(μ, LLᵀ) ‖ N(0, I)) of each row, shape (batch,).

    Example:
        >>> from aelab.exercises.reparameterization import check_kl_from_cholesky
        >>> check_kl_from_cholesky(lambda mean, scale_tril: mean.square().sum(dim=1))
        Not yet: the shape is right, but the values differ by up to ...
    """
    mean, raw = draws(case, (5, 3), (5, 3, 3))
    tril = raw.tril(-1) + (0.5 * raw.diagonal(dim1=1, dim2=2)).exp().diag_embed()
    diagonal = tril.diagonal(dim1=1, dim2=2)
    trace, length, log_det = tril.square().sum(dim=(1, 2)), mean.square().sum(dim=1), 2 * diagonal.log().sum(dim=1)
    identity = torch.eye(3, dtype=torch.float64).expand(5, 3, 3)
    expected = gaussian_kl_full(mean, tril @ tril.mT, torch.zeros_like(mean), identity)
    return judge(
        answer(function, mean, tril),
        expected,
        "trace, length and log-determinant, and no inverse anywhere.",
        {
            "the log-determinant has the wrong sign, as in the lecture": 0.5 * (trace + length - 3 + log_det),
            "the factor ½ is missing": trace + length - 3 - log_det,
            "log det Σ is 2 Σ log L_jj: you counted it once": 0.5 * (trace + length - 3 - log_det / 2),
            "tr LLᵀ sums the squares of all entries of L: you squared the diagonal only": 0.5
            * (diagonal.square().sum(dim=1) + length - 3 - log_det),
            "the trace is that of LLᵀ, not of L": 0.5 * (diagonal.sum(dim=1) + length - 3 - log_det),
            "the dimension k is missing: at μ = 0 and L = I the divergence must be 0": 0.5 * (trace + length - log_det),
            "you averaged over latent dimensions; sum over them": expected / 3,
            "you averaged over the batch as well; keep one number per row": expected.mean(),
            "you summed over the batch as well; keep one number per row": expected.sum(),
        },
    )


@verdict
def check_score_gradient(function: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], case: int) -> Verdict:
    """Exercise 7.2: `function(f, z, mean, sigma)` gives score-function gradients with a leave-one-out baseline.

    Example:
        >>> from aelab.exercises.reparameterization import check_score_gradient
        >>> check_score_gradient(lambda f, z, mean, sigma: f[:, None] * (z - mean) / sigma**2)
        Not yet: there is no baseline: subtract from each value the mean of the other values
    """
    generator = torch.Generator().manual_seed(case)
    mean, sigma = torch.tensor([1.0, -2.0, 0.5]) + case, torch.tensor([0.5, 2.0, 1.5]) / (1 + case)
    z = mean + sigma * torch.randn(6, 3, generator=generator)
    f = z.square().sum(dim=1) - 3
    score = (z - mean) / sigma**2
    others = (f.sum() - f) / (len(f) - 1)
    expected = (f - others)[:, None] * score
    return judge(
        answer(function, f, z, mean, sigma),
        expected,
        "each baseline is independent of the sample that it is subtracted from.",
        {
            "there is no baseline: subtract from each value the mean of the other values": f[:, None] * score,
            "sample i is in its own baseline, which makes the estimate too small: leave it out": (f - f.mean())[:, None]
            * score,
            "the baseline is the mean of the other values, not the median": (f - f.median())[:, None] * score,
            "you divided by σ: the score is (z − μ) / σ²": expected * sigma,
            "the score is not divided by σ²": expected * sigma**2,
            "the sign is wrong: the score is (z − μ) / σ²": -expected,
            "you averaged over the samples; give one estimate per sample": expected.mean(dim=0),
            "this is the score alone: multiply it with f minus its baseline": score,
        },
    )


def _suspects() -> dict[str, tuple[bool, Callable[[Tensor, Tensor], Tensor]]]:
    """Name -> (is it right?, the function): what the detective of exercise 7.3 is handed."""

    def by_covariance(mean: Tensor, logvar: Tensor) -> Tensor:
        q = MultivariateNormal(mean, logvar.exp().diag_embed())
        return kl_divergence(q, MultivariateNormal(torch.zeros_like(mean), torch.eye(mean.shape[1], dtype=mean.dtype)))

    def terms(mean: Tensor, logvar: Tensor) -> Tensor:
        return 0.5 * (mean.square() + logvar.exp() - 1 - logvar)

    return {
        "aecore's": (True, gaussian_kl),
        "another way to write it": (True, by_covariance),
        "a plus before log σ²": (False, lambda m, v: (terms(m, v) + v).sum(dim=1)),
        "the whole sign turned": (False, lambda m, v: -terms(m, v).sum(dim=1)),
        "a mean over latent dimensions": (False, lambda m, v: terms(m, v).mean(dim=1)),
        "log σ taken for log σ²": (False, lambda m, v: terms(m, 2 * v).sum(dim=1)),
        "no factor ½": (False, lambda m, v: 2 * terms(m, v).sum(dim=1)),
        "a mean over the batch": (False, lambda m, v: terms(m, v).sum(dim=1).mean()),
        "|μ| in place of μ²": (False, lambda m, v: 0.5 * (m.abs() + v.exp() - 1 - v).sum(dim=1)),
        "the last dimension left out": (False, lambda m, v: terms(m, v)[:, :-1].sum(dim=1)),
    }


@verdict
def check_detective(function: Callable[[Callable[[Tensor, Tensor], Tensor]], bool], case: int) -> Verdict:
    """Exercise 7.3: `function(kl)` says whether `kl(mean, logvar)` is right; it is handed right and broken ones.

    Example:
        >>> from aelab.exercises.reparameterization import check_detective
        >>> check_detective(lambda kl: True)
        Not yet: you let a broken one pass: a plus before log σ²
    """
    missed = "you refuse a correct one ({name}): leave room for rounding"
    return tell_apart(function, _suspects(), missed, "you let a broken one pass: {name}")


@verdict
def check_scale_tril(function: Callable[[Tensor, int], Tensor], case: int) -> Verdict:
    """Exercise 7.4: `function(raw, k)` makes k (k + 1) / 2 numbers a lower triangular L with a positive diagonal.

    Example:
        >>> from aelab.exercises.reparameterization import check_scale_tril
        >>> check_scale_tril(lambda raw, k: raw.new_ones(len(raw), k, k).tril())
        Not yet: only 0 of the 6 numbers change the matrix: the others are not used
    """
    k, n = ((3, 6), (2, 3))[case]
    (raw,) = draws(case, (4, n))

    def factor(raw: Tensor) -> Tensor:
        matrix = tensor_answer(function, raw, k)
        if tuple(matrix.shape) != (len(raw), k, k) or not matrix.is_floating_point():
            wanted = f"a float tensor of shape {(len(raw), k, k)}"
            raise NotYet(f"the result must be {wanted}, got {matrix.dtype} of shape {tuple(matrix.shape)}")
        return matrix

    matrix = factor(raw)
    if matrix.triu(1).any():
        return Verdict(False, "there is something above the diagonal: L is lower triangular")
    if not (matrix.diagonal(dim1=1, dim2=2) > 0).all():
        return Verdict(False, "the diagonal must be positive: take exp or softplus of its numbers")
    jacobian = torch.autograd.functional.jacobian(lambda row: factor(row[None])[0].flatten(), raw[0])
    used = int((jacobian.abs().amax(dim=0) > 1e-9).sum())
    if used < n:
        return Verdict(False, f"only {used} of the {n} numbers change the matrix: the others are not used")
    if torch.linalg.matrix_rank(jacobian) < n:
        return Verdict(False, "two numbers do the same: every entry on and below the diagonal needs one of its own")
    extremes = [factor(torch.full((1, n), value, dtype=torch.float64))[0] for value in (-8.0, 8.0)]
    low, high = (extreme.diagonal() for extreme in extremes)
    if torch.minimum(low, high).max() > 0.1 or torch.maximum(low, high).min() < 3:
        return Verdict(False, "the diagonal does not reach from 0 to large values: not every covariance is possible")
    if not all(bool((sign * extremes[i].tril(-1).sum() > 0).all()) for i, sign in enumerate((-1, 1))):
        return Verdict(False, "below the diagonal both signs must be possible: leave those numbers as they are")
    return Verdict(True, "every covariance has exactly one such L.")
