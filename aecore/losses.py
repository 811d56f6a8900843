"""The terms that losses are made of: divergences, log-probabilities, penalties, bounds.

One convention: a term sums over the event dimensions (pixels, latent dimensions) and keeps the batch, so it
has shape (batch,), in nats. The caller takes `.mean()`. Mixing a sum in one term with a mean in the other is
the most frequent bug in published VAE code, and here it cannot be written by accident.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aecore import _check

__all__ = [
    "bernoulli_kl",
    "bernoulli_log_prob",
    "gaussian_kl",
    "gaussian_kl_full",
    "gaussian_log_prob",
    "iwae_bound",
    "kl_sparsity",
    "l1_sparsity",
    "reparameterize",
    "reparameterize_full",
    "squared_error",
]


# Divergences


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
    # Spelled out, p·log(p/q) is nan at p = 0; and log(1 - q) loses digits for small q.
    ones = torch.special.xlogy(p, p) - torch.special.xlogy(p, q)
    zeros = torch.special.xlog1py(1 - p, -p) - torch.special.xlog1py(1 - p, -q)
    return (ones + zeros).clamp_min(0)  # rounding alone can make it negative


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
    _check.same_dtype("mean1", mean1, "mean0", mean0)
    tril0 = _cholesky("cov0", cov0, mean0)
    tril1 = _cholesky("cov1", cov1, mean0)
    whitened_cov = torch.linalg.solve_triangular(tril1, tril0, upper=False)
    whitened_gap = torch.linalg.solve_triangular(tril1, (mean1 - mean0).unsqueeze(-1), upper=False)
    trace = whitened_cov.square().sum(dim=(1, 2))
    distance = whitened_gap.square().sum(dim=(1, 2))
    log_det_ratio = 2 * (_diagonal(tril1).log() - _diagonal(tril0).log()).sum(dim=1)
    return (0.5 * (trace + distance - mean0.shape[1] + log_det_ratio)).clamp_min(0)


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)


def _cholesky(name: str, cov: Tensor, mean: Tensor) -> Tensor:
    _check.tensor(name, cov)
    batch, k = mean.shape
    if tuple(cov.shape) != (batch, k, k):
        raise ValueError(f"{name} must have shape {(batch, k, k)}, got {tuple(cov.shape)}")
    if cov.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, as torch.linalg is, got {cov.dtype}")
    _check.same_dtype(name, cov, "mean0", mean)
    _check.same_device(name, cov, "mean0", mean)
    if _check.looking() and not torch.allclose(cov, cov.mT, rtol=1e-4, atol=1e-6):
        gap = (cov - cov.mT).abs().max().item()
        raise ValueError(f"{name} must be symmetric, got one that differs from its transpose by {gap}")
    tril, failed = torch.linalg.cholesky_ex(cov)
    if _check.looking() and failed.any():
        worst = int(failed.nonzero()[0])
        smallest = torch.linalg.eigvalsh(cov[worst].detach()).min().item()
        raise ValueError(f"{name} must be positive definite, got an eigenvalue of {smallest} in entry {worst}")
    return tril


# Reconstruction: how well an output explains the data


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
    return _BernoulliLogProb.apply(logits, x)


class _BernoulliLogProb(torch.autograd.Function):
    """x·l − log(1 + e^l), summed over the event; its gradient x − s(l) needs no logarithm."""

    @staticmethod
    def forward(ctx, logits: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(logits, x)
        return _bernoulli_rows(logits.flatten(1), x.flatten(1))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        logits, x = ctx.saved_tensors
        grad = grad.view(-1, *(1 for _ in logits.shape[1:]))
        of_logits, of_x = ctx.needs_input_grad
        return (x - logits.sigmoid()) * grad if of_logits else None, logits * grad if of_x else None


def _bernoulli_rows(logits: Tensor, x: Tensor) -> Tensor:
    """x·l − log(1 + e^l), summed over the last dimension; x broadcasts to the logits."""
    dtype = torch.promote_types(logits.dtype, x.dtype)
    precise = torch.promote_types(dtype, torch.float32)
    of_rows = _rows_by_products if logits.device.type == "cpu" else _rows_by_softplus
    return of_rows(logits.to(precise), x.to(precise)).to(dtype)


def _rows_by_softplus(logits: Tensor, x: Tensor) -> Tensor:
    """For a GPU, which waits for memory and not for logarithms. log(1 + e^l) is l beyond 40, even in float64."""
    return F.softplus(logits, threshold=40).addcmul_(logits, x, value=-1).sum(dim=-1).neg_()


def _rows_by_products(logits: Tensor, x: Tensor) -> Tensor:
    """With log(1 + e^l) = max(l, 0) − log s(|l|) nothing can overflow. Logarithms are what is expensive on a CPU, log1p
    six times as much as log; a sum of logarithms is one of a product. Its factors lie in [½, 1], and float32, normal
    down to 2⁻¹²⁶, holds products of 126.
    """
    work = logits.clamp_min(0)  # a tensor of our own, which the next steps may overwrite
    linear = work.addcmul_(logits, x, value=-1).sum(dim=-1)
    pixels = logits.shape[-1]
    group = next(size for size in range(min(pixels, 126), 0, -1) if pixels % size == 0)
    factors = torch.abs(logits, out=work).sigmoid_().unflatten(-1, (-1, group))
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
        if sigma.ndim > x.ndim or (_check.looking() and not bool((sigma > 0).all())):
            raise ValueError(f"sigma must be positive and broadcast to x, got shape {tuple(sigma.shape)}")
    else:
        sigma = torch.full((), _check.number("sigma", sigma, low=0, open_low=True), dtype=x.dtype, device=x.device)
        if _check.looking():
            _check.number("sigma", sigma.item(), low=0, open_low=True)  # 1e-50 is 0 in float32, and 0/0 is nan
    per_dimension = -0.5 * ((x - mean) / sigma).square() - sigma.log() - 0.5 * math.log(2 * math.pi)
    return per_dimension.flatten(1).sum(dim=1)


# Sparsity: penalties on a hidden activation


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
    return a.abs().sum(dim=1).mean()


def kl_sparsity(a: Tensor, rho: float) -> Tensor:
    r"""KL penalty that pulls each unit's mean activation over the batch to `rho`.

    $$\sum_j D_{KL}(\rho \| \hat\rho_j), \quad \hat\rho_j = \frac1m \sum_{i=1}^m a_j(x^{(i)})$$

    between Bernoulli distributions. A unit that is exactly 0 (or 1) on the whole batch has an infinite
    penalty in theory; here its ρ̂ is moved one machine epsilon inside, so that training meets no infinity.

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
    inside = torch.finfo(a.dtype).eps
    rho_hat = a.mean(dim=0).clamp(inside, 1 - inside)
    return bernoulli_kl(torch.full_like(rho_hat, rho), rho_hat).sum()


