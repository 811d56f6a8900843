"""Training in several processes, as `torchrun` starts them: each takes its share of every batch.

    torchrun --nproc-per-node 2 script.py

The script is the one that runs in a single process. All processes see the same batches, in an order that the first
one draws; noise each draws for itself. Alone, everything here does nothing.
"""

import atexit

import torch
import torch.distributed as dist
import torch.nn as nn
from torch import Tensor


class Processes:
    """The processes that train one model together; this one is number `rank` of `count`."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.count = 0, 1
        if not dist.is_available():
            return
        if not dist.is_initialized() and dist.is_torchelastic_launched():
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
            atexit.register(_leave)
        if dist.is_initialized():
            self.rank, self.count = dist.get_rank(), dist.get_world_size()

    @property
    def together(self) -> bool:
        return self.count > 1

    def parallel(self, objective: nn.Module, device: torch.device) -> nn.Module:
        """The same module; its gradients, weights and batch statistics are then those of all processes."""
        if not self.together:
            return objective
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(objective, device_ids=devices)

    def own(self, seed: int) -> int:
        """Another seed for each process: the same noise in all of them would be half the noise."""
        # Far from the seeds that a person would choose next, in the 32 bits that torch's generator for the CPU reads.
        return (seed + self.rank * 2_654_435_761) % 2**63

    def agree(self, **settings: object) -> None:
        """Raise if the processes were called differently: they would wait for each other for ever."""
        for rank, other in enumerate(self.gather(settings)):
            differ = [name for name in settings if settings[name] != other[name]]
            if differ:
                told = ", ".join(f"{name} {settings[name]!r} here, {other[name]!r} there" for name in differ)
                raise ValueError(
                    f"fit must get the same arguments in every process, got in {self.rank} and {rank}: {told}"
                )

    def first(self, value: Tensor) -> Tensor:
        """What the first process has."""
        if self.together:
            dist.broadcast(value, src=0)
        return value

    def share(self, indices: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch, and how much its mean counts among the means, 1 if the parts are equal."""
        if not self.together:
            return indices, 1.0
        mine = indices.tensor_split(self.count)[self.rank]
        # A batch smaller than the number of processes leaves some without an image: they take part, and count nothing.
        return (mine if len(mine) else indices[:1]), len(mine) * self.count / len(indices)

    def sum(self, value: Tensor) -> Tensor:
        if self.together:
            dist.all_reduce(value)
        return value

    def gather(self, value: object) -> list:
        """The values of all processes, in their order; also a place where they wait for each other."""
        values: list = [value]
        if self.together:
            values = [None] * self.count
            dist.all_gather_object(values, value)
        return values


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
