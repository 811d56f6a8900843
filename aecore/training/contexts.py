"""What a run needs around it: modes and switches that are set for the run and restored after it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn as nn

from aecore._modes import restored_modes


@contextmanager
def train_mode(model: nn.Module) -> Iterator[None]:
    """Train mode for the block.

    A submodule that is in eval mode, while others are in train mode, was frozen by the caller and stays so. A model
    that is in eval mode as a whole, as after an evaluation, is put into train mode as a whole.
    """
    with restored_modes(model):
        if not any(module.training for module in model.modules()):
            model.train()
        yield


@contextmanager
def moved(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Move the model to `device`, and back if the block fails."""
    before = next(model.parameters()).device
    try:
        model.to(device)
        yield
    except BaseException:
        model.to(before)
        raise


@contextmanager
def gradients_enabled() -> Iterator[None]:
    """Autograd records in the block, also where the caller is in `torch.no_grad` or `torch.inference_mode`."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def uncached_autocast() -> Iterator[None]:
    """In the caller's `torch.autocast`, cast the weights anew at every use.

    Autocast keeps the cast weights until its outermost block ends. Inside of it, an optimizer's steps would change
    weights that no forward pass reads.
    """
    enabled = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(enabled)
        torch.clear_autocast_cache()  # what the caller's block cast before the run


def in_autocast(device: torch.device) -> bool:
    """Whether the caller is in `torch.autocast` for this type of device."""
    return torch.amp.is_autocast_available(device.type) and torch.is_autocast_enabled(device.type)


def check_autocast(device: torch.device) -> None:
    """Refuse float16: without a scaled loss, its small gradients are zero."""
    if in_autocast(device) and torch.get_autocast_dtype(device.type) == torch.float16:
        raise ValueError(f"torch.autocast must have dtype torch.bfloat16 around fit, got torch.float16 on {device}")
