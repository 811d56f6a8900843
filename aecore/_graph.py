"""A training step recorded once as a CUDA graph, then replayed.

On a GPU, a small network's step is a hundred kernels of a few microseconds each, and starting them from Python takes
longer than running them. A replay starts all of them at once. What is recorded is what runs: the same kernels on the
same memory, with new random numbers each time.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Step = Callable[[Tensor], dict[str, Tensor]]


class Recorded(NamedTuple):
    """A graph, the memory it reads a batch from, and that where it leaves the parts of the loss."""

    graph: torch.cuda.CUDAGraph
    target: Tensor
    parts: dict[str, Tensor]


class Replayed:
    """`step(target)`, which trains on a batch, as a graph: one for each size of batch, the last of an epoch may differ.

    The first steps of a size run as they are: libraries then set themselves up, and Adam makes its state. The next one
    is recorded. Where that fails and nobody `asked` for it, all go on as they are.
    """

    def __init__(self, step: Step, asked: bool = True, warm_up: int = 3) -> None:
        self.step, self.asked, self.warm_up = step, asked, warm_up
        self.seen: Counter[int] = Counter()
        self.recorded: dict[int, Recorded | None] = {}

    def __call__(self, target: Tensor) -> dict[str, Tensor]:
        size = len(target)
        self.seen[size] += 1
        if self.seen[size] <= self.warm_up:
            return self._beside(target)
        if size not in self.recorded:
            self.recorded[size] = self._record(target)
        if self.recorded[size] is None:
            return self.step(target)
        graph, own_target, parts = self.recorded[size]
        own_target.copy_(target)
        graph.replay()
        return parts

    def _beside(self, target: Tensor) -> dict[str, Tensor]:
        """Not on the main stream: what is set up there could not be recorded."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            parts = self.step(target)
        torch.cuda.current_stream().wait_stream(stream)
        return parts

    def _record(self, target: Tensor) -> Recorded | None:
        own_target, graph = target.clone(), torch.cuda.CUDAGraph()
        generator = torch.cuda.default_generators[target.device.index]
        before = generator.clone_state()
        try:
            with torch.cuda.graph(graph):
                parts = self.step(own_target)
        except RuntimeError as error:
            generator.graphsafe_set_state(before)  # or it would go on as if recorded, and draw nothing more
            if not self.asked:
                return None
            raise ValueError(
                "cuda_graph must be False for a loss or corruption that reads numbers from the GPU (.item(), if) or "
                f"draws them elsewhere; got True, and: {error}"
            ) from error
        return Recorded(graph, own_target, parts)
