"""The linear-Gaussian model: the one latent variable model whose every distribution is known in closed form."""

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from aecore import _check
from aecore.losses import gaussian_kl_full, gaussian_log_prob


class LinearGaussian:
    r"""A latent variable model with a linear decoder, the reference for everything that is only estimated elsewhere.

    $$z \sim \mathcal N(0, I), \qquad x \mid z \sim \mathcal N(Wz + b, \sigma^2 I)$$

    Args:
        weights: W, shape (observed, latent). It may require a gradient.
        sigma: standard deviation σ of the noise, positive.
        offset: b, shape (observed,); zero if left out.

    Attributes:
        prior: p(z), event shape (latent,).

    Raises:
        TypeError, ValueError: for other shapes or dtypes, or values that are not finite.

    Source: Tipping and Bishop, "Probabilistic principal component analysis", 1999, equations 4 to 7.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.LinearGaussian(torch.tensor([[1.0]]), sigma=1.0)
        >>> posterior = model.posterior(torch.tensor([[2.0]]))
        >>> round(posterior.mean.item(), 3), round(posterior.variance.item(), 3)
        (1.0, 0.5)
    """

    def __init__(self, weights: Tensor, sigma: float, offset: Tensor | None = None) -> None:
        self.weights = _check.tensor("weights", weights, ndim=2)
        observed, latent = weights.shape
        self.sigma = _check.number("sigma", sigma, low=0, open_low=True)
        self.offset = weights.new_zeros(observed) if offset is None else _check.tensor("offset", offset)
        _check.shape("offset", self.offset, (observed,))
        _check.same_device("offset", self.offset, "weights", weights)
        self.prior = MultivariateNormal(weights.new_zeros(latent), self._eye(latent))

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x|z) for z of shape (..., latent): batch shape (...), event shape (observed,)."""
        _check.tensor("z", z, min_ndim=1)
        _check.shape("z", z, (*z.shape[:-1], self.weights.shape[1]))
        return Independent(Normal(z @ self.weights.mT + self.offset, self.sigma), 1)

    @property
    def marginal(self) -> MultivariateNormal:
        r"""p(x) = N(b, WWᵀ + σ² I), event shape (observed,)."""
        noise = self.sigma**2 * self._eye(len(self.weights))
        return MultivariateNormal(self.offset, self.weights @ self.weights.mT + noise)

    def posterior(self, x: Tensor) -> MultivariateNormal:
        r"""p(z|x) for x of shape (batch, observed): batch shape (batch,), event shape (latent,).

        $$p(z|x) = \mathcal N(z \mid M W^T (x - b) / \sigma^2, \; M), \qquad M = (I + W^T W / \sigma^2)^{-1}$$
        """
        self._check_x(x)
        precision = self._eye(self.weights.shape[1]) + self.weights.mT @ self.weights / self.sigma**2
        covariance = torch.cholesky_inverse(torch.linalg.cholesky(precision))
        mean = (x - self.offset) @ self.weights @ covariance / self.sigma**2
        return MultivariateNormal(mean, covariance.expand(len(x), -1, -1))

    def elbo(self, x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
        r"""The evidence lower bound of q = N(mean, cov), without sampling: nats, shape (batch,).

        $$E_q \log p(x|z) - D_{KL}(q \| p(z)), \qquad
          E_q \log p(x|z) = \log p(x|\mu) - \tfrac{1}{2\sigma^2} \operatorname{tr}(W \Sigma W^T)$$

        Args:
            x: shape (batch, observed).
            mean: μ, shape (batch, latent).
            cov: Σ, symmetric positive definite, shape (batch, latent, latent).
        """
        self._check_x(x)
        latent = self.weights.shape[1]
        _check.shape("mean", _check.tensor("mean", mean), (len(x), latent))
        _check.shape("cov", _check.tensor("cov", cov), (len(x), latent, latent))
        spread = torch.einsum("ij,njk,ik->n", self.weights, cov, self.weights) / (2 * self.sigma**2)
        fit = gaussian_log_prob(x, mean @ self.weights.mT + self.offset, self.sigma) - spread
        try:
            return fit - gaussian_kl_full(mean, cov, torch.zeros_like(mean), self._eye(latent).expand_as(cov))
        except ValueError as error:
            raise ValueError(str(error).replace("cov0", "cov")) from None

    def _eye(self, size: int) -> Tensor:
        return torch.eye(size, dtype=self.weights.dtype, device=self.weights.device)

    def _check_x(self, x: Tensor) -> None:
        _check.tensor("x", x, ndim=2)
        _check.shape("x", x, (len(x), len(self.weights)))
        _check.same_device("x", x, "the model", self.weights)
