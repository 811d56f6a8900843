"""The variational autoencoder."""

import torch
import torch.nn as nn
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from aecore import _check, _random
from aecore._modes import eval_mode, eval_mode_outside_loss, inside_loss
from aecore.losses import bernoulli_log_prob, gaussian_kl, gaussian_log_prob, reparameterize
from aecore.losses.precision import at_least_float32
from aecore.models.parts import call_part, check_modules, check_same_device, data_bounds

LIKELIHOODS = ("bernoulli", "gaussian")


class VAE(nn.Module):
    r"""A variational autoencoder with prior N(0, I) and a diagonal Gaussian q(z|x).

    $$\mathrm{ELBO}(x) = E_{q(z|x)} \log p(x|z) - \beta\, D_{KL}(q(z|x) \| p(z))$$

    Args:
        encoder: a module from x, shape (batch, ...), to (batch, 2·latent_dim): first the mean, then log σ².
        decoder: a module from z, shape (batch, latent_dim), to the shape of x: logits for "bernoulli",
            means for "gaussian".
        likelihood: "bernoulli", x in [0, 1], or "gaussian", N(decoder(z), sigma² I).
        sigma: standard deviation of the Gaussian likelihood, positive.
        beta: weight of the KL term. For beta ≥ 1 the result is a lower bound of log p(x), the looser the larger
            beta; for beta < 1 it may lie above.
        latent_dim: found from the last linear layer of the encoder if left out.

    What a loss is made of (`forward`, `loss`, `posterior`, `elbo`, `elbo_parts`, `log_weights`) follows the mode of the
    model. `encode`, `decode` and `sample` are answered in eval mode, also by a model in training mode; only in a step
    of `fit`, `encode` and `decode` follow the mode too. In a training loop of your own, call `posterior` and `decoder`.

    Raises:
        TypeError, ValueError: for modules or numbers of another kind, or an encoder that emits an odd number.

    Source: Kingma and Welling, "Auto-encoding variational Bayes", 2014, equation 10; beta: Higgins et al., 2017.

    Example:
        >>> import aecore as ae, torch
        >>> vae = ae.VAE(ae.mlp([784, 64, 2 * 8]), ae.mlp([8, 64, 784], out_shape=(1, 28, 28)))
        >>> vae.elbo(torch.zeros(5, 1, 28, 28)).shape, vae.sample(3).shape
        (torch.Size([5]), torch.Size([3, 1, 28, 28]))
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: str = "bernoulli",
        sigma: float = 1.0,
        beta: float = 1.0,
        *,
        latent_dim: int | None = None,
    ) -> None:
        super().__init__()
        check_modules(encoder, decoder)
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = _check.choice("likelihood", likelihood, LIKELIHOODS)
        self.sigma = _check.number("sigma", sigma, low=0, open_low=True)
        self.beta = _check.number("beta", beta, low=0)
        self.latent_dim = _latent_dim(encoder) if latent_dim is None else _check.count("latent_dim", latent_dim)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ² of q(z|x), each (batch, latent_dim)."""
        _check.tensor("x", x, min_ndim=2)
        check_same_device(self, "x", x)
        parameters = call_part(self, "encoder", "x", x)
        if parameters.ndim != 2 or parameters.shape[1] != 2 * self.latent_dim:
            raise ValueError(f"encoder must return (batch, {2 * self.latent_dim}), got {tuple(parameters.shape)}")
        mean, logvar = parameters.chunk(2, dim=1)
        return mean, logvar

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x) as a distribution over z: batch shape (batch,), event shape (latent_dim,)."""
        with eval_mode_outside_loss(self):
            mean, logvar = self.posterior(x)
        return Independent(Normal(mean, (0.5 * logvar).exp(), validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z) as a distribution over x, for z of shape (..., latent_dim): leading dimensions are the batch."""
        with eval_mode_outside_loss(self):
            output = self._decoded(z)
        if is_bernoulli(self):
            pixels: Distribution = Bernoulli(logits=output, validate_args=False)
        else:
            pixels = Normal(output, self.sigma, validate_args=False)
        return Independent(pixels, output.ndim - z.ndim + 1, validate_args=False)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions: the mean of p(x|z) at the mean of q(z|x), the shape of x."""
        with inside_loss():
            mean: Tensor = self.decode(self.posterior(x)[0]).mean
        return mean

    def elbo_parts(
        self, x: Tensor, target: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """The two terms of the ELBO, each (batch,): one-sample E log p(target|z), and KL(q(z|x)‖p(z)) exactly.

        `target` is x itself if left out; a denoising VAE encodes a noisy x and explains the clean one.
        """
        name, target = ("x", x) if target is None else ("target", target)
        self._check_data(name, target, generator)
        mean, logvar = self.posterior(x)
        z = reparameterize(mean, logvar, _random.normal(mean.shape, mean, generator))
        output = call_part(self, "decoder", "z", z)
        return {"log_prob": log_prob(self, output, target), "kl": gaussian_kl(mean, logvar)}

    def elbo(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """One-sample estimate of the ELBO in nats, shape (batch,)."""
        parts = self.elbo_parts(x, generator=generator)
        return parts["log_prob"] - self.beta * parts["kl"]

    def log_weights(self, x: Tensor, samples: int, *, generator: torch.Generator | None = None) -> Tensor:
        """log p(x|z) + log p(z) − log q(z|x) for `samples` draws of z from q(z|x), shape (samples, batch).

        The argument of `iwae_bound`. β has no place here: these weights are about p(x).
        """
        samples = _check.count("samples", samples)
        self._check_data("x", x, generator)
        z, log_ratio = posterior_draws(*self.posterior(x), samples, generator)
        output = call_part(self, "decoder", "z", z.flatten(0, 1))
        repeated = x.repeat(samples, *(1 for _ in x.shape[1:]))
        return log_prob(self, output, repeated).view(samples, -1) + log_ratio

    def sample(self, n: int, *, mean: bool = True, generator: torch.Generator | None = None) -> Tensor:
        """`n` new images: z ~ N(0, I), then the mean of p(x|z) (or, with mean=False, a draw from it).

        The draw of x uses torch's global randomness; `generator` decides z alone.
        """
        like = next(self.parameters(), torch.empty(0))
        z = _random.normal((_check.count("n", n), self.latent_dim), like, generator)
        with torch.no_grad(), eval_mode(self):
            pixels = self.decode(z)
            images: Tensor = pixels.mean if mean else pixels.sample()
        return images

    def loss(self, x: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        """The parts of −ELBO, each (batch,), whose sum `fit` minimises."""
        parts = self.elbo_parts(x, target)
        return {"reconstruction": -parts["log_prob"], "kl": self.beta * parts["kl"]}

    def _check_data(self, name: str, data: Tensor, generator: torch.Generator | None) -> None:
        """Refuse before a random number is drawn, and before a batch normalization sees the data."""
        _check.tensor(name, data, min_ndim=2, **data_bounds(self))
        _check.generator(generator)

    def _decoded(self, z: Tensor) -> Tensor:
        _check.tensor("z", z, min_ndim=1)
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"z must have shape (..., {self.latent_dim}), got {tuple(z.shape)}")
        check_same_device(self, "z", z)
        output = call_part(self, "decoder", "z", z.reshape(-1, self.latent_dim))
        return output.reshape(*z.shape[:-1], *output.shape[1:])


def is_bernoulli(vae: VAE) -> bool:
    """Which likelihood it is now: the attribute may have been set after the VAE was made.

    Raises:
        ValueError: if it is neither of the two.
    """
    return _check.choice("likelihood", vae.likelihood, LIKELIHOODS) == "bernoulli"


def log_prob(vae: VAE, output: Tensor, x: Tensor) -> Tensor:
    """log p(x|z), given the decoder's output for z, shape (batch,)."""
    if is_bernoulli(vae):
        return bernoulli_log_prob(output, x)
    return gaussian_log_prob(x, output, vae.sigma)


def posterior_draws(
    mean: Tensor, logvar: Tensor, samples: int, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """Draws z from q(z|x), shape (samples, batch, latent_dim), and their log p(z) − log q(z|x), (samples, batch)."""
    eps = _random.normal((samples, *mean.shape), mean, generator)
    z = reparameterize(mean, logvar, eps)
    eps, exact_z, logvar = at_least_float32(eps, z, logvar)
    # The constants ½ log 2π cancel, and ε is what is left of q's exponent.
    return z, 0.5 * (eps.square() - exact_z.square() + logvar).sum(dim=-1)


def _latent_dim(encoder: nn.Module) -> int:
    linear = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("latent_dim must be given, got None and an encoder without nn.Linear to read it from")
    width = linear[-1].out_features
    if width % 2:
        raise ValueError(f"encoder must return 2·latent_dim values, got an odd number, {width}")
    return width // 2
