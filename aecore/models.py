"""Autoencoders and variational autoencoders: two `nn.Module`s, composed.

A decoder returns means or logits, never squashed values: the likelihood that follows knows what to do with them.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn as nn
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from aecore import _check
from aecore.losses import bernoulli_log_prob, gaussian_kl, gaussian_log_prob, reparameterize, squared_error

__all__ = ["VAE", "Autoencoder", "conv_decoder", "conv_encoder", "mlp", "start_at_mean"]


# Networks


def mlp(
    sizes: Sequence[int],
    activation: type[nn.Module] = nn.ReLU,
    *,
    out_shape: Sequence[int] | None = None,
) -> nn.Sequential:
    """A fully connected network. Nothing follows the last layer: it returns means or logits.

    Args:
        sizes: widths from input to output, at least two. The input is flattened first.
        activation: a class of modules, placed between the layers.
        out_shape: shape of one output, such as (1, 28, 28); flat if left out.

    Returns:
        A module from (batch, ...) with sizes[0] values each to (batch, sizes[-1]) or (batch, *out_shape).

    Raises:
        TypeError, ValueError: for widths that are not positive integers, or an out_shape of another size.

    Source: Hinton and Salakhutdinov, "Reducing the dimensionality of data with neural networks", 2006.

    Example:
        >>> import aecore as ae, torch
        >>> ae.mlp([784, 32, 2])(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 2])
    """
    sizes = _check.counts("sizes", sizes)
    if not (isinstance(activation, type) and issubclass(activation, nn.Module)):
        raise TypeError(f"activation must be a class of torch.nn.Module, got {activation!r}")
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold at least an input and an output width, got {sizes}")
    layers: list[nn.Module] = [nn.Flatten()]
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), activation()]
    layers.pop()
    if out_shape is not None:
        shape = _check.counts("out_shape", out_shape)
        if math.prod(shape) != sizes[-1]:
            raise ValueError(f"out_shape must hold {sizes[-1]} values, the last of sizes, got {shape}")
        layers.append(nn.Unflatten(1, shape))
    return nn.Sequential(*layers)


def conv_encoder(
    out_features: int, channels: Sequence[int] = (32, 64), *, in_channels: int = 1, image_size: int = 28
) -> nn.Sequential:
    """A convolutional encoder: each layer halves the picture, a linear layer ends it.

    Args:
        out_features: length of the code (2·latent_dim for the encoder of a VAE).
        channels: channels after each halving.
        in_channels: channels of the images.
        image_size: height and width of the images, divisible by 2 ** len(channels).

    Returns:
        A module from (batch, in_channels, image_size, image_size) to (batch, out_features).

    Raises:
        TypeError, ValueError: for counts that are not positive integers or an image_size that does not halve.

    Source: Radford, Metz and Chintala, "Unsupervised representation learning with DCGANs", 2016, section 3.

    Example:
        >>> import aecore as ae, torch
        >>> ae.conv_encoder(16)(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 16])
    """
    widths, side = _pyramid(channels, _check.count("in_channels", in_channels), image_size)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Conv2d(fan_in, fan_out, kernel_size=4, stride=2, padding=1), nn.ReLU()]
    out_features = _check.count("out_features", out_features)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1] * side * side, out_features))


def conv_decoder(
    latent_dim: int, channels: Sequence[int] = (64, 32), *, out_channels: int = 1, image_size: int = 28
) -> nn.Sequential:
    """The mirror of `conv_encoder`: a linear layer, then transposed convolutions that double the picture.

    Args:
        latent_dim: length of the code.
        channels: channels before each doubling.
        out_channels: channels of the images.
        image_size: height and width of the images, divisible by 2 ** len(channels).

    Returns:
        A module from (batch, latent_dim) to (batch, out_channels, image_size, image_size).

    Raises:
        TypeError, ValueError: for counts that are not positive integers or an image_size that does not halve.

    Source: Radford, Metz and Chintala, "Unsupervised representation learning with DCGANs", 2016, section 3.

    Example:
        >>> import aecore as ae, torch
        >>> ae.conv_decoder(16)(torch.zeros(5, 16)).shape
        torch.Size([5, 1, 28, 28])
    """
    latent_dim = _check.count("latent_dim", latent_dim)
    channels = _check.counts("channels", channels)[::-1]
    widths, side = _pyramid(channels, _check.count("out_channels", out_channels), image_size)
    widths = widths[::-1]
    layers: list[nn.Module] = [
        nn.Linear(latent_dim, widths[0] * side * side),
        nn.Unflatten(1, (widths[0], side, side)),
    ]
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.ReLU(), nn.ConvTranspose2d(fan_in, fan_out, kernel_size=4, stride=2, padding=1)]
    return nn.Sequential(*layers)


def _pyramid(channels: Sequence[int], image_channels: int, image_size: int) -> tuple[list[int], int]:
    """Channels at every level from the image down, and the side of the smallest picture."""
    widths = [image_channels, *_check.counts("channels", channels)]
    halvings = len(widths) - 1
    if _check.count("image_size", image_size) % 2**halvings:
        raise ValueError(f"image_size must be divisible by {2**halvings}, 2 to the len(channels), got {image_size}")
    return widths, image_size // 2**halvings


# Models


def _images(model: nn.Module, x: Tensor, **bounds: float) -> Tensor:
    _check.tensor("x", x, min_ndim=2, **bounds)
    return _on_device(model, "x", x)


def _on_device(model: nn.Module, name: str, value: Tensor) -> Tensor:
    parameter = next(model.parameters(), None)
    if parameter is not None:
        _check.same_device(name, value, "the model", parameter)
    return value


def _apply(model: nn.Module, part: str, name: str, value: Tensor) -> Tensor:
    """model.part(value), with torch's complaint about a shape or a dtype turned into one that names the argument."""
    try:
        return getattr(model, part)(value)
    except RuntimeError as error:
        complaint = str(error)
        if "allocate" in complaint or not any(word in complaint for word in ("shape", "size", "dtype", "type")):
            raise
        raise ValueError(
            f"{name} of shape {tuple(value.shape)}, {value.dtype}, does not fit the {part}: {error}"
        ) from error


