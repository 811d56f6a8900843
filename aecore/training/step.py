"""One training step: loss, gradient, update."""

import inspect
from collections.abc import Callable

import torch
import torch.nn as nn
from torch import Tensor

from aecore import _check
from aecore._modes import inside_loss
from aecore.training.cuda_graph import AdamInPieces, CapturedStep, TrainingStep
from aecore.training.gradient import NegativeElbo

Loss = Callable[..., Tensor | dict[str, Tensor]]  # loss(model, x, target), or loss(model, x, target, labels)
Corrupt = Callable[[Tensor], Tensor]


def check_model(model: object) -> None:
    """Refuse what Adam cannot train."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if not weights:
        raise ValueError("model must have parameters to train, got none that requires a gradient")
    half = [weight.dtype for weight in weights if weight.dtype in (torch.float16, torch.bfloat16)]
    if half:
        raise TypeError(
            f"model must have float32 or float64 parameters, since half precision loses Adam's small steps, "
            f"got {half[0]}; for mixed precision, call fit inside torch.autocast"
        )
    if any(tensor.is_inference() for tensor in (*model.parameters(), *model.buffers())):
        raise ValueError("model must be made outside of torch.inference_mode, got one made inside, which is read-only")


def loss_function(model: nn.Module, loss: Loss | None, labelled: bool) -> Loss:
    """The given loss, or `model.loss`, after a check that it takes what a step gives it."""
    batch = ("x", "target", "labels") if labelled else ("x", "target")
    if loss is not None:
        check_callable("loss", loss, ("model", *batch))
        return loss
    if not callable(getattr(model, "loss", None)):
        name = type(model).__name__
        raise ValueError(f"loss must be given, got None, and {name} has no method .loss({', '.join(batch)})")
    check_callable("model.loss", model.loss, batch)
    return lambda model, *batch: model.loss(*batch)


def check_callable(name: str, function: object, arguments: tuple[str, ...]) -> None:
    if not callable(function):
        raise TypeError(f"{name} must be callable or None, got {type(function).__name__}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, without a signature
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        call = f"{name}({', '.join(arguments)})"
        raise TypeError(f"{name} must be callable as {call}, got one with the parameters {signature}") from None


def means(loss: Tensor | dict[str, Tensor], batch: int) -> dict[str, Tensor]:
    """Mean over the batch of each part of a loss, in float32 or better, after a look at its shape."""
    parts = loss if isinstance(loss, dict) else {"loss": loss}
    if not parts:
        raise ValueError("loss must return at least one part, got an empty dict")
    for name, part in parts.items():
        if not isinstance(part, Tensor) or tuple(part.shape) not in ((batch,), ()):
            got = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"loss must return shape ({batch},) or a scalar for {name!r}, got {got}")
        if not part.is_floating_point():
            raise TypeError(f"loss must return floating-point numbers for {name!r}, got {part.dtype}")
    return {name: part.to(torch.promote_types(part.dtype, torch.float32)).mean() for name, part in parts.items()}


class Objective(nn.Module):
    """The loss as a module: `DistributedDataParallel` takes nothing else."""

    def __init__(self, model: nn.Module, loss_of: Loss) -> None:
        super().__init__()
        self.model, self.loss_of = model, loss_of

    def forward(self, x: Tensor, target: Tensor, *labels: Tensor) -> dict[str, Tensor]:
        return means(self.loss_of(self.model, x, target, *labels), len(target))


class Step:
    """Forward, backward, update, on one batch."""

    def __init__(
        self,
        objective: nn.Module,
        optimizer: torch.optim.Optimizer,
        update: Callable[[], object],
        corrupt: Corrupt | None,
        by_hand: NegativeElbo | None,
    ) -> None:
        self.objective, self.optimizer, self.update = objective, optimizer, update
        self.corrupt, self.by_hand = corrupt, by_hand

    def __call__(self, target: Tensor, *labels: Tensor, weight: float = 1.0) -> dict[str, Tensor]:
        """The mean of each part of the loss before the update; the gradient counts `weight` times."""
        # The images were checked before; on a GPU, each further check is a wait.
        with _check.value_checks(False), inside_loss():
            x = target if self.corrupt is None else self.corrupt(target)
            if self.by_hand is not None and self.by_hand.accepts(x, target):
                parts = self.by_hand(x, target)
            else:
                parts = self.objective(x, target, *labels)
                self._backward(parts, weight)
        self.update()
        return {name: part.detach() for name, part in parts.items()}

    def _backward(self, parts: dict[str, Tensor], weight: float) -> None:
        first, *others = parts.values()
        total = sum(others, start=first)
        if not total.requires_grad:
            raise ValueError("loss must depend on the model's parameters, got one without a gradient")
        self.optimizer.zero_grad(set_to_none=True)
        (total if weight == 1 else weight * total).backward()


def adam(model: nn.Module, lr: float, device: torch.device, captured: bool) -> torch.optim.Adam:
    """Adam in one kernel for all parameters, where there is one; a captured step reads lr from memory."""
    step_size = torch.tensor(lr, device=device) if captured else lr
    return torch.optim.Adam(model.parameters(), step_size, fused=device.type in ("cpu", "cuda"), capturable=captured)


def make_step(
    objective: nn.Module,
    optimizer: torch.optim.Adam,
    corrupt: Corrupt | None,
    by_hand: NegativeElbo | None,
    *,
    captured: bool,
    required: bool,
) -> TrainingStep:
    """A step that runs eagerly, or as a CUDA graph; `required` makes a capture that fails an error."""
    if not captured:
        return Step(objective, optimizer, optimizer.step, corrupt, by_hand)
    return CapturedStep(Step(objective, optimizer, AdamInPieces(optimizer), corrupt, by_hand), required)
