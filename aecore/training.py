"""One training loop for every model in the book.

Nothing outside is changed by a run: the random state of torch is put back when it ends. Nothing is lost:
Ctrl-C returns what was learned so far, and with `checkpoint=` a run that was killed goes on where it was,
to the same bits.
"""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn as nn
from torch import Tensor
from torch.optim.adam import adam
from tqdm import tqdm as std_tqdm
from tqdm.auto import tqdm

from aecore import _check
from aecore._by_hand import NegativeElbo
from aecore._graph import Replayed
from aecore._processes import Processes
from aecore.models import _bounds

__all__ = ["History", "evaluate", "fit", "pick_device"]

Loss = Callable[[nn.Module, Tensor, Tensor], Tensor | dict[str, Tensor]]


@dataclass
class History:
    """What a run of `fit` measured, one entry per finished epoch.

    Attributes:
        epochs: 1, 2, ..., as many as were finished.
        loss: mean training loss per image of each epoch, in the units of the loss (nats for a VAE).
        parts: the same for each named part of the loss.
        seconds: wall-clock duration of each epoch.
        interrupted: True if Ctrl-C ended the run.

    Example:
        >>> import aecore as ae
        >>> ae.History().epochs
        []
    """

    epochs: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False


def pick_device() -> torch.device:
    """The fastest device present: cuda, then mps, then cpu.

    Returns:
        A torch.device. Under `torchrun`, each process of a machine gets a GPU of its own.

    Example:
        >>> import aecore as ae
        >>> ae.pick_device().type in ("cuda", "mps", "cpu")
        True
    """
    if torch.cuda.is_available():
        # torchrun starts one process for each GPU of a machine, and numbers them.
        return (
            torch.device("cuda", int(os.environ["LOCAL_RANK"])) if "LOCAL_RANK" in os.environ else torch.device("cuda")
        )
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def fit(
    model: nn.Module,
    images: Tensor,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 1e-3,
    schedule: str = "constant",
    loss: Loss | None = None,
    corrupt: Callable[[Tensor], Tensor] | None = None,
    device: torch.device | str | None = None,
    cuda_graph: bool | None = None,
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
) -> History:
    """Train `model` on `images` with Adam.

    Under `torchrun --nproc-per-node N script.py`, N processes train one model, without a change in the script: each
    takes its share of every batch, and all end with the same weights. The loss is then that of one process, up to
    rounding and up to noise, which each draws for itself; a loss that is no mean over images (a penalty on a mean
    activation, batch statistics) is computed in each share. A process that dies ends all of them with an error.

    Args:
        model: a module with `.loss(x, target)`, such as `Autoencoder` or `VAE`, or any module if `loss` is
            given. It is trained in place and stays on `device`.
        images: shape (n, ...), floating-point, finite.
        epochs: passes over the images, at least 1. With a checkpoint: the total, earlier runs counted in.
        batch_size: images per step; the last step of an epoch takes what is left.
        lr: Adam's step size, positive; with "one_cycle" the largest of the run.
        schedule: "constant", or "one_cycle": lr rises over the first 30 % of the steps and falls to nearly
            nothing at the last one. It reaches a given loss in a third of the epochs or so, with lr near 8e-3.
        loss: `loss(model, x, target)` returns a tensor of shape (batch,), or a scalar, or a dict of such
            parts; the sum of their means over the batch is minimised. `model.loss(x, target)` if left out.
        corrupt: spoils the input: x = corrupt(target), anew for every batch.
        device: where to train; `pick_device()` if left out.
        cuda_graph: record a step once and replay it, which takes most of the waiting out of training a small
            network on a GPU. For losses and corruptions that stay on the GPU, and one process. If left out, it is
            done where nothing can stand in its way: for a plain VAE without `loss` and `corrupt`.
        seed: of the order of the images, of sampling and of corruption. Initial weights are the caller's.
        progress: show a bar with loss, parts, images/s and time left, in a notebook or a terminal.
        checkpoint: file that is rewritten after every epoch, and from which a later call with the same
            arguments resumes, bit for bit.
        checkpoint_every: epochs from one writing to the next, for runs whose epochs are shorter than a writing; a
            run cut short loses those since. The last epoch is always written.

    Returns:
        A `History`.

    Raises:
        TypeError, ValueError: for arguments of another kind, a checkpoint that is corrupt or of another run,
            or a loss of another shape.
        FloatingPointError: if the loss stops being finite; the last good checkpoint stays as it is.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1; "one_cycle": Smith and
    Topin, "Super-convergence", 2019, with the cosine shape and the constants of `torch.optim.lr_scheduler.OneCycleLR`.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4]))
        >>> history = ae.fit(model, torch.rand(64, 4), epochs=3, device="cpu", progress=False)
        >>> history.epochs, history.loss[-1] < history.loss[0]
        ([1, 2, 3], True)
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    if next(model.parameters(), None) is None:
        raise ValueError("model must have parameters to train, got none")
    # Steps trust the images, so a likelihood's demand on their values is checked here, once.
    _check.tensor("images", images, min_ndim=2, **(_bounds(model) if loss is None else {}))
    epochs, batch_size = _check.count("epochs", epochs), _check.count("batch_size", batch_size)
    lr, seed = _check.number("lr", lr, low=0, open_low=True), _check.count("seed", seed, low=0)
    schedule = _check.choice("schedule", schedule, tuple(SCHEDULES))
    _callables(loss=loss, corrupt=corrupt)
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
        raise TypeError(f"checkpoint must be a path or None, got {type(checkpoint).__name__}")
    checkpoint_every = _check.count("checkpoint_every", checkpoint_every)
    loss_of = _loss_of(model, loss)
    device = _check.device(pick_device() if device is None else device)
    model.to(device)
    images = images.to(device)  # all of them, once: a step then waits for nothing
    processes = Processes(device)
    by_hand = None if loss or processes.together else NegativeElbo.of(model)
    graphed = _graphed(cuda_graph, device, processes, ours=by_hand is not None and corrupt is None)
    # One kernel for all parameters: the cheapest large gain on a CPU. A graph reads lr from memory: a tensor.
    step_size = torch.tensor(lr, device=device) if graphed else lr
    fused = device.type in ("cpu", "cuda")
    optimizer = torch.optim.Adam(model.parameters(), lr=step_size, fused=fused, capturable=graphed)
    history = History()
    run = {"batch_size": batch_size, "lr": lr, "schedule": schedule, "seed": seed, "processes": processes.count}
    if schedule != "constant":  # where the rate stands depends on the length of the whole run
        run["epochs"] = epochs
    if checkpoint is not None:
        run["data"] = _fingerprint(images)
    processes.agree(**run | {"epochs": epochs, "images": tuple(images.shape)})
    was_training = model.training
    with _forked_randomness(device, processes.own(seed)):
        if checkpoint is not None and Path(checkpoint).exists():
            history = _load(Path(checkpoint), model, optimizer, run, processes)
        objective = processes.parallel(_Objective(model, loss_of), device)
        step = _Step(objective, optimizer, corrupt, by_hand)
        step = Replayed(step, asked=bool(cuda_graph)) if graphed else step
        bar = _bar(progress and processes.rank == 0, epochs * len(images), len(history.epochs) * len(images))
        model.train()
        try:
            for epoch in range(len(history.epochs) + 1, epochs + 1):
                started = time.perf_counter()
                rates = _rates(SCHEDULES[schedule], lr, epoch, epochs, math.ceil(len(images) / batch_size))
                parts = _epoch(step, images, batch_size, optimizer, rates, bar, processes)
                _record(history, epoch, parts, time.perf_counter() - started)
                if checkpoint is not None and (epoch % checkpoint_every == 0 or epoch == epochs):
                    _save(Path(checkpoint), model, optimizer, run, history, processes)
        except KeyboardInterrupt:
            if processes.together:  # the others may be a step further, and wait
                raise
            history.interrupted = True
        finally:
            bar.close()
            model.train(was_training)
    return history


def evaluate(
    model: nn.Module,
    images: Tensor,
    *,
    batch_size: int = 1000,
    loss: Loss | None = None,
    corrupt: Callable[[Tensor], Tensor] | None = None,
    seed: int = 0,
) -> float:
    """Mean loss per image, without training: what `fit` minimises, measured on other images.

    Args:
        model: as for `fit`; it stays where it is.
        images: shape (n, ...), on the model's device.
        batch_size: images at once; it changes memory and time, not the result (batch statistics apart).
        loss, corrupt, seed: as for `fit`.

    Returns:
        The mean over images, in the units of the loss.

    Raises:
        TypeError, ValueError: for arguments of another kind or a loss of another shape.

    Example:
        >>> import aecore as ae, torch
        >>> identity = ae.Autoencoder(torch.nn.Identity(), torch.nn.Identity())
        >>> ae.evaluate(identity, torch.rand(8, 4))
        0.0
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    _check.tensor("images", images, min_ndim=2)
    batch_size, seed = _check.count("batch_size", batch_size), _check.count("seed", seed, low=0)
    _callables(loss=loss, corrupt=corrupt)
    loss_of, was_training = _loss_of(model, loss), model.training
    model.eval()
    try:
        with _forked_randomness(images.device, seed), torch.no_grad():
            total = torch.zeros((), dtype=torch.float64, device="cpu")
            for target in images.split(batch_size):
                parts = _means(loss_of(model, target if corrupt is None else corrupt(target), target), len(target))
                total += sum(parts.values()).double().cpu() * len(target)
    finally:
        model.train(was_training)
    return (total / len(images)).item()


