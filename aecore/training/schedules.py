"""Learning rates as functions of progress, which runs from 0 at the first step to 1 at the last."""

import math
from collections.abc import Callable

import torch
from torch import Tensor


def one_cycle(progress: float) -> float:
    """The fraction of the maximal rate: from 1/25 up to 1 and down to 1/250,000, along cosines."""
    start, peak, end = 1 / 25, 0.3, 1 / 250_000
    if progress < peak:
        return 1 + (start - 1) * (1 + math.cos(math.pi * progress / peak)) / 2
    return end + (1 - end) * (1 + math.cos(math.pi * (progress - peak) / (1 - peak))) / 2


# Functions of progress alone: a schedule has no state that a checkpoint could miss.
SCHEDULES: dict[str, Callable[[float], float]] = {"constant": lambda progress: 1.0, "one_cycle": one_cycle}


def rates_of_epoch(schedule: str, lr: float, epoch: int, epochs: int, steps: int) -> list[float]:
    """The learning rate of each step of an epoch; the last step of the last epoch has progress 1."""
    done, last = (epoch - 1) * steps, max(1, epochs * steps - 1)
    return [lr * SCHEDULES[schedule]((done + step) / last) for step in range(steps)]


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):  # a captured graph reads it from memory
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
