"""Checkpoints: all that a run of `fit` needs to go on to the same bits.

The file is verified when it is read and replaced as a whole (see `storage`). It holds the tensors

- `model.<name>`: the state of the model, under the names that it has without `torch.compile`;
- `optimizer.<index>.<name>`: the state of the optimizer for each weight;
- `random.<rank>.<device>`: the random states of each process, of its CPU and of its GPU;

and a text in JSON:

- `format`: the number of this format;
- `run`: what must be the same when the run goes on: settings of `fit`, a fingerprint of the data, and a description
  of model, loss, corruption and optimizer (see `identity`, which says what can be compared);
- `history`: the `History` so far;
- `extra`: what modules return from `get_extra_state`, if it is no tensor.

Everything is compared before anything is restored.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn as nn
from torch import Tensor

from aecore import _random
from aecore.training.history import History
from aecore.training.identity import differences, state
from aecore.training.processes import Processes
from aecore.training.storage import plain_copy, read, storable, write

FORMAT = 2
Run = dict[str, object]


def check_state(model: nn.Module) -> None:
    """Raise, before training, if the model has a state that a checkpoint cannot hold."""
    for name, value in state(model).items():
        if isinstance(value, Tensor):
            if not storable(value):
                raise TypeError(f"model must hold tensors that safetensors can save, got {name}, {value.dtype}")
        elif not _is_json(value):
            raise TypeError(f"model must have extra states that JSON can hold, got {type(value).__name__} for {name}")


def save(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: Run, history: History, processes: Processes
) -> None:
    """One file, which rank 0 writes, with the random states of all.

    Raises:
        OSError: if the file cannot be written.
        FloatingPointError: if a weight or a moment of the optimizer is not finite. The old file stays in both cases.
    """
    states = processes.gather(_random.get_state(_device(model)))
    error: Exception | None = None
    if processes.rank == 0:
        try:
            _write(path, model, optimizer, run, history, states)
        except (OSError, FloatingPointError) as failure:
            error = failure
    error = processes.gather(error)[0]  # nobody goes on before the file is there
    if error is not None:
        raise error


def _write(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    run: Run,
    history: History,
    random: list[dict[str, Tensor]],
) -> None:
    parts = state(model)
    tensors = {f"model.{name}": value for name, value in parts.items() if isinstance(value, Tensor)}
    for index, of_weight in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in of_weight.items()}
    trained = {f"model.{name}" for name, value in state(model, keep_vars=True).items() if _is_trained(value)}
    for name, value in tensors.items():
        if (name in trained or name.startswith("optimizer.")) and not value.isfinite().all():
            raise FloatingPointError(f"weights must be finite to be saved, got {name} after epoch {history.epochs[-1]}")
    for rank, states in enumerate(random):
        tensors |= {f"random.{rank}.{name}": value for name, value in states.items()}
    extra = {name: value for name, value in parts.items() if not isinstance(value, Tensor)}
    text = json.dumps({"format": FORMAT, "run": run, "history": vars(history), "extra": extra})
    write(path, {name: plain_copy(value) for name, value in tensors.items()}, text)


def load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: Run, processes: Processes) -> History:
    """Restore model, optimizer and random state from a file, if there is one, and return the history so far.

    Raises:
        TypeError: if the model has a state that a checkpoint cannot hold.
        ValueError: if the file is not whole or is of another run; then nothing is restored, in no process.
    """
    check_state(model)
    exists, problem, saved = any(processes.gather(path.exists())), None, None
    if exists:
        try:
            saved = _Saved(path, model, optimizer, run, processes.rank)
        except ValueError as error:
            problem = error
    problem = next((error for error in processes.gather(problem) if error is not None), None)
    if problem is not None:
        raise problem
    return History() if saved is None else saved.restore(model, optimizer)


class _Saved:
    """The content of a checkpoint, once everything in it has been compared."""

    def __init__(self, path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: Run, rank: int) -> None:
        self.tensors, text = read(path)
        try:
            about = json.loads(text)
            found, then = about.get("format", 1), about["run"]
            self.history = History(**{**about["history"], "interrupted": False})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"checkpoint must be a file that `fit` wrote, got {path}, of another kind") from error
        if found != FORMAT:
            raise ValueError(f"checkpoint must have format {FORMAT}, got {path} of format {found}; start anew")
        self.model: dict[str, object] = {**self.group("model."), **about["extra"]}
        self.random, random = self.group(f"random.{rank}."), _random.get_state(_device(model))
        # The states of this device, and those of another one that the run was on before.
        expected = {name: random.get(name, value) for name, value in self.random.items()} | {"cpu": random["cpu"]}
        told = (
            differences(then, run)
            or differences(_kinds(self.model), _kinds(state(model)))
            or differences(_kinds(self.group("optimizer.")), self.fitting(optimizer))
            or differences(_kinds(self.random), _kinds(expected))
        )
        if told:
            advice = "give another path, or delete the file"
            raise ValueError(f"checkpoint must be of this run, got {path} of another run: {told}; {advice}")

    def group(self, prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}

    def fitting(self, optimizer: torch.optim.Optimizer) -> dict[str, str]:
        """What the saved states of the optimizer must look like: a number, or as large as their weight."""
        weights = _weights(optimizer)
        kinds = {}
        for name, value in self.group("optimizer.").items():
            index = name.partition(".")[0]
            if index.isdecimal() and int(index) < len(weights):
                shape = value.shape if value.ndim == 0 else weights[int(index)].shape
                kinds[name] = f"{tuple(shape)} {value.dtype}"
        return kinds

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> History:
        restore_state(model, self.model)
        weights, states = _weights(optimizer), optimizer.state_dict()
        states["state"] = {}
        for name, value in self.group("optimizer.").items():
            index, _, key = name.partition(".")
            if value.ndim:  # in the memory layout of its weight, as a fused update expects it
                value = torch.empty_like(weights[int(index)], dtype=value.dtype, requires_grad=False).copy_(value)
            states["state"].setdefault(int(index), {})[key] = value
        optimizer.load_state_dict(states)
        _random.set_state(self.random, _device(model))
        return self.history


def restore_state(model: nn.Module, saved: Mapping[str, object]) -> None:
    """`model.load_state_dict(saved)`, where `saved` has the names of the model that is not compiled."""
    for part in (*model.parameters(), *model.buffers()):
        if 0 in part.stride():  # expanded: many elements in one place, which cannot be written one by one
            part.data = part.data.contiguous()
    names = zip(model.state_dict(), state(model), strict=True)
    model.load_state_dict({name: saved[plain] for name, plain in names})


def _kinds(values: Mapping[str, object]) -> dict[str, str]:
    """Shape and dtype of tensors; what is no tensor may be of any kind."""
    return {
        name: f"{tuple(value.shape)} {value.dtype}" if isinstance(value, Tensor) else "no tensor"
        for name, value in values.items()
    }


def _weights(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """In the order in which the optimizer numbers their states."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _is_trained(value: object) -> bool:
    return isinstance(value, nn.Parameter) and value.requires_grad


def _is_json(value: object) -> bool:
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except (TypeError, ValueError):
        return False
