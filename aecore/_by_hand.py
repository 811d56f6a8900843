"""−ELBO of a VAE of two plain networks, with its gradient written out for `fit`.

Autograd takes a step of 784-400-20-400-784 apart into dozens of operations. Its bookkeeping for them is slow where it
matters: Adam has just passed 10 MB through the processor's caches, and driven the code out of them. Here the way back
is known beforehand; what the parts are worth is asked of the model and of `losses.py`. Other models, and losses of
one's own, go through autograd, to the same numbers up to rounding.
"""

from typing import NamedTuple

import torch
import torch.nn as nn
from torch import Tensor

from aecore.losses import gaussian_kl
from aecore.models import VAE, _normal

# In place; then the gradient from what came out, in one pass: y > 0, 1 − y², y·(1 − y).
_ACTIVATIONS = {
    nn.ReLU: (torch.relu_, lambda gradient, y: torch.ops.aten.threshold_backward(gradient, y, 0)),
    nn.Tanh: (torch.tanh_, torch.ops.aten.tanh_backward),
    nn.Sigmoid: (torch.sigmoid_, torch.ops.aten.sigmoid_backward),
}


class Layer(NamedTuple):
    """A linear layer and the class of the activation that follows it."""

    weight: nn.Parameter
    bias: nn.Parameter
    activation: type[nn.Module] | None = None


class NegativeElbo:
    """The loss of a VAE, and its gradient.

    `NegativeElbo.of(vae)` is None for a model that is not plain: a subclass, a network of anything but linear layers,
    ReLU, tanh and sigmoid (as `mlp` makes them), hooks, or weights that are frozen, shared or in half precision.
    """

    def __init__(self, vae: VAE, encoder: list[Layer], decoder: list[Layer]) -> None:
        self.vae, self.encoder, self.decoder = vae, encoder, decoder
        last = vae.decoder[-1]
        self.out_shape = last.unflattened_size if type(last) is nn.Unflatten else (last.out_features,)

    @classmethod
    def of(cls, vae: nn.Module) -> "NegativeElbo | None":
        if type(vae) is not VAE:
            return None
        encoder, decoder = _plain(vae.encoder), _plain(vae.decoder)
        if not encoder or not decoder or not _agree(encoder, decoder, vae.latent_dim):
            return None
        return cls(vae, encoder, decoder)

    def takes(self, x: Tensor, target: Tensor) -> bool:
        """Whether these data fit; what does not is left to `VAE.loss`, which complains with care."""
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
        in_encoder, moments = _forward(self.encoder, x)
        mean, logvar = moments.chunk(2, dim=1)
        std, eps = (0.5 * logvar).exp_(), _normal(mean.shape, mean, None)
        in_decoder, output = _forward(self.decoder, torch.addcmul(mean, std, eps))

        of_z = _backward(self.decoder, in_decoder, self._of_output(output, target).mul_(-scale))
        of_mean = torch.add(of_z, mean, alpha=scale * beta)
        of_logvar = (std * eps).mul_(of_z).add_(std.square().sub_(1), alpha=scale * beta).mul_(0.5)
        _backward(self.encoder, in_encoder, torch.cat([of_mean, of_logvar], dim=1), to_input=False)
        log_prob, kl = self.vae._log_prob(output, target), gaussian_kl(mean, logvar)
        return {"reconstruction": -log_prob.mean(), "kl": beta * kl.mean()}

    def _of_output(self, output: Tensor, target: Tensor) -> Tensor:
        """The gradient of log p(target|z) with respect to the decoder's output."""
        if self.vae.likelihood == "bernoulli":
            return target - output.sigmoid()
        return (target - output).div_(self.vae.sigma**2)


def _forward(network: list[Layer], x: Tensor) -> tuple[list[Tensor], Tensor]:
    """What each layer is given, and the output."""
    given = []
    for weight, bias, activation in network:
        given.append(x)
        x = _linear(x, weight, bias)
        if activation:
            x = _ACTIVATIONS[activation][0](x)
    return given, x