def _graphed(cuda_graph: object, device: torch.device, processes: Processes, ours: bool) -> bool:
    """Whether steps are recorded: as asked, and where nothing was asked on a GPU whose steps are ours alone."""
    if cuda_graph is None:
        return ours and device.type == "cuda"
    if not isinstance(cuda_graph, bool):
        raise TypeError(f"cuda_graph must be True, False or None, got {type(cuda_graph).__name__}")
    if cuda_graph and (device.type != "cuda" or processes.together):
        raise ValueError(
            f"cuda_graph must be False but for one process on a GPU, got True, {processes.count} on {device}"
        )
    return cuda_graph


def _callables(**functions: object) -> None:
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be callable or None, got {type(value).__name__}")


def _loss_of(model: nn.Module, loss: Loss | None) -> Loss:
    if loss is not None:
        return loss
    if not hasattr(model, "loss"):
        raise ValueError(f"loss must be given, got None, and {type(model).__name__} has no method .loss(x, target)")
    return lambda model, x, target: model.loss(x, target)


def _means(loss: Tensor | dict[str, Tensor], batch: int) -> dict[str, Tensor]:
    """Mean over the batch of each part of a loss, after a look at its shape."""
    parts = loss if isinstance(loss, dict) else {"loss": loss}
    if not parts:
        raise ValueError("loss must return at least one part, got an empty dict")
    for name, part in parts.items():
        if not isinstance(part, Tensor) or tuple(part.shape) not in ((batch,), ()):
            got = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"loss must return shape ({batch},) or a scalar for {name!r}, got {got}")
        if not part.is_floating_point():
            raise TypeError(f"loss must return floating-point numbers for {name!r}, got {part.dtype}")
    return {name: part.mean() for name, part in parts.items()}


