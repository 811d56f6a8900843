"""Kullback-Leibler divergences."""

import torch
from torch import Tensor

from aecore import _check
from aecore.losses.precision import at_least_float32


def bernoulli_kl(p: Tensor, q: Tensor) -> Tensor:
    r"""Kullback-Leibler divergence between Bernoulli distributions, element by element.

    $$D_{KL}(p \| q) = p \log\frac{p}{q} + (1-p) \log\frac{1-p}{1-q}$$

    with 0 · log 0 = 0, and infinity where p has support that q lacks.

    Args:
        p: probabilities in [0, 1], any shape.
        q: probabilities in [0, 1], a shape that broadcasts with `p`.

    Returns:
        Nats, the broadcast shape, at least 0.

    Raises:
        TypeError, ValueError: for anything but floating-point tensors in [0, 1] that broadcast.

    Source: Kullback and Leibler, "On information and sufficiency", 1951, equation 2.4.

    Example:
        >>> import aecore as ae, torch
        >>> ae.bernoulli_kl(torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.5, 0.25, 0.0]))
        tensor([0.0000, 0.1438, 0.0000])
    """
    _check.tensor("p", p, low=0, high=1)
    _check.tensor("q", q, low=0, high=1)
    _check.broadcastable("p", p, "q", q)
    return bernoulli_kl_terms(*at_least_float32(p, q))


def bernoulli_kl_terms(p: Tensor, q: Tensor) -> Tensor:
    """The same, of probabilities that are checked, in float32 or float64."""
    # Spelled out, p·log(p/q) is nan at p = 0; and log(1 - q) loses digits for small q.
    ones = torch.xlogy(p, p) - torch.xlogy(p, q)
    zeros = _xlog1py(1 - p, -p) - _xlog1py(1 - p, -q)
    return _at_least_zero(ones + zeros)


def _at_least_zero(divergence: Tensor) -> Tensor:
    """Rounding can make a divergence negative. The value is lifted to 0, the gradient stays as it is: clamping would
    make the second derivative 0, which is the Fisher information where the two distributions are equal.
    """
    return divergence + (-divergence).clamp_min(0).detach()


def _xlog1py(x: Tensor, y: Tensor) -> Tensor:
    """x·log(1 + y), and 0 at x = 0, y = −1. `torch.special.xlog1py` does not run on Apple's GPU with torch 2.4."""
    return x * y.masked_fill((x == 0) & (y == -1), 0).log1p()


def gaussian_kl(mean: Tensor, logvar: Tensor) -> Tensor:
    r"""KL divergence from a diagonal Gaussian to the standard normal: the regularizer of a VAE.

    $$D_{KL}(\mathcal N(\mu, \operatorname{diag} \sigma^2) \| \mathcal N(0, I))
      = \tfrac12 \sum_j \left(\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2\right)$$

    Args:
        mean: μ, shape (batch, latent_dim).
        logvar: log σ² (not log σ), same shape.

    Returns:
        Nats, shape (batch,), at least 0.

    Raises:
        TypeError, ValueError: for anything but two finite floating-point tensors of one shape (batch, dim).

    Source: Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix B.

    Example:
        >>> import aecore as ae, torch
        >>> ae.gaussian_kl(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.zeros(2, 2))
        tensor([ 0.0000, 12.5000])
    """
    _check.tensor("mean", mean, ndim=2)
    _check.tensor("logvar", logvar)
    _check.same_shape("logvar", logvar, "mean", mean)
    mean, logvar = at_least_float32(mean, logvar)
    # expm1 keeps the digits that exp(logvar) - 1 loses when the variance is near 1.
    return 0.5 * (mean.square() + (logvar.expm1() - logvar)).sum(dim=1)


def gaussian_kl_full(mean0: Tensor, cov0: Tensor, mean1: Tensor, cov1: Tensor) -> Tensor:
    r"""KL divergence between two Gaussians with full covariance, in closed form.

    $$D_{KL}(\mathcal N(\mu_0, \Sigma_0) \| \mathcal N(\mu_1, \Sigma_1)) = \tfrac12 \left(
      \operatorname{tr}(\Sigma_1^{-1} \Sigma_0) + (\mu_1-\mu_0)^T \Sigma_1^{-1} (\mu_1-\mu_0)
      - k + \log \frac{\det \Sigma_1}{\det \Sigma_0} \right)$$

    Args:
        mean0, mean1: shape (batch, k).
        cov0, cov1: symmetric positive definite, shape (batch, k, k).

    Returns:
        Nats, shape (batch,), at least 0.

    Raises:
        TypeError, ValueError: for other shapes or dtypes, values that are not finite, or a covariance that is
            not symmetric positive definite.

    On Apple's GPU it needs torch 2.7: older versions have no Cholesky decomposition there.

    Source: Kullback, "Information theory and statistics", 1959, chapter 9, equation 1.2.

    Example:
        >>> import aecore as ae, torch
        >>> eye = torch.eye(2).expand(1, 2, 2)
        >>> ae.gaussian_kl_full(torch.tensor([[3.0, 4.0]]), eye, torch.zeros(1, 2), eye)
        tensor([12.5000])
    """
    _check.tensor("mean0", mean0, ndim=2)
    _check.tensor("mean1", mean1)
    _check.same_shape("mean1", mean1, "mean0", mean0)
    for name, cov in (("cov0", cov0), ("cov1", cov1)):
        _check.tensor(name, cov)
        _check.shape(name, cov, (*mean0.shape, mean0.shape[1]))
        _check.same_device(name, cov, "mean0", mean0)
    mean0, cov0, mean1, cov1 = at_least_float32(mean0, cov0, mean1, cov1)  # linear algebra promotes no dtypes
    tril0, tril1 = _cholesky("cov0", cov0), _cholesky("cov1", cov1)
    whitened_cov: Tensor = torch.linalg.solve_triangular(tril1, tril0, upper=False)
    whitened_gap: Tensor = torch.linalg.solve_triangular(tril1, (mean1 - mean0).unsqueeze(-1), upper=False)
    trace = whitened_cov.square().sum(dim=(1, 2))
    distance = whitened_gap.square().sum(dim=(1, 2))
    log_det_ratio = 2 * (diagonal(tril1).log() - diagonal(tril0).log()).sum(dim=1)
    return _at_least_zero(0.5 * (trace + distance - mean0.shape[1] + log_det_ratio))


def diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)


def _cholesky(name: str, cov: Tensor) -> Tensor:
    if _check.checks_values() and not torch.allclose(cov, cov.mT, rtol=1e-4, atol=1e-6):
        gap = (cov - cov.mT).abs().max().item()
        raise ValueError(f"{name} must be symmetric, got one that differs from its transpose by {gap}")
    tril: Tensor
    failed: Tensor
    tril, failed = torch.linalg.cholesky_ex(cov)
    if _check.checks_values() and failed.any():
        worst = int(failed.nonzero()[0])
        smallest = torch.linalg.eigvalsh(cov[worst].detach().cpu()).min().item()
        raise ValueError(f"{name} must be positive definite, got an eigenvalue of {smallest} in entry {worst}")
    return tril
