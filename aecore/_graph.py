"""A training step recorded once as a CUDA graph, then replayed.

On a GPU, a small network's step is a hundred kernels of a few microseconds each, and starting them from Python takes
longer than running them. A replay starts all of them at once. What is recorded is what runs: the same kernels on the
same memory, with new random numbers each time.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor], dict[str, Tensor]]


class Replayed:
    """`step(target)`, which trains on a batch, as a graph.

    The first steps run as they are: libraries then set themselves up, and Adam makes its state. The next one is
    recorded. A batch of another size, such as the last of an epoch, always runs as it is.
    """

    def __init__(self, step: Step, batch_size: int, warm_up: int = 3) -> None:
        self.step, self.batch_size, self.warm_up = step, batch_size, warm_up
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, target: Tensor) -> dict[str, Tensor]:
        if len(target) != self.batch_size:
            return self.step(target)
        if self.warm_up > 0:
            self.warm_up -= 1
            return self._beside(target)
        if self.graph is None:
            self._record(target)
        self.target.copy_(target)
        self.graph.replay()
        return self.parts

    def _beside(self, target: Tensor) -> dict[str, Tensor]:
        """Not on the main stream: what is set up there could not be recorded."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            parts = self.step(target)
        torch.cuda.current_stream().wait_stream(stream)
        return parts

    def _record(self, target: Tensor) -> None:
        self.target, graph = target.clone(), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.parts = self.step(self.target)
        except RuntimeError as error:
            raise ValueError(
                "cuda_graph must be False for a loss or corruption that reads numbers from the GPU (.item(), if) or "
                f"draws them elsewhere; got True, and: {error}"
            ) from error
        self.graph = graph