class Autoencoder(nn.Module):
    r"""An encoder h = f(x) and a decoder r = g(h), trained so that g(f(x)) is close to x.

    Args:
        encoder: a module from (batch, ...) to codes (batch, latent_dim).
        decoder: a module from codes back to the shape of x.

    Raises:
        TypeError: if encoder or decoder is no `nn.Module`.

    Source: Goodfellow, Bengio and Courville, "Deep learning", 2016, chapter 14.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.Autoencoder(ae.mlp([784, 32]), ae.mlp([32, 784], out_shape=(1, 28, 28)))
        >>> model(torch.zeros(5, 1, 28, 28)).shape
        torch.Size([5, 1, 28, 28])
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        _modules(encoder, decoder)
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Tensor:
        """Codes h = f(x): (batch, ...) -> (batch, latent_dim)."""
        return _apply(self, "encoder", "x", _images(self, x))

    def decode(self, h: Tensor) -> Tensor:
        """Reconstructions r = g(h): (batch, latent_dim) -> the shape of x."""
        _check.tensor("h", h, min_ndim=2)
        return _apply(self, "decoder", "h", _on_device(self, "h", h))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions g(f(x)), the shape of x."""
        return self.decode(self.encode(x))

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Squared error of g(f(x)) against `target` (x itself if left out), shape (batch,): what `fit` minimises."""
        return squared_error(self(x), x if target is None else target)


def start_at_mean(model: "Autoencoder | VAE", images: Tensor) -> "Autoencoder | VAE":
    """Set the bias of the decoder's last layer so that an untrained model emits the mean image.

    A network that starts at zero spends its first steps on learning which pixels are always black.

    Args:
        model: its decoder must end in a linear or transposed-convolutional layer with a bias, which is
            overwritten: with the logit of the mean for a Bernoulli likelihood, else with the mean.
        images: the training images, shape (n, ...).

    Returns:
        The model.

    Raises:
        TypeError, ValueError: for a model of another kind, a decoder without such a layer, images of another size.

    Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016, the authors' code.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.start_at_mean(ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4])), torch.full((10, 4), 0.25))
        >>> model.decoder[-1].bias.data
        tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    if not isinstance(model, Autoencoder | VAE):
        raise TypeError(f"model must be an aecore.Autoencoder or aecore.VAE, got {type(model).__name__}")
    bounds = _bounds(model)
    _check.tensor("images", images, min_ndim=2, **bounds)
    layers = [layer for layer in model.decoder.modules() if isinstance(layer, nn.Linear | nn.ConvTranspose2d)]
    if not layers or layers[-1].bias is None:
        kind = type(model.decoder).__name__
        raise ValueError(
            f"model must have a decoder that ends in nn.Linear or nn.ConvTranspose2d with a bias, got {kind}"
        )
    bias = layers[-1].bias
    mean = images.mean(dim=0)  # of each pixel; a convolution has one bias for all pixels of a channel
    mean = mean.flatten() if isinstance(layers[-1], nn.Linear) else mean.mean(dim=(-2, -1)).flatten()
    if mean.shape != bias.shape:
        raise ValueError(f"images must fit the decoder's last layer, {len(bias)} values, got {len(mean)}")
    with torch.no_grad():
        # A pixel that is black in every image would start at −∞, and never come back.
        bias.copy_(mean.clamp(1e-3, 1 - 1e-3).logit() if bounds else mean)
    return model