# Sampling, and the bounds made of samples


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
    _trailing("eps", eps, mean)
    return mean + (0.5 * logvar).exp() * eps


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
    batch, k = mean.shape
    if tuple(scale_tril.shape) != (batch, k, k):
        raise ValueError(f"scale_tril must have shape {(batch, k, k)}, got {tuple(scale_tril.shape)}")
    if _check.looking():
        above, smallest = scale_tril.triu(1).abs().max().item(), _diagonal(scale_tril).min().item()
        if above or smallest <= 0:
            raise ValueError(
                "scale_tril must be lower triangular with a positive diagonal, "
                f"got up to {above} above the diagonal and down to {smallest} on it"
            )
    _trailing("eps", eps, mean)
    _check.same_dtype("scale_tril", scale_tril, "mean", mean)
    _check.same_dtype("eps", eps, "mean", mean)
    _check.same_device("scale_tril", scale_tril, "mean", mean)
    return mean + torch.einsum("bij,...bj->...bi", scale_tril, eps)


def _trailing(name: str, eps: Tensor, mean: Tensor) -> None:
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
    if _check.looking() and bool((log_w == math.inf).any()):
        raise ValueError("log_w must be below +inf, got inf")
    return torch.logsumexp(log_w, dim=0) - math.log(log_w.shape[0])
