"""Training in several processes, as `torchrun` starts them: data parallelism.

    torchrun --nproc-per-node 2 script.py

The script is the one that runs in a single process. All processes see the same batches, in an order that rank 0
draws; each trains on its shard of a batch, with noise of its own, and all gradients are averaged. In a single
process, every method here does nothing.

Whatever sets torch's `env://` variables (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`) starts such a run:
`torchrun` does, also under SLURM (`srun torchrun …`), and so does a launcher that exports the four itself. A bare
`srun --ntasks 2 python script.py` sets none of them: its tasks are then independent runs, which must not write
one checkpoint.
"""

import atexit
import os
from typing import Any

import torch
import torch.distributed as dist
import torch.nn as nn
from torch import Tensor

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def started_by_a_launcher() -> bool:
    """Whether torch's `env://` variables are set; an empty one counts as missing."""
    return all(os.environ.get(name) for name in _VARIABLES)


class Processes:
    """The processes that train one model together; this one has number `rank` of `count`."""

    def __init__(self, device: torch.device) -> None:
        self.rank, self.count = 0, 1
        if not dist.is_available():
            return
        if not dist.is_initialized() and started_by_a_launcher():
            dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
            atexit.register(_destroy_process_group)
        if dist.is_initialized():
            self.rank, self.count = dist.get_rank(), dist.get_world_size()

    @property
    def distributed(self) -> bool:
        """Whether there is more than one."""
        return self.count > 1

    def data_parallel(self, objective: nn.Module, device: torch.device) -> nn.Module:
        """The objective, whose gradients are then averaged over the processes; its buffers are those of rank 0."""
        if not self.distributed:
            return objective
        devices = [device] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(objective, device_ids=devices)

    def seed_of_rank(self, seed: int) -> int:
        """A seed for each process: the same noise in all of them would leave half the noise."""
        # The ranks' seeds are far apart, so none is one that a person would choose for the next run. They differ in
        # the low 32 bits, the only ones that torch's CPU generator reads.
        return (seed + self.rank * 2_654_435_761) % 2**63

    def check_same_arguments(self, **arguments: object) -> None:
        """Raise ValueError if the processes were called differently: they would wait for each other for ever."""
        for rank, other in enumerate(self.gather(arguments)):
            different = [name for name in arguments if arguments[name] != other[name]]
            if different:
                values = ", ".join(f"{name} {arguments[name]!r} here, {other[name]!r} there" for name in different)
                raise ValueError(
                    f"fit must get the same arguments in every process, got in {self.rank} and {rank}: {values}"
                )

    def broadcast(self, value: Tensor) -> Tensor:
        """The value of rank 0, in every process."""
        if self.distributed:
            dist.broadcast(value, src=0)
        return value

    def shard(self, indices: Tensor) -> tuple[Tensor, float]:
        """This rank's shard of a batch, shape (n,), and the weight of its mean in the mean over ranks.

        The weight is 1 if all shards are of one size.
        """
        if not self.distributed:
            return indices, 1.0
        mine = indices.tensor_split(self.count)[self.rank]
        # A batch smaller than the number of processes leaves some without an image. They must take part in the
        # averaging all the same: with one image, at weight 0.
        return (mine if len(mine) else indices[:1]), len(mine) * self.count / len(indices)

    def sum(self, value: Tensor) -> Tensor:
        """The sum over the processes, in every process."""
        if self.distributed:
            dist.all_reduce(value)
        return value

    def gather(self, value: object) -> list[Any]:
        """The values of all processes by rank, in every process; also a barrier."""
        values: list[Any] = [value]
        if self.distributed:
            values = [None] * self.count
            dist.all_gather_object(values, value)
        return values


def _destroy_process_group() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