class VAE(nn.Module):
    r"""A variational autoencoder with prior N(0, I) and a diagonal Gaussian q(z|x).

    $$\mathrm{ELBO}(x) = E_{q(z|x)} \log p(x|z) - \beta\, D_{KL}(q(z|x) \| p(z))$$

    Args:
        encoder: a module from x, shape (batch, ...), to (batch, 2·latent_dim): first the mean, then log σ².
        decoder: a module from z, shape (batch, latent_dim), to the shape of x: logits for "bernoulli",
            means for "gaussian".
        likelihood: "bernoulli", x in [0, 1], or "gaussian", N(decoder(z), sigma² I).
        sigma: standard deviation of the Gaussian likelihood, positive.
        beta: weight of the KL term; with anything but 1 the result is no bound on log p(x).
        latent_dim: found from the last linear layer of the encoder if left out.

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
        _modules(encoder, decoder)
        self.encoder, self.decoder = encoder, decoder
        self.likelihood = _check.choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.sigma = _check.number("sigma", sigma, low=0, open_low=True)
        self.beta = _check.number("beta", beta, low=0)
        self.latent_dim = _latent_dim(encoder) if latent_dim is None else _check.count("latent_dim", latent_dim)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log σ² of q(z|x), each (batch, latent_dim)."""
        moments = _apply(self, "encoder", "x", _images(self, x))
        if moments.ndim != 2 or moments.shape[1] != 2 * self.latent_dim:
            raise ValueError(f"encoder must return (batch, {2 * self.latent_dim}), got {tuple(moments.shape)}")
        mean, logvar = moments.chunk(2, dim=1)
        return mean, logvar

    def encode(self, x: Tensor) -> Distribution:
        """q(z|x) as a distribution over z: batch shape (batch,), event shape (latent_dim,)."""
        mean, logvar = self.posterior(x)
        return Independent(Normal(mean, (0.5 * logvar).exp(), validate_args=False), 1, validate_args=False)

    def decode(self, z: Tensor) -> Distribution:
        """p(x|z) as a distribution over x, for z of shape (..., latent_dim): leading dimensions are the batch."""
        output = self._decoded(z)
        if self.likelihood == "bernoulli":
            pixels: Distribution = Bernoulli(logits=output, validate_args=False)
        else:
            pixels = Normal(output, self.sigma, validate_args=False)
        return Independent(pixels, output.ndim - z.ndim + 1, validate_args=False)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions: the mean of p(x|z) at the mean of q(z|x), the shape of x."""
        return self.decode(self.posterior(x)[0]).mean

    def elbo_parts(
        self, x: Tensor, target: Tensor | None = None, *, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """The two terms of the ELBO, each (batch,): one-sample E log p(target|z), and KL(q(z|x)‖p(z)) exactly.

        `target` is x itself if left out; a denoising VAE encodes a noisy x and explains the clean one.
        """
        mean, logvar = self.posterior(x)
        z = reparameterize(mean, logvar, _normal(mean.shape, mean, generator))
        output, target = _apply(self, "decoder", "z", z), x if target is None else target
        return {"log_prob": self._log_prob(output, target), "kl": gaussian_kl(mean, logvar)}

    def elbo(self, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """One-sample estimate of the ELBO in nats, shape (batch,)."""
        parts = self.elbo_parts(x, generator=generator)
        return parts["log_prob"] - self.beta * parts["kl"]

    def log_weights(self, x: Tensor, samples: int, *, generator: torch.Generator | None = None) -> Tensor:
        """log p(x|z) + log p(z) − log q(z|x) for `samples` draws of z from q(z|x), shape (samples, batch).

        The argument of `iwae_bound`. β has no place here: these weights are about p(x).
        """
        samples = _check.count("samples", samples)
        z, log_ratio = _drawn(*self.posterior(x), samples, generator)
        output = _apply(self, "decoder", "z", z.flatten(0, 1))
        log_prob = self._log_prob(output, x.repeat(samples, *(1 for _ in x.shape[1:])))
        return log_prob.view(samples, -1) + log_ratio

    def sample(self, n: int, *, mean: bool = True, generator: torch.Generator | None = None) -> Tensor:
        """`n` new images: z ~ N(0, I), then the mean of p(x|z) (or, with mean=False, a draw from it).

        The draw of x uses torch's global randomness; `generator` decides z alone.
        """
        like = next(self.parameters(), torch.empty(0))
        z = _normal((_check.count("n", n), self.latent_dim), like, generator)
        with torch.no_grad():
            pixels = self.decode(z)
            return pixels.mean if mean else pixels.sample()

    def loss(self, x: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
        """The parts of −ELBO, each (batch,), whose sum `fit` minimises."""
        parts = self.elbo_parts(x, target)
        return {"reconstruction": -parts["log_prob"], "kl": self.beta * parts["kl"]}

    def _decoded(self, z: Tensor) -> Tensor:
        _check.tensor("z", z, min_ndim=1)
        if z.shape[-1] != self.latent_dim:
            raise ValueError(f"z must have shape (..., {self.latent_dim}), got {tuple(z.shape)}")
        output = _apply(self, "decoder", "z", _on_device(self, "z", z).reshape(-1, self.latent_dim))
        return output.reshape(*z.shape[:-1], *output.shape[1:])

    def _log_prob(self, output: Tensor, x: Tensor) -> Tensor:
        if self.likelihood == "bernoulli":
            return bernoulli_log_prob(output, x)
        return gaussian_log_prob(x, output, self.sigma)


def _drawn(mean: Tensor, logvar: Tensor, samples: int, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Draws z from q(z|x), shape (samples, batch, latent_dim), and their log p(z) − log q(z|x), (samples, batch)."""
    eps = _normal((samples, *mean.shape), mean, generator)
    z = reparameterize(mean, logvar, eps)
    # The constants ½ log 2π cancel, and ε is what is left of q's exponent.
    return z, 0.5 * (eps.square() - z.square() + logvar).sum(dim=-1)


def _bounds(model: nn.Module) -> dict[str, float]:
    """What the model's likelihood, if it has one, allows as data: bounds for `_check.tensor`."""
    return {"low": 0, "high": 1} if getattr(model, "likelihood", "") == "bernoulli" else {}


def _modules(encoder: object, decoder: object) -> None:
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        if not isinstance(module, nn.Module):
            raise TypeError(f"{name} must be a torch.nn.Module, got {type(module).__name__}")


def _latent_dim(encoder: nn.Module) -> int:
    linear = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError("latent_dim must be given, got None and an encoder without nn.Linear to read it from")
    width = linear[-1].out_features
    if width % 2:
        raise ValueError(f"encoder must return 2·latent_dim values, got an odd number, {width}")
    return width // 2


def _normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, drawn where the generator lives, with the device and dtype of `like`."""
    _check.generator(generator)
    source = generator.device if generator is not None else like.device
    return torch.randn(tuple(shape), generator=generator, device=source, dtype=like.dtype).to(like.device)
