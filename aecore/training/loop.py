"""One training loop for every model in the book.

Nothing outside is changed by a run: the random state of torch is put back when it ends. Nothing is lost:
Ctrl-C returns what was learned so far, and with `checkpoint=` a run that was killed goes on where it was,
to the same bits.
"""

import os
import time

import torch
import torch.nn as nn
from torch import Tensor

from aecore import _check
from aecore._modes import eval_mode
from aecore._random import seeded
from aecore.models.parts import data_bounds
from aecore.training.batches import Images, batches_of, smallest_batch
from aecore.training.checkpoint import load, save
from aecore.training.contexts import (
    check_autocast,
    gradients_enabled,
    moved,
    train_mode,
    uncached_autocast,
)
from aecore.training.cuda_graph import check_cuda_graph
from aecore.training.devices import pick_device
from aecore.training.epoch import FiniteWeights, train_epoch
from aecore.training.gradient import NegativeElbo
from aecore.training.history import History, record
from aecore.training.identity import describe_run
from aecore.training.processes import Processes
from aecore.training.progress import progress_bar
from aecore.training.schedules import SCHEDULES, rates_of_epoch
from aecore.training.step import (
    Corrupt,
    Loss,
    Objective,
    adam,
    check_callable,
    check_model,
    loss_function,
    make_step,
    means,
)
from aecore.training.storage import check_path