class _Objective(nn.Module):
    """The loss as a module: what is trained in parallel has to be one."""

    def __init__(self, model: nn.Module, loss_of: Loss) -> None:
        super().__init__()
        self.model, self.loss_of = model, loss_of

    def forward(self, x: Tensor, target: Tensor) -> dict[str, Tensor]:
        return _means(self.loss_of(self.model, x, target), len(target))


class _Step:
    """Forward, backward, update, on one batch."""

    def __init__(
        self,
        objective: nn.Module,
        optimizer: torch.optim.Adam,
        corrupt: Callable[[Tensor], Tensor] | None,
        by_hand: NegativeElbo | None = None,
    ) -> None:
        self.objective, self.corrupt, self.by_hand = objective, corrupt, by_hand
        self.optimizer, self.update = optimizer, _Update(optimizer)
        optimizer.zero_grad(set_to_none=True)  # what the caller left in .grad is not ours to write over

    def __call__(self, target: Tensor, weight: float = 1.0) -> dict[str, Tensor]:
        """The mean of each part of the loss before the update; the gradient counts `weight` times."""
        with _check.trusted():  # the images were checked once; looking again would cost a wait per step on a GPU
            x = target if self.corrupt is None else self.corrupt(target)
            by_hand = self.by_hand is not None and self.by_hand.takes(x, target)
            parts = self.by_hand(x, target) if by_hand else self.objective(x, target)
        if not by_hand:
            self._backward(parts, weight)
        self.update()
        return {name: part.detach() for name, part in parts.items()}

    def _backward(self, parts: dict[str, Tensor], weight: float) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        first, *others = parts.values()
        total = sum(others, start=first)
        if not total.requires_grad:
            raise ValueError("loss must depend on the model's parameters, got one without a gradient")
        (total if weight == 1 else weight * total).backward()


