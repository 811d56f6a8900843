"""Training mode and eval mode.

What a loss is made of (`forward`, `loss`, `posterior`, `elbo`, ...) follows the mode of the model, as in every torch
module. What a finished model is asked (`encode`, `decode`, `sample`, `log_likelihood`, a codec, ...) is answered in
eval mode: without dropout, with the stored statistics of a batch normalization, and with those left as they were.
`encode` and `decode` are both. Inside a loss, which is a `forward` pass or a step of `fit`, they follow the mode.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

import torch
import torch.nn as nn

_in_loss: ContextVar[bool] = ContextVar("in_loss", default=False)


@contextmanager
def restored_modes(model: nn.Module) -> Iterator[None]:
    """Put every module of the model back into its own mode, training or eval, after the block."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode for the block."""
    with restored_modes(model):
        model.eval()
        yield


def inside_loss() -> AbstractContextManager[None]:
    """Inside this block, `encode` and `decode` follow the mode of their model."""
    return nullcontext() if torch.compiler.is_compiling() else _inside_loss()


@contextmanager
def _inside_loss() -> Iterator[None]:
    token = _in_loss.set(True)
    try:
        yield
    finally:
        _in_loss.reset(token)


def eval_mode_outside_loss(model: nn.Module) -> AbstractContextManager[None]:
    """Eval mode for the block, but not inside a loss. A compiled model follows its mode in any case."""
    return nullcontext() if torch.compiler.is_compiling() or _in_loss.get() else eval_mode(model)