def fit(
    model: nn.Module,
    images: Images,
    *,
    epochs: int,
    labels: Tensor | bool | None = None,
    scale: float | None = None,
    batch_size: int | None = None,
    lr: float = 1e-3,
    schedule: str = "constant",
    loss: Loss | None = None,
    corrupt: Corrupt | None = None,
    device: torch.device | str | None = None,
    cuda_graph: bool | None = None,
    seed: int = 0,
    progress: bool = True,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 1,
) -> History:
    """Train `model` on `images` with Adam.

    Under `torchrun --nproc-per-node N script.py`, N processes train one model, without a change in the script: each
    takes its shard of every batch, and all end with the same weights. The loss is then that of one process, up to
    rounding and up to noise, which each draws for itself; a loss that is no mean over images (a penalty on a mean
    activation, batch statistics) is computed in each shard. A process that dies ends all of them with an error.

    A submodule in eval mode, while others are in train mode, counts as frozen and stays so; a model that is in eval
    mode as a whole is trained as a whole. Every mode is restored in the end. Inside `torch.autocast` with bfloat16,
    training is in mixed precision. Inside `torch.no_grad`, gradients are recorded all the same. A model of
    `torch.compile` is trained as its caller made it; what `model.loss` calls is not compiled.

    Args:
        model: a module with `.loss(x, target)`, such as `Autoencoder` or `VAE`, or any module if `loss` is
            given, with float32 or float64 parameters. It is trained in place and stays on `device`.
        images: finite, shape (n, ...), as one of:
            a floating-point tensor, which is copied to `device` as a whole;
            a tensor of integers, with `scale`;
            a NumPy array, also one of `np.memmap`: only the rows of a batch are read and copied;
            a `torch.utils.data.Dataset` of known length, whose items are an image, or (image, label, ...);
            a `DataLoader`, for worker processes: batches, their order and their sizes are then its own, and without
            a generator of its own the order depends on `seed`.
            A Bernoulli likelihood takes values in [0, 1], and others are refused. A squared error takes any scale;
            it grows with the square of it: images in 0..255 have 65,025 times the loss of images in [0, 1].
        epochs: passes over the images, at least 1. With a checkpoint: the total, earlier runs counted in.
        labels: a tensor of shape (n, ...) for images in memory, or True for a Dataset or DataLoader that gives them.
            The loss then gets those of the batch: `loss(model, x, target, labels)`, `model.loss(x, target, labels)`.
        scale: a positive number by which every batch is divided, 255 for uint8; the result has the model's dtype.
        batch_size: images per step, 128 if left out; the last step of an epoch takes what is left. A single image
            that is left joins the batch before it if the model has batch normalization in train mode.
        lr: Adam's step size, positive; with "one_cycle" the largest of the run.
        schedule: "constant", or "one_cycle": lr rises over the first 30 % of the steps and falls to nearly
            nothing at the last one. It reaches a given loss in a third of the epochs or so, with lr near 8e-3.
        loss: `loss(model, x, target)` returns a tensor of shape (batch,), or a scalar, or a dict of such
            parts; the sum of their means over the batch is minimised. `model.loss(x, target)` if left out. For an
            untouched `VAE` of two `mlp`s, its gradient is then hand-written, for speed; `loss=ae.VAE.loss` trains
            through autograd, for a debugger to step through.
        corrupt: makes the input of the target: x = corrupt(target), anew for every batch.
        device: where to train; `pick_device()` if left out.
        cuda_graph: capture a step once and replay it, which takes most of the waiting out of training a small
            network on a GPU. For losses and corruptions that stay on the GPU, and one process. If left out, it is
            done where nothing can stand in its way: for an untouched `VAE` of two `mlp`s without `corrupt`.
        seed: of the order of the images, of sampling and of corruption. Initial weights are the caller's.
        progress: show a bar with loss, parts, images/s and time left, in a notebook or a terminal.
        checkpoint: file that is rewritten after every epoch, and from which a later call with the same
            arguments resumes, bit for bit. Images in a tensor are compared by value, an array by 1,000 of its rows,
            a Dataset or DataLoader by class and length only. Model, `loss` and `corrupt` are compared by their
            code and by all that they hold and read, except what cannot be compared (see `training.identity`):
            compiled and installed code (`aecore` too counts by name), files, and what a function imports or changes
            while it runs.
        checkpoint_every: epochs from one writing to the next, for runs whose epochs are shorter than a writing; a
            run cut short loses those since. The last epoch is always written.

    Returns:
        A `History`.

    Raises:
        TypeError, ValueError: for arguments of another kind, a checkpoint that is corrupt or of another run,
            or a loss of another shape.
        FloatingPointError: if the loss or the weights stop being finite; the last good checkpoint stays as it is.
        RuntimeError: if another thread of this process is in `fit` or `evaluate`: torch has one random state for all.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1; "one_cycle": Smith and
    Topin, "Super-convergence", 2019, with the cosine shape and the constants of `torch.optim.lr_scheduler.OneCycleLR`.

    Example:
        >>> import aecore as ae, torch
        >>> model = ae.Autoencoder(ae.mlp([4, 2]), ae.mlp([2, 4]))
        >>> history = ae.fit(model, torch.rand(64, 4), epochs=3, device="cpu", progress=False)
        >>> history.epochs, history.loss[-1] < history.loss[0]
        ([1, 2, 3], True)
    """
    labelled = labels is not None and labels is not False
    check_model(model)
    bounds = data_bounds(model) if loss is None else {}
    batches = batches_of(
        images, labels, scale=scale, batch_size=batch_size, default_batch_size=128, bounds=bounds, model=model
    )
    loss_of = loss_function(model, loss, labelled)
    if corrupt is not None:
        check_callable("corrupt", corrupt, ("target",))
    epochs, checkpoint_every = _check.count("epochs", epochs), _check.count("checkpoint_every", checkpoint_every)
    lr, seed = _check.number("lr", lr, low=0, open_low=True), _check.count("seed", seed, low=0)
    schedule = _check.choice("schedule", schedule, tuple(SCHEDULES))
    path = None if checkpoint is None else check_path("checkpoint", checkpoint)
    device = _check.device(pick_device() if device is None else device)
    check_autocast(device)
    processes = Processes(device)
    check_cuda_graph(cuda_graph, device, processes)
    batches.check_run(processes, resumable=path is not None)
    run = {"lr": lr, "schedule": schedule, "seed": seed, "processes": processes.count, **batches.settings()}
    if schedule != "constant":  # the rate depends on the length of the whole run
        run["epochs"] = epochs
    if path is not None:
        run["data"] = batches.identity()
    processes.check_same_arguments(**run | {"epochs": epochs, "images": batches.images})

    with seeded(processes.seed_of_rank(seed), device), train_mode(model), gradients_enabled(), uncached_autocast():
        with moved(model, device):
            batches.to(device)
            by_hand = None if loss is not None or labelled or processes.distributed else NegativeElbo.of(model)
            by_default = device.type == "cuda" and by_hand is not None and corrupt is None
            captured = by_default if cuda_graph is None else cuda_graph
            optimizer, history = adam(model, lr, device, captured), History()
            if path is not None:
                run |= processes.gather(describe_run(model, loss, corrupt, optimizer))[0]
                history = load(path, model, optimizer, run, processes)
        batches.merge_small_batch(smallest_batch(model, processes.count))
        objective = processes.data_parallel(Objective(model, loss_of), device)
        step = make_step(objective, optimizer, corrupt, by_hand, captured=captured, required=bool(cuda_graph))
        weights, done = FiniteWeights(model), len(history.epochs)
        with progress_bar(progress and processes.rank == 0, epochs * batches.images, done * batches.images) as bar:
            try:
                for epoch in range(done + 1, epochs + 1):
                    started = time.perf_counter()
                    rates = rates_of_epoch(schedule, lr, epoch, epochs, batches.steps)
                    parts = train_epoch(step, batches.shuffled(processes), optimizer, rates, weights, bar, processes)
                    record(history, epoch, parts, time.perf_counter() - started)
                    if path is not None and (epoch % checkpoint_every == 0 or epoch == epochs):
                        save(path, model, optimizer, run, history, processes)
            except KeyboardInterrupt:
                if processes.distributed:  # the others may be a step further, and wait
                    raise
                history.interrupted = True
    return history