class _Update:
    """`optimizer.step()` on the same state, without the bookkeeping that Adam does anew at every step.

    In Python, that takes as long as the arithmetic, which has driven it out of the processor's caches. On a GPU, the
    time is that of a block of threads, which goes through 65,536 numbers of a weight; in a recorded step, where many
    small tensors cost nothing to name, each weight is therefore updated as many, and more blocks share the work.
    """

    def __init__(self, optimizer: torch.optim.Adam) -> None:
        self.optimizer = optimizer
        self.state: list[list[Tensor]] | None = None  # Adam makes it at its first step
        group = optimizer.param_groups[0]
        names = ("fused", "capturable", "weight_decay", "eps", "maximize", "amsgrad")
        self.settings = {name: group[name] for name in names}
        self.settings["beta1"], self.settings["beta2"] = group["betas"]
        self.in_pieces = group["capturable"]

    def __call__(self) -> None:
        group = self.optimizer.param_groups[0]
        weights = group["params"]
        gradients = [weight.grad for weight in weights]
        missing = any(gradient is None for gradient in gradients)
        if missing or self.state is None:
            self.optimizer.step()
            self.state = None if missing else self._state(weights)
            return
        if self.in_pieces:
            weights, gradients = self._pieces(weights), self._pieces(gradients)
        with torch.no_grad():
            adam(weights, gradients, *self.state, lr=group["lr"], **self.settings)

    def _state(self, weights: list[Tensor]) -> list[list[Tensor]]:
        state = [self.optimizer.state[weight] for weight in weights]
        means, squares, steps = ([of[name] for of in state] for name in ("exp_avg", "exp_avg_sq", "step"))
        if self.in_pieces:
            # Each piece has a step of its own; the first piece of a weight that of the optimizer, which is saved.
            counted = zip(steps, (len(_views(weight, weight)) for weight in weights), strict=True)
            steps = [step.clone() if piece else step for step, pieces in counted for piece in range(pieces)]
            means, squares = self._pieces(means), self._pieces(squares)
        return [means, squares, [], steps]

    def _pieces(self, tensors: list[Tensor]) -> list[Tensor]:
        weights = self.optimizer.param_groups[0]["params"]
        return [view for tensor, weight in zip(tensors, weights, strict=True) for view in _views(tensor, weight)]


PIECE = 2**13  # the quickest of 2¹¹ to 2¹⁶ on an H200, beside its neighbours


