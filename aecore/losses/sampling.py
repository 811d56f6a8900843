"""Samples that gradients go through, and the bound made of them."""

import math
from contextlib import nullcontext

import torch
from torch import Tensor

from aecore import _check
from aecore.losses.divergences import diagonal
from aecore.losses.precision import at_least_float32, promoted


def reparameterize(mean: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    r"""The reparameterization trick: $z = \mu + \sigma \odot \varepsilon$, so that gradients reach μ and σ.

    Args:
        mean: μ, shape (batch, latent_dim).
        logvar: log σ², same shape.
        eps: draws from N(0, I), shape (..., batch, latent_dim): leading dimensions are extra samples.

    Returns:
        z, the shape of `eps`.

    Raises:
        TypeError, ValueError: for other shapes or dtypes, or values that are not finite.

    Source: Kingma and Welling, "Auto-encoding variational Bayes", 2014, section 2.4.

    Example:
        >>> import aecore as ae, torch
        >>> ae.reparameterize(torch.tensor([[1.0]]), torch.log(torch.tensor([[4.0]])), torch.tensor([[0.5]]))
        tensor([[2.]])
    """
    _check.tensor("mean", mean, ndim=2)
    _check.tensor("logvar", logvar)
    _check.same_shape("logvar", logvar, "mean", mean)
    _draws_of("eps", eps, mean)
    dtype = promoted(mean, logvar, eps)
    mean, logvar, eps = at_least_float32(mean, logvar, eps)
    return (mean + (0.5 * logvar).exp() * eps).to(dtype)


def reparameterize_full(mean: Tensor, scale_tril: Tensor, eps: Tensor) -> Tensor:
    r"""The reparameterization trick for a full covariance $\Sigma = L L^T$: $z = \mu + L \varepsilon$.

    Args:
        mean: μ, shape (batch, latent_dim).
        scale_tril: L, lower triangular with a positive diagonal, shape (batch, latent_dim, latent_dim).
        eps: draws from N(0, I), shape (..., batch, latent_dim): leading dimensions are extra samples.

    Returns:
        z, the shape of `eps`.

    Raises:
        TypeError, ValueError: for other shapes or dtypes, values that are not finite, or a matrix that is not
            lower triangular with a positive diagonal.

    Source: Kingma and Welling, "An introduction to variational autoencoders", 2019, section 2.5.1.

    Example:
        >>> import aecore as ae, torch
        >>> tril = torch.tensor([[[2.0, 0.0], [1.0, 3.0]]])
        >>> ae.reparameterize_full(torch.zeros(1, 2), tril, torch.ones(1, 2))
        tensor([[2., 4.]])
    """
    _check.tensor("mean", mean, ndim=2)
    _check.tensor("scale_tril", scale_tril)
    _check.shape("scale_tril", scale_tril, (*mean.shape, mean.shape[1]))
    if _check.checks_values():
        above, smallest = scale_tril.triu(1).abs().max().item(), diagonal(scale_tril).min().item()
        if above or smallest <= 0:
            raise ValueError(
                "scale_tril must be lower triangular with a positive diagonal, "
                f"got up to {above} above the diagonal and down to {smallest} on it"
            )
    _draws_of("eps", eps, mean)
    _check.same_device("scale_tril", scale_tril, "mean", mean)
    dtype, device = promoted(mean, scale_tril, eps), mean.device.type
    mean, scale_tril, eps = at_least_float32(mean, scale_tril, eps)
    # Autocast would multiply the matrices in half precision. (torch 2.4 cannot compile the question whether it can.)
    autocast = torch.compiler.is_compiling() or torch.amp.is_autocast_available(device)
    with torch.autocast(device, enabled=False) if autocast else nullcontext():
        return (mean + torch.einsum("bij,...bj->...bi", scale_tril, eps)).to(dtype)


def _draws_of(name: str, eps: Tensor, mean: Tensor) -> None:
    _check.tensor(name, eps)
    if eps.ndim < 2 or eps.shape[-2:] != mean.shape:
        raise ValueError(f"{name} must have shape (..., {mean.shape[0]}, {mean.shape[1]}), got {tuple(eps.shape)}")
    _check.same_device(name, eps, "mean", mean)


def iwae_bound(log_w: Tensor) -> Tensor:
    r"""The importance-weighted bound on log p(x) from k samples.

    $$\mathcal L_k = \log \frac1k \sum_{i=1}^k w_i, \quad w_i = \frac{p(x, z_i)}{q(z_i|x)}, \; z_i \sim q(z|x)$$

    With k = 1 it is the one-sample ELBO. It rises to log p(x) as k grows.

    Args:
        log_w: log w, shape (k, batch). Larger is better: these are log-weights, not losses.

    Returns:
        Nats, shape (batch,).

    Raises:
        TypeError, ValueError: for another shape or dtype, nan or +inf. A weight of zero (-inf) is allowed.

    Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, equation 8.

    Example:
        >>> import aecore as ae, torch
        >>> ae.iwae_bound(torch.tensor([[0.0], [0.0]]))
        tensor([0.])
    """
    _check.tensor("log_w", log_w, ndim=2, finite=False)
    if _check.checks_values() and bool((log_w == math.inf).any()):
        raise ValueError("log_w must be below +inf, got inf")
    (log_w,) = at_least_float32(log_w)
    return torch.logsumexp(log_w, dim=0) - math.log(log_w.shape[0])
