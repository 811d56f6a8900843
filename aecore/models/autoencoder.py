"""The autoencoder."""

import torch.nn as nn
from torch import Tensor

from aecore import _check
from aecore._modes import eval_mode_outside_loss, inside_loss
from aecore.losses import squared_error
from aecore.models.parts import call_part, check_modules, check_same_device


class Autoencoder(nn.Module):
    r"""An encoder h = f(x) and a decoder r = g(h), trained so that g(f(x)) is close to x.

    Args:
        encoder: a module from (batch, ...) to codes (batch, latent_dim).
        decoder: a module from codes back to the shape of x.

    `forward` and `loss` follow the mode of the model. `encode` and `decode` are answered in eval mode, also by a model
    in training mode; only in a step of `fit` they follow the mode too. In a training loop of your own, call the model
    or its networks, `model.encoder(x)`.

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
        check_modules(encoder, decoder)
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Tensor:
        """Codes h = f(x): (batch, ...) -> (batch, latent_dim)."""
        _check.tensor("x", x, min_ndim=2)
        check_same_device(self, "x", x)
        with eval_mode_outside_loss(self):
            return call_part(self, "encoder", "x", x)

    def decode(self, h: Tensor) -> Tensor:
        """Reconstructions r = g(h): (batch, latent_dim) -> the shape of x."""
        _check.tensor("h", h, min_ndim=2)
        check_same_device(self, "h", h)
        with eval_mode_outside_loss(self):
            return call_part(self, "decoder", "h", h)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstructions g(f(x)), the shape of x."""
        with inside_loss():
            return self.decode(self.encode(x))

    def loss(self, x: Tensor, target: Tensor | None = None) -> Tensor:
        """Squared error of g(f(x)) against `target` (x itself if left out), shape (batch,): what `fit` minimises."""
        return squared_error(self(x), x if target is None else target)