def _views(tensor: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """What belongs to a weight, a piece at a time; whole, if the weight does not lie in memory as it is read."""
    return tensor.detach().reshape(-1).split(PIECE) if weight.is_contiguous() else (tensor,)


def _epoch(
    step: _Step | Replayed,
    images: Tensor,
    batch_size: int,
    optimizer: torch.optim.Optimizer,
    rates: Iterable[float],
    bar: tqdm,
    processes: Processes,
) -> dict[str, float]:
    """One pass over the images; returns the mean of each part of the loss."""
    totals: dict[str, Tensor] = {}
    order = processes.first(torch.randperm(len(images), device=images.device))
    for batch, rate in zip(order.split(batch_size), rates, strict=True):
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        indices, weight = processes.share(batch)
        target = images.index_select(0, indices)
        parts = step(target, weight) if processes.together else step(target)
        share = weight * len(batch) / processes.count
        for name, part in parts.items():
            totals[name] = totals[name].add_(part, alpha=share) if name in totals else part * share
        _show(bar, parts, len(batch))
    return {name: (processes.sum(total) / len(images)).item() for name, total in totals.items()}


def _one_cycle(progress: float) -> float:
    """Share of the largest rate after this share of the run: 1/25, up to 1, down to 1/250,000, along cosines."""
    start, peak, end = 1 / 25, 0.3, 1 / 250_000
    if progress < peak:
        return 1 + (start - 1) * (1 + math.cos(math.pi * progress / peak)) / 2
    return end + (1 - end) * (1 + math.cos(math.pi * (progress - peak) / (1 - peak))) / 2


# A share of lr as a function of the share of the run: it has no state of its own that a checkpoint could miss.
SCHEDULES = {"constant": lambda progress: 1.0, "one_cycle": _one_cycle}


def _rates(share: Callable[[float], float], lr: float, epoch: int, epochs: int, steps: int) -> list[float]:
    """The step sizes of one epoch; the last step of the last epoch is the end of the run."""
    done, last = (epoch - 1) * steps, max(1, epochs * steps - 1)
    return [lr * share((done + step) / last) for step in range(steps)]


def _record(history: History, epoch: int, parts: dict[str, float], seconds: float) -> None:
    total = sum(parts.values())
    if not math.isfinite(total):
        raise FloatingPointError(f"the loss became {total} in epoch {epoch} ({parts}); a smaller lr usually helps")
    history.epochs.append(epoch)
    history.loss.append(total)
    history.seconds.append(seconds)
    if len(parts) > 1:
        for name, value in parts.items():
            history.parts.setdefault(name, []).append(value)


# Progress


def _bar(progress: bool, total: int, done: int) -> tqdm:
    """A bar in a notebook or a terminal; quiet elsewhere, or where TQDM_DISABLE=1 silences a build."""
    seen = "ipykernel" in sys.modules or sys.stderr.isatty()
    quiet = not progress or not seen or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    bar_class = std_tqdm if quiet else tqdm  # a disabled notebook bar would still show an empty widget
    return bar_class(total=total, initial=done, unit=" images", unit_scale=True, leave=False, disable=quiet)


def _show(bar: tqdm, parts: dict[str, Tensor], images: int) -> None:
    # Reading a number makes a GPU wait, so only when the bar is redrawn (tqdm's own rhythm, ten times a second).
    if bar.update(images):
        numbers = {name: f"{part.item():.1f}" for name, part in parts.items()}
        total = f"{sum(part.item() for part in parts.values()):.1f}"
        bar.set_postfix({"loss": total, **(numbers if len(parts) > 1 else {})}, refresh=False)


# Randomness


@contextmanager
def _forked_randomness(device: torch.device, seed: int):
    """Seed torch inside the block, and give the caller's random state back after it."""
    own = {} if device.type == "cpu" else {"devices": [device], "device_type": device.type}
    with torch.random.fork_rng(**(own or {"devices": []})):
        # Not torch.manual_seed, which seeds every device, and only this one's state is given back.
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            seeded = torch.Generator(device).manual_seed(seed)
            getattr(torch, device.type).set_rng_state(seeded.get_state(), device)
        yield


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = getattr(torch, device.type).get_rng_state(device)
    return state


# Checkpoints: safetensors, which holds tensors and text and can execute nothing


def _fingerprint(images: Tensor) -> str:
    """Shape, dtype and SHA-256: the same images in another order are another run. 0.2 s for 60,000."""
    content = images.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return f"{tuple(images.shape)} {images.dtype} {hashlib.sha256(content).hexdigest()}"


def _digest(tensors: dict[str, Tensor], about: str) -> str:
    digest = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _save(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: dict, history: History, processes: Processes
) -> None:
    """One file, which the first process writes, with the random states of all."""
    states = processes.gather(_random_state(next(model.parameters()).device))
    if processes.rank == 0:
        _write(path, model, optimizer, run, history, states)
    processes.gather(None)  # nobody goes on before it is there


def _write(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: dict, history: History, states: list[dict]
) -> None:
    """Write beside, flush to disk, rename: at any moment the file is the old one or the new one, whole."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
    for rank, random in enumerate(states):
        tensors |= {f"random.{rank}.{name}": state for name, state in random.items()}
    tensors = {name: value.detach().cpu().clone() for name, value in tensors.items()}
    about = json.dumps({"run": run, "history": vars(history)})
    content = safetensors.torch.save(tensors, {"aecore": about, "sha256": _digest(tensors, about)})
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(beside, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
    if os.name == "posix":  # the rename itself must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _load(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, run: dict, processes: Processes) -> History:
    """Put a checkpoint back into model, optimizer and random state, after checking that it is whole and ours."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # Cloned: what is mapped from the file would change, or lock the file, when it is written again.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
        about, expected = metadata["aecore"], metadata["sha256"]
    except (safetensors.SafetensorError, KeyError, OSError) as error:
        raise ValueError(f"checkpoint {path} is truncated, altered or no checkpoint of aecore: {error}") from error
    found = _digest(tensors, about)
    if found != expected:
        raise ValueError(f"checkpoint {path} is altered: its SHA-256 is {found}, expected {expected}")
    saved = json.loads(about)
    other = {name: (saved["run"].get(name), value) for name, value in run.items() if saved["run"].get(name) != value}
    if other:
        told = ", ".join(f"{name} {then!r}, now {now!r}" for name, (then, now) in other.items())
        raise ValueError(f"checkpoint {path} is of another run: {told}. Give another path, or delete the file")

    def group(prefix: str) -> dict[str, Tensor]:
        return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

    # Compared before anything is copied: a refused checkpoint leaves the model as it was.
    theirs, ours = (
        {name: (tuple(value.shape), value.dtype) for name, value in state.items()}
        for state in (group("model."), model.state_dict())
    )
    if theirs != ours:
        different = sorted(name for name in theirs | ours if theirs.get(name) != ours.get(name))
        raise ValueError(f"checkpoint {path} is of another model: they differ in {', '.join(different)}")
    model.load_state_dict(group("model."))
    fresh = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in group("optimizer.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**fresh, "state": state})
    for name, value in group(f"random.{processes.rank}.").items():
        if name == "cpu":
            torch.set_rng_state(value)
        elif (device := next(model.parameters()).device).type == name:
            getattr(torch, name).set_rng_state(value, device)
    return History(**{**saved["history"], "interrupted": False})
