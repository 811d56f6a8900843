"""How well an output explains the data: squared error, and the log-probabilities of two likelihoods."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from aecore import _check
from aecore.losses.precision import at_least_float32


def squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    r"""Squared error $\|\hat x - x\|^2$, summed over everything but the batch.

    Up to a constant, this is twice the negative log-probability of a Gaussian of variance 1.

    Args:
        x_hat: reconstructions, shape (batch, ...).
        x: originals, same shape.

    Returns:
        Shape (batch,), at least 0.

    Raises:
        TypeError, ValueError: for anything but two finite floating-point tensors of one shape (batch, ...).

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 3.12.

    Example:
        >>> import aecore as ae, torch
        >>> ae.squared_error(torch.ones(2, 1, 3, 3), torch.zeros(2, 1, 3, 3))
        tensor([9., 9.])
    """
    _check.tensor("x_hat", x_hat, min_ndim=2)
    _check.tensor("x", x)
    _check.same_shape("x", x, "x_hat", x_hat)
    x_hat, x = at_least_float32(x_hat, x)
    return (x_hat - x).square().flatten(1).sum(dim=1)


def bernoulli_log_prob(logits: Tensor, x: Tensor) -> Tensor:
    r"""Log-probability of binary data under independent Bernoullis given by their logits.

    $$\log p(x) = \sum_i x_i \log s(l_i) + (1 - x_i) \log (1 - s(l_i)), \quad s(l) = 1 / (1 + e^{-l})$$

    Works on logits, because a sigmoid followed by a logarithm loses its gradient at ±17 in float32.
    Grey values are accepted, as usual; the result is then a cross-entropy and no likelihood.

    Args:
        logits: log-odds, shape (batch, ...).
        x: data in [0, 1], same shape.

    Returns:
        Nats, shape (batch,), at most 0.

    Raises:
        TypeError, ValueError: for other shapes or dtypes, logits that are not finite, x outside [0, 1].

    Source: Kingma and Welling, "Auto-encoding variational Bayes", 2014, appendix C.1.

    Example:
        >>> import aecore as ae, torch
        >>> ae.bernoulli_log_prob(torch.zeros(1, 4), torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
        tensor([-2.7726])
    """
    _check.tensor("logits", logits, min_ndim=2)
    _check.tensor("x", x, low=0, high=1)
    _check.same_shape("x", x, "logits", logits)
    logits, x = at_least_float32(logits, x)
    if _check.traced():  # torch.func and torch.compile know how to differentiate plain operations
        return (x * logits - F.softplus(logits, threshold=40)).flatten(1).sum(dim=1)
    log_prob: Tensor = BernoulliLogProb.apply(logits, x)
    return log_prob


class BernoulliLogProb(torch.autograd.Function):
    """x·l − log(1 + e^l), summed over the event; its gradient x − s(l) needs no logarithm."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(logits, x)
        ctx.save_for_forward(logits, x)
        return bernoulli_rows(logits.flatten(1), x.flatten(1))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        logits, x = ctx.saved_tensors
        grad = grad.view(-1, *(1 for _ in logits.shape[1:]))
        of_logits, of_x = ctx.needs_input_grad
        return (x - logits.sigmoid()) * grad if of_logits else None, logits * grad if of_x else None

    @staticmethod
    def jvp(ctx: Any, logits_tangent: Tensor, x_tangent: Tensor) -> Tensor:
        logits, x = ctx.saved_tensors
        tangent: Tensor = (x - logits.sigmoid()) * logits_tangent + logits * x_tangent
        return tangent.flatten(1).sum(dim=1)


def bernoulli_rows(logits: Tensor, x: Tensor) -> Tensor:
    """x·l − log(1 + e^l), summed over the last dimension, in float32 or float64; x broadcasts to the logits."""
    return rows_by_products(logits, x) if logits.device.type == "cpu" else rows_by_softplus(logits, x)


def rows_by_softplus(logits: Tensor, x: Tensor) -> Tensor:
    """For a GPU: there, memory is the bottleneck and not the logarithms. Beyond 40, log(1 + e^l) is l."""
    work: Tensor = F.softplus(logits, threshold=40)
    return work.addcmul_(logits, x, value=-1).sum(dim=-1).neg_()


def rows_by_products(logits: Tensor, x: Tensor) -> Tensor:
    """For a CPU: there, logarithms are the bottleneck, and log1p takes six times as long as log.

    log(1 + e^l) = max(l, 0) − log s(|l|) cannot overflow, and a sum of logarithms is the logarithm of a product. The
    factors lie in [½, 1]. float32 is normal down to 2⁻¹²⁶, so a product holds 126 of them.
    """
    work = logits.clamp_min(0)  # a tensor of our own, which the next steps may overwrite
    linear = work.addcmul_(logits, x, value=-1).sum(dim=-1)
    pixels = logits.shape[-1]
    group = next(size for size in range(min(pixels, 126), 0, -1) if pixels % size == 0)
    factors: Tensor = torch.abs(logits, out=work).sigmoid_().unflatten(-1, (-1, group))
    return factors.prod(dim=-1).log_().sum(dim=-1).sub_(linear)


def gaussian_log_prob(x: Tensor, mean: Tensor, sigma: float | Tensor = 1.0) -> Tensor:
    r"""Log-density of data under a Gaussian with independent dimensions.

    $$\log p(x) = -\sum_i \left( \frac{(x_i - \mu_i)^2}{2 \sigma^2} + \log \sigma + \tfrac12 \log 2\pi \right)$$

    Args:
        x: data, shape (batch, ...).
        mean: μ, same shape.
        sigma: standard deviation, a positive number or a positive tensor that broadcasts to `x`.

    Returns:
        Nats, shape (batch,). A density: it can be positive.

    Raises:
        TypeError, ValueError: for other shapes or dtypes, values that are not finite, a sigma that is not positive.

    Source: Bishop, "Pattern recognition and machine learning", 2006, equation 2.43.

    Example:
        >>> import aecore as ae, torch
        >>> ae.gaussian_log_prob(torch.zeros(1, 2), torch.zeros(1, 2), sigma=1.0)
        tensor([-1.8379])
    """
    _check.tensor("x", x, min_ndim=2)
    _check.tensor("mean", mean)
    _check.same_shape("mean", mean, "x", x)
    if isinstance(sigma, Tensor):
        _check.tensor("sigma", sigma)
        _check.broadcastable("sigma", sigma, "x", x)
        if sigma.ndim > x.ndim or (_check.checks_values() and not bool((sigma > 0).all())):
            raise ValueError(f"sigma must be positive and broadcast to x, got shape {tuple(sigma.shape)}")
        x, mean, sigma = at_least_float32(x, mean, sigma)
        per_dimension = -0.5 * ((x - mean) / sigma).square() - sigma.log() - 0.5 * math.log(2 * math.pi)
        return per_dimension.flatten(1).sum(dim=1)
    x, mean = at_least_float32(x, mean)
    smallest = torch.finfo(x.dtype).tiny  # below, a division by sigma is one by 0
    sigma = _check.number("sigma", sigma, low=smallest)
    return gaussian_rows(x.flatten(1), mean.flatten(1), sigma)


def gaussian_rows(x: Tensor, mean: Tensor, sigma: float) -> Tensor:
    """log N(x | mean, sigma²), summed over the last dimension, in float32 or float64; x broadcasts to the means."""
    distance = (x - mean).div_(sigma).pow_(2).sum(dim=-1)  # in place: one temporary tensor, not three
    return -0.5 * distance - x.shape[-1] * (math.log(sigma) + 0.5 * math.log(2 * math.pi))