def evaluate(
    model: nn.Module,
    images: Images,
    *,
    labels: Tensor | bool | None = None,
    scale: float | None = None,
    batch_size: int | None = None,
    loss: Loss | None = None,
    corrupt: Corrupt | None = None,
    seed: int = 0,
) -> float:
    """Mean loss per image, without training: what `fit` minimises, measured on other images, in eval mode.

    Args:
        model: as for `fit`; it stays where it is.
        images, labels, scale: as for `fit`; every batch is copied to the model's device.
        batch_size: images at once, 1,000 if left out; it changes memory and time. The result stays the same up to
            rounding, if the loss draws no random numbers and is a mean over images. A loss that draws (a VAE's ε, a
            corruption) draws other numbers for another batch size: the expectation stays the same, and the result
            differs as between two seeds, by s·√(2/n) or so for n images whose losses vary by s from draw to draw.
        loss, corrupt, seed: as for `fit`.

    Returns:
        The mean over images, in the units of the loss.

    Raises:
        TypeError, ValueError: for arguments of another kind or a loss of another shape.
        RuntimeError: if another thread of this process is in `fit` or `evaluate`: torch has one random state for all.

    Example:
        >>> import aecore as ae, torch
        >>> identity = ae.Autoencoder(torch.nn.Identity(), torch.nn.Identity())
        >>> ae.evaluate(identity, torch.rand(8, 4))
        0.0
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    bounds = data_bounds(model) if loss is None else {}
    batches = batches_of(
        images, labels, scale=scale, batch_size=batch_size, default_batch_size=1000, bounds=bounds, model=model
    )
    loss_of = loss_function(model, loss, labelled=labels is not None and labels is not False)
    if corrupt is not None:
        check_callable("corrupt", corrupt, ("target",))
    seed = _check.count("seed", seed, low=0)
    located = next(model.parameters(), images if isinstance(images, Tensor) else None)
    batches.device = torch.device("cpu") if located is None else located.device
    total, count = 0.0, 0
    with seeded(seed, batches.device), eval_mode(model), torch.no_grad():
        for batch in batches.in_order():
            x = batch.images if corrupt is None else corrupt(batch.images)
            parts = means(loss_of(model, x, batch.images, *batch.labels), batch.size)
            total += torch.stack(list(parts.values())).sum().item() * batch.size
            count += batch.size
    return total / count
