"""Penalties on a hidden activation."""

import torch
from torch import Tensor

from aecore import _check
from aecore.losses.divergences import bernoulli_kl_terms
from aecore.losses.precision import at_least_float32


def l1_sparsity(a: Tensor) -> Tensor:
    r"""L1 penalty of a hidden activation: $\sum_j |a_j|$, averaged over the batch.

    Args:
        a: activations, shape (batch, units).

    Returns:
        A scalar, at least 0.

    Raises:
        TypeError, ValueError: for anything but a finite floating-point tensor of shape (batch, units).

    Source: Goodfellow, Bengio and Courville, "Deep learning", 2016, section 14.2.1.

    Example:
        >>> import aecore as ae, torch
        >>> ae.l1_sparsity(torch.tensor([[1.0, -2.0], [0.0, 1.0]]))
        tensor(2.)
    """
    _check.tensor("a", a, ndim=2)
    (a,) = at_least_float32(a)
    return a.abs().sum(dim=1).mean()


def kl_sparsity(a: Tensor, rho: float) -> Tensor:
    r"""KL penalty that pulls each unit's mean activation over the batch to `rho`.

    $$\sum_j D_{KL}(\rho \| \hat\rho_j), \quad \hat\rho_j = \frac1m \sum_{i=1}^m a_j(x^{(i)})$$

    between Bernoulli distributions. A unit that is exactly 0 (or 1) on the whole batch has an infinite
    penalty in theory. Here value and gradient are those of a ρ̂ one machine epsilon inside (6e-5 in float16, whose
    gradient ends at 65,504), so that training meets no infinity and the gradient still reactivates the unit.

    Args:
        a: activations in [0, 1] (after a sigmoid), shape (batch, units).
        rho: target activation in (0, 1), small.

    Returns:
        Nats, a scalar, at least 0.

    Raises:
        TypeError, ValueError: for activations outside [0, 1], another shape, or rho outside (0, 1).

    Source: Ng, "Sparse autoencoder", CS294A lecture notes, 2011, section 3.

    Example:
        >>> import aecore as ae, torch
        >>> ae.kl_sparsity(torch.full((8, 3), 0.1), rho=0.1)
        tensor(0.)
    """
    _check.tensor("a", a, ndim=2, low=0, high=1)
    rho = _check.number("rho", rho, low=0, high=1, open_low=True, open_high=True)
    smallest_normal = torch.finfo(a.dtype).smallest_normal
    (a,) = at_least_float32(a)
    inside = max(torch.finfo(a.dtype).eps, smallest_normal)
    rho_hat = a.mean(dim=0)
    # Clamping alone would take the gradient away as well.
    rho_hat = rho_hat + (rho_hat.clamp(inside, 1 - inside) - rho_hat).detach()
    return bernoulli_kl_terms(torch.full_like(rho_hat, rho), rho_hat).sum()
