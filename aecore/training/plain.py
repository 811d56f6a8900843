"""Which models are plain: an untouched `VAE` of two `mlp`s. For these, what `VAE.loss` runs is known beforehand.

A caller can change what runs in many ways: assign `vae.loss`, patch `VAE.elbo_parts` or a function that it calls,
register a hook, compile a layer. Each of them makes a model not plain, and training then calls `VAE.loss` itself.
"""

import types
from typing import NamedTuple, cast

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules import module as torch_module

from aecore import _random
from aecore.losses import divergences, likelihoods, precision, sampling
from aecore.models import VAE, parts, vae
from aecore.training.contexts import in_autocast

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_HOOKS_OF_A_WEIGHT = ("_backward_hooks", "_post_accumulate_grad_hooks")
_GLOBAL_HOOKS = tuple(f"_global{name}" for name in _HOOKS)


class Layer(NamedTuple):
    """A linear layer and the class of the activation that follows it."""

    weight: nn.Parameter
    bias: nn.Parameter
    activation: type[nn.Module] | None = None


def plain_networks(model: nn.Module) -> tuple[list[Layer], list[Layer]] | None:
    """The layers of encoder and decoder, or None for a model that is not plain."""
    if type(model) is not VAE or _patched() or torch.is_anomaly_enabled():
        return None
    # Not a tensor or another object that computes something when it is used.
    if not all(type(value) in (int, float) for value in (model.beta, model.sigma)) or _touched(model):
        return None
    encoder, decoder = _layers(model.encoder), _layers(model.decoder)
    if not encoder or not decoder or not _fit_together(encoder, decoder, model.latent_dim):
        return None
    return encoder, decoder


def _layers(network: nn.Module) -> list[Layer] | None:
    """The layers of a network as `mlp` makes it: flatten, then linear layers with an activation between two."""
    if type(network) is not nn.Sequential or not network or any(_touched(module) for module in network.modules()):
        return None
    flatten, *others = network
    if type(flatten) is not nn.Flatten or (flatten.start_dim, flatten.end_dim) != (1, -1):
        return None
    found: list[Layer] = []
    for module in others:
        kind = type(module)
        if kind is nn.Linear and module.bias is not None:
            found.append(Layer(cast(nn.Parameter, module.weight), cast(nn.Parameter, module.bias)))
        elif kind in ACTIVATIONS and found and not found[-1].activation:
            found[-1] = found[-1]._replace(activation=kind)
        elif not (kind is nn.Unflatten and module is network[-1] and module.dim == 1):
            return None
    return found if found and not found[-1].activation else None


def _fit_together(encoder: list[Layer], decoder: list[Layer], latent_dim: int) -> bool:
    """Widths that follow each other, and weights that are all trained, all of one kind, and none of them shared."""
    shapes = [layer.weight.shape for layer in (*encoder, *decoder)]
    outputs, inputs = [fan_out for fan_out, _ in shapes[:-1]], [fan_in for _, fan_in in shapes[1:]]
    outputs[len(encoder) - 1] -= latent_dim  # of mean and log σ², one draw goes on
    weights = [weight for layer in (*encoder, *decoder) for weight in (layer.weight, layer.bias)]
    return (
        outputs == inputs
        and inputs[len(encoder) - 1] == latent_dim
        and len({id(weight) for weight in weights}) == len(weights)
        and len({(weight.dtype, weight.device) for weight in weights}) == 1
        and weights[0].dtype in (torch.float32, torch.float64)
        and all(type(weight) is nn.Parameter and weight.requires_grad for weight in weights)
        and not any(getattr(weight, name, None) for weight in weights for name in _HOOKS_OF_A_WEIGHT)
        and not in_autocast(weights[0].device)
    )


# What the caller changed


def _touched(module: nn.Module) -> bool:
    """Whether the module has a hook, or an attribute that hides one of its class, such as its own `forward`."""
    return any(getattr(module, name) for name in _HOOKS) or any(hasattr(type(module), name) for name in vars(module))


def _patched() -> bool:
    """Whether a function that `VAE.loss` runs is no longer the one of the import, or a hook watches every module."""
    if any(getattr(torch_module, name) for name in _GLOBAL_HOOKS):
        return True
    return any(_code_of(owner) != code for owner, code in _CODE)


def _code_of(owner: type | types.ModuleType) -> dict[str, tuple[object, object]]:
    """Every function of a class or a module; with its code, which a notebook's autoreload replaces inside of it."""
    return {name: (value, getattr(value, "__code__", None)) for name, value in vars(owner).items() if _is_code(value)}


def _is_code(value: object) -> bool:
    return callable(value) or isinstance(value, (property, staticmethod, classmethod))


_OWNERS: list[type | types.ModuleType] = [vae, VAE, parts, _random]
_OWNERS += [divergences, likelihoods, likelihoods.BernoulliLogProb, precision, sampling, F]
_OWNERS += [nn.Module, nn.Sequential, nn.Flatten, nn.Unflatten, nn.Linear, *ACTIVATIONS]
_CODE = [(owner, _code_of(owner)) for owner in _OWNERS]
