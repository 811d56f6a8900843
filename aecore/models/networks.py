"""Networks to compose a model of: fully connected and convolutional."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch.nn as nn

from aecore import _check


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
