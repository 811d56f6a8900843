"""Initial values of a model's parameters."""

import torch
import torch.nn as nn
from torch import Tensor

from aecore import _check
from aecore.losses.precision import at_least_float32
from aecore.models.autoencoder import Autoencoder
from aecore.models.parts import data_bounds
from aecore.models.vae import VAE


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
    bounds = data_bounds(model)
    _check.tensor("images", images, min_ndim=2, **bounds)
    last = _last_layer(model.decoder)
    if not isinstance(last, nn.Linear | nn.ConvTranspose2d) or last.bias is None:
        raise ValueError(
            "model must have a decoder that ends in nn.Linear or nn.ConvTranspose2d with a bias, "
            f"got {type(last).__name__}"
        )
    bias = last.bias
    (images,) = at_least_float32(images)  # 0.999, the largest mean below, is 1 in bfloat16
    mean = images.mean(dim=0)  # of each pixel; a convolution has one bias for all pixels of a channel
    mean = mean.flatten() if isinstance(last, nn.Linear) else mean.mean(dim=(-2, -1)).flatten()
    if mean.shape != bias.shape:
        raise ValueError(f"images must fit the decoder's last layer, {len(bias)} values, got {len(mean)}")
    with torch.no_grad():
        # A pixel that is black in every image would start at −∞, and never come back.
        bias.copy_(mean.clamp(1e-3, 1 - 1e-3).logit() if bounds else mean)
    return model


def _last_layer(network: nn.Module) -> nn.Module:
    """The last module that computes something; what only gives the output its shape may follow it."""
    if isinstance(network, nn.Linear | nn.ConvTranspose2d):
        return network
    # `children()` leaves out a module that occurs a second time.
    for part in reversed([*network] if isinstance(network, nn.Sequential) else [*network.children()]):
        if not isinstance(part, nn.Flatten | nn.Unflatten | nn.Identity):
            return _last_layer(part)
    return network
