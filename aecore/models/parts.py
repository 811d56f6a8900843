"""What the models share: checks of their parts and of what is put into them."""

import torch.nn as nn
from torch import Tensor

from aecore import _check


def check_modules(encoder: object, decoder: object) -> None:
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        if not isinstance(module, nn.Module):
            raise TypeError(f"{name} must be a torch.nn.Module, got {type(module).__name__}")


def check_same_device(model: nn.Module, name: str, value: Tensor) -> None:
    for parameter in model.parameters():
        _check.same_device(name, value, "the model", parameter)
        break


def call_part(model: nn.Module, part: str, name: str, value: Tensor) -> Tensor:
    """model.part(value), with torch's complaint about a shape or a dtype turned into one that names the argument."""
    try:
        output: Tensor = getattr(model, part)(value)
    except RuntimeError as error:
        complaint = str(error)
        if "allocate" in complaint or not any(word in complaint for word in ("shape", "size", "dtype", "type")):
            raise
        raise ValueError(
            f"{name} must fit the {part}, got shape {tuple(value.shape)}, {value.dtype}: {error}"
        ) from error
    return output


def data_bounds(model: nn.Module) -> _check.Bounds:
    """What the model's likelihood, if it has one, allows as data: bounds for `_check.tensor`."""
    return {"low": 0, "high": 1} if getattr(model, "likelihood", "") == "bernoulli" else {}
