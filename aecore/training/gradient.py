"""−ELBO of a VAE of two plain networks, with a hand-written gradient for `fit`.

Autograd takes a step of 784-400-20-400-784 apart into dozens of small operations, and on two threads their bookkeeping
costs a fifth of the step. Here the backward pass is fixed, and its gradients go into memory that is reused. The values
of the parts come from the model and from `aecore.losses`. `plain.py` decides which models qualify; all other models and
losses go through autograd, to the same numbers up to rounding.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn as nn
from torch import Tensor

from aecore._random import normal
from aecore.losses import gaussian_kl
from aecore.models.vae import VAE, is_bernoulli, log_prob
from aecore.training.plain import Layer, plain_networks

# Each in place, and its gradient from its output y: y > 0, 1 − y², y·(1 − y).
_ACTIVATIONS: dict[type[nn.Module] | None, tuple[Callable[..., Any] | None, Callable[..., Any] | None]] = {
    None: (None, None),
    nn.ReLU: (torch.relu_, lambda gradient, y: torch.ops.aten.threshold_backward(gradient, y, 0)),
    nn.Tanh: (torch.tanh_, torch.ops.aten.tanh_backward),
    nn.Sigmoid: (torch.sigmoid_, torch.ops.aten.sigmoid_backward),
}


class NegativeElbo:
    """The loss of a plain VAE, and its gradient. `NegativeElbo.of(model)` is None for any other model."""

    def __init__(self, vae: VAE, encoder: list[Layer], decoder: list[Layer]) -> None:
        self.vae = vae
        self.encoder, self.decoder = [_Linear(*layer) for layer in encoder], [_Linear(*layer) for layer in decoder]
        last = list(vae.decoder.children())[-1]
        self.out_shape = last.unflattened_size if isinstance(last, nn.Unflatten) else (last.out_features,)

    @classmethod
    def of(cls, model: nn.Module) -> "NegativeElbo | None":
        networks = plain_networks(model)
        return None if networks is None else cls(cast(VAE, model), *networks)

    def accepts(self, x: Tensor, target: Tensor) -> bool:
        """Whether this batch fits; any other is left to `VAE.loss`, which says what is wrong with it."""
        weight = self.encoder[0].weight
        return (
            x.shape[1:].numel() == weight.shape[1]
            and target.shape[1:] == self.out_shape
            and len(x) == len(target)
            and x.dtype == target.dtype == weight.dtype
            and x.device == target.device == weight.device
            and not (x.requires_grad or target.requires_grad)
        )

    @torch.no_grad()
    def __call__(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The parts of `VAE.loss`, each a mean over the batch; the gradient of their sum is left in `.grad`."""
        x, target, scale, beta = x.flatten(1), target.flatten(1), 1 / len(x), self.vae.beta
        encoder_inputs, parameters = _forward(self.encoder, x)
        mean, logvar = parameters.chunk(2, dim=1)
        std, eps = (0.5 * logvar).exp_(), normal(mean.shape, mean, None)
        decoder_inputs, output = _forward(self.decoder, torch.addcmul(mean, std, eps))

        of_decoder_output = self._gradient_of_output(output, target).mul_(-scale)
        of_z = _backward(self.decoder, decoder_inputs, of_decoder_output)
        of_mean = torch.add(of_z, mean, alpha=scale * beta)
        of_logvar = (std * eps).mul_(of_z).add_(std.square().sub_(1), alpha=scale * beta).mul_(0.5)
        of_parameters = torch.cat([of_mean, of_logvar], dim=1)
        _backward(self.encoder, encoder_inputs, of_parameters, to_input=False)
        log_p, kl = log_prob(self.vae, output, target), gaussian_kl(mean, logvar)
        return {"reconstruction": -log_p.mean(), "kl": beta * kl.mean()}

    def _gradient_of_output(self, output: Tensor, target: Tensor) -> Tensor:
        """The gradient of log p(target|z) with respect to the decoder's output."""
        if is_bernoulli(self.vae):
            return target - output.sigmoid()
        return (target - output).div_(self.vae.sigma**2)


def _forward(network: "list[_Linear]", x: Tensor) -> tuple[list[Tensor], Tensor]:
    """The input of each layer, and the output of the last."""
    inputs = []
    for layer in network:
        inputs.append(x)
        x = layer.forward(x)
    return inputs, x


def _backward(network: "list[_Linear]", inputs: list[Tensor], gradient: Tensor, to_input: bool = True) -> Tensor:
    """From the gradient of the output to that of the input; those of the weights are left in `.grad`."""
    output = None
    for index in reversed(range(len(network))):
        gradient = network[index].backward(gradient, inputs[index], output, to_input=to_input or index > 0)
        output = inputs[index]
    return gradient


class _Linear:
    """A linear layer, the activation after it, and memory for its gradients.

    The memory is reused in every step: Adam has just swept through the caches, and new memory would not be in them. It
    is not the caller's `.grad`, which stays as it is.

    On a CPU, Adam gives each thread a contiguous block of a weight's rows. Another partition of the matrix products
    would let one thread write the cache lines that the other one reads next (false sharing), and Adam would take four
    times as long where two processors do not share their third-level cache. So the products of a large weight are a
    batch of products, one for each thread's block.
    """

    def __init__(self, weight: nn.Parameter, bias: nn.Parameter, activation: type[nn.Module] | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.activate, self.activation_backward = _ACTIVATIONS[activation]
        self.weight_gradient, self.bias_gradient = torch.empty_like(weight), torch.empty_like(bias)

    def forward(self, x: Tensor) -> Tensor:
        blocks, weight = row_blocks(self.weight), self.weight
        if blocks == 1:
            output = torch.addmm(self.bias, x, weight.t())
        else:
            columns = torch.bmm(x.expand(blocks, *x.shape), weight.unflatten(0, (blocks, -1)).mT)
            output = x.new_empty(len(x), len(weight))
            bias = self.bias.unflatten(0, (blocks, -1))
            torch.add(columns.transpose(0, 1), bias, out=output.unflatten(1, (blocks, -1)))
        return self.activate(output) if self.activate else output

    def backward(self, gradient: Tensor, x: Tensor, output: Tensor | None, to_input: bool) -> Tensor:
        """The gradients of weight and bias into `.grad`; that of x is returned, unless nobody needs it."""
        if self.activation_backward:
            gradient = self.activation_backward(gradient, output)
        self.weight.grad, self.bias.grad = self.weight_gradient, self.bias_gradient
        torch.sum(gradient, dim=0, out=self.bias_gradient)
        blocks, weight = row_blocks(self.weight), self.weight
        if blocks == 1:
            torch.mm(gradient.t(), x, out=self.weight_gradient)
            return gradient @ weight if to_input else gradient
        columns = gradient.unflatten(1, (blocks, -1)).transpose(0, 1)
        torch.bmm(columns.mT, x.expand(blocks, *x.shape), out=self.weight_gradient.unflatten(0, (blocks, -1)))
        return torch.bmm(columns, weight.unflatten(0, (blocks, -1))).sum(dim=0) if to_input else gradient


LARGE = 2**16  # weights; the product of a smaller matrix is over before the blocks are distributed


def row_blocks(weight: Tensor) -> int:
    """The number of blocks of rows, one for each thread; 1 where a single product is faster, or nothing is shared."""
    threads = torch.get_num_threads()
    large = weight.device.type == "cpu" and 1 < threads <= 4 and weight.numel() >= LARGE
    return threads if large and len(weight) % threads == 0 and weight.is_contiguous() else 1