def _backward(network: list[Layer], given: list[Tensor], gradient: Tensor, to_input: bool = True) -> Tensor | None:
    """From the gradient of the output to that of the input; those of the weights are left in `.grad`.

    They go where those of the step before were: Adam's pass leaves no room in the caches for a second set of 2.6 MB.
    """
    for index in reversed(range(len(network))):
        weight, bias, activation = network[index]
        if activation:
            gradient = _ACTIVATIONS[activation][1](gradient, given[index + 1])
        for parameter in (weight, bias):
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
        torch.sum(gradient, dim=0, out=bias.grad)
        gradient = _linear_backward(gradient, given[index], weight, to_input=to_input or index > 0)
    return gradient


# A layer, each processor on its own rows of the weights
#
# Adam gives each thread a share of the rows. A product of all of them, dealt out in some other way, has each processor
# read what the other one writes next, and Adam then waits for every line of cache to be given back: four times as long
# where two processors do not share their third-level cache. A batch of products, one a share, keeps them apart.

LARGE = 2**16  # weights; below, one product is over before the shares are dealt


def _shares(weight: Tensor) -> int:
    """Into how many parts the rows of a weight are dealt; 1 for a product as ever."""
    threads = torch.get_num_threads()
    dealt = weight.device.type == "cpu" and 1 < threads <= 4 and weight.numel() >= LARGE and len(weight) % threads == 0
    return threads if dealt and weight.is_contiguous() else 1


def _linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    parts = _shares(weight)
    if parts == 1:
        return torch.addmm(bias, x, weight.t())
    columns = torch.bmm(x.expand(parts, *x.shape), weight.unflatten(0, (parts, -1)).mT)
    output = x.new_empty(len(x), len(weight))
    torch.add(columns.transpose(0, 1), bias.unflatten(0, (parts, -1)), out=output.unflatten(1, (parts, -1)))
    return output


def _linear_backward(gradient: Tensor, x: Tensor, weight: nn.Parameter, to_input: bool) -> Tensor | None:
    """The gradient of the weight into `weight.grad`; that of the input is returned, if it is asked for."""
    parts = _shares(weight)
    if parts == 1:
        torch.mm(gradient.t(), x, out=weight.grad)
        return gradient @ weight if to_input else None
    columns = gradient.unflatten(1, (parts, -1)).transpose(0, 1)
    torch.bmm(columns.mT, x.expand(parts, *x.shape), out=weight.grad.unflatten(0, (parts, -1)))
    return torch.bmm(columns, weight.unflatten(0, (parts, -1))).sum(dim=0) if to_input else None


# What is plain


def _plain(network: nn.Module) -> list[Layer] | None:
    if type(network) is not nn.Sequential or not network or type(network[0]) is not nn.Flatten or _watched(network):
        return None
    found: list[Layer] = []
    for module in network[1:]:
        kind = type(module)
        if _watched(module):
            return None
        if kind is nn.Linear and module.bias is not None:
            found.append(Layer(module.weight, module.bias))
        elif kind in _ACTIVATIONS and found and not found[-1].activation:
            found[-1] = found[-1]._replace(activation=kind)
        elif not (kind is nn.Unflatten and module is network[-1]):
            return None
    return found if found and not found[-1].activation else None


def _watched(part: nn.Module | nn.Parameter) -> bool:
    """Whether there is a hook, which would not be called here."""
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(part, name, None) for name in (*names, "_post_accumulate_grad_hooks"))


def _agree(encoder: list[Layer], decoder: list[Layer], latent_dim: int) -> bool:
    """Widths that follow each other, and weights that are all trained, all of one kind, and none of them twice."""
    shapes = [layer.weight.shape for layer in (*encoder, *decoder)]
    gives, takes = [fan_out for fan_out, _ in shapes[:-1]], [fan_in for _, fan_in in shapes[1:]]
    gives[len(encoder) - 1] -= latent_dim  # of mean and log σ², one draw goes on
    weights = [weight for layer in (*encoder, *decoder) for weight in layer[:2]]
    return (
        gives == takes
        and takes[len(encoder) - 1] == latent_dim
        and len({id(weight) for weight in weights}) == len(weights)
        and len({(weight.dtype, weight.device) for weight in weights}) == 1
        and weights[0].dtype in (torch.float32, torch.float64)
        and all(weight.requires_grad and not _watched(weight) for weight in weights)
        and not torch.is_autocast_enabled(weights[0].device.type)
    )
