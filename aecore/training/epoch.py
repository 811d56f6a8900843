"""One epoch of training: a step for each batch, and a look at what came out."""

import math
from collections.abc import Iterable, Iterator

import torch
import torch.nn as nn
from torch import Tensor
from tqdm import tqdm

from aecore.training.batches import Batch
from aecore.training.cuda_graph import TrainingStep
from aecore.training.processes import Processes
from aecore.training.progress import show
from aecore.training.schedules import set_rate


def train_epoch(
    step: TrainingStep,
    batches: Iterable[Batch],
    optimizer: torch.optim.Optimizer,
    rates: list[float],
    weights: "FiniteWeights",
    bar: tqdm,
    processes: Processes,
) -> dict[str, float]:
    """Train on each batch once; returns the mean over all images of each part of the loss."""
    totals: dict[str, Tensor] = {}
    images = 0
    for batch, rate in zip(batches, rates, strict=True):
        set_rate(optimizer, rate)
        parts = step(batch.images, *batch.labels, weight=batch.weight)
        share = batch.weight * batch.size / processes.count  # of the whole batch, over all processes
        for name, part in parts.items():
            totals[name] = totals[name].add_(part, alpha=share) if name in totals else part * share
        images += batch.size
        show(bar, parts, batch.size)
    # Read once, at the end: every number that is read makes a GPU wait.
    lost, *sums = processes.sum(torch.stack([weights.lost(), *totals.values()])).tolist()
    means = {name: total / images for name, total in zip(totals, sums, strict=True)}
    if lost and math.isfinite(sum(means.values())):
        raise FloatingPointError(
            f"an update of this epoch left weights that are not finite: {weights.names_of_lost()}; "
            "a smaller lr usually helps"
        )
    return means


class FiniteWeights:
    """The weights and buffers of a model that are finite before training, and must be after every epoch.

    What is not finite then is so on purpose, as the buffer of an attention mask is, and does not count.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        floats = [name for name, value in self._tensors() if value.is_floating_point() or value.is_complex()]
        finite = torch.stack([value.isfinite().all() for name, value in self._tensors() if name in floats])
        self.names = {name for name, kept in zip(floats, finite.tolist(), strict=True) if kept}
        self.zero = torch.zeros((), device=finite.device)

    def lost(self) -> Tensor:
        """How many of them are not finite now, as a scalar on the device."""
        finite = [value.isfinite().all() for name, value in self._tensors() if name in self.names]
        return torch.stack(finite).logical_not().sum() if finite else self.zero

    def names_of_lost(self) -> str:
        return ", ".join(
            name for name, value in self._tensors() if name in self.names and not bool(value.isfinite().all())
        )

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Looked up anew each time, since a module may replace a buffer."""
        for name, value in (*self.model.named_parameters(), *self.model.named_buffers()):
            yield name, value.detach()
