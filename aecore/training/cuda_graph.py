"""A training step captured once as a CUDA graph, then replayed.

On a GPU, a small network's step is a hundred kernels of a few microseconds each, and launching them from Python takes
longer than running them. A replay launches all of them at once: the same kernels on the same memory, with new random
numbers each time.
"""

from collections import Counter
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam

from aecore.training.processes import Processes


class TrainingStep(Protocol):
    """A step on a batch; it returns the mean of each part of the loss."""

    def __call__(self, target: Tensor, *labels: Tensor, weight: float = 1.0) -> dict[str, Tensor]: ...


def check_cuda_graph(cuda_graph: bool | None, device: torch.device, processes: Processes) -> None:
    if cuda_graph is not None and not isinstance(cuda_graph, bool):
        raise TypeError(f"cuda_graph must be True, False or None, got {type(cuda_graph).__name__}")
    if cuda_graph and (device.type != "cuda" or processes.distributed):
        raise ValueError(
            "cuda_graph must be False or None except for one process on a GPU, "
            f"got True for {processes.count} on {device}"
        )


class Captured(NamedTuple):
    """A graph, the memory from which it reads a batch, and that where it leaves the parts of the loss."""

    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    parts: dict[str, Tensor]


class CapturedStep:
    """A step that runs as a graph, one for each shape of batch: the last batch of an epoch may be smaller.

    The first `warm_up` steps of a shape run eagerly, while libraries initialize and Adam allocates its state. The next
    one is captured, and all further ones replay it. If a capture fails and is not `required`, they stay eager.
    """

    def __init__(self, step: TrainingStep, required: bool = True, warm_up: int = 3) -> None:
        self.step, self.required, self.warm_up = step, required, warm_up
        self.steps_taken: Counter[tuple[torch.Size, ...]] = Counter()
        self.captured: dict[tuple[torch.Size, ...], Captured | None] = {}

    def __call__(self, target: Tensor, *labels: Tensor, weight: float = 1.0) -> dict[str, Tensor]:
        batch = (target, *labels)
        shapes = tuple(tensor.shape for tensor in batch)
        self.steps_taken[shapes] += 1
        if self.steps_taken[shapes] <= self.warm_up:
            return self._warm_up(batch)
        if shapes not in self.captured:
            self.captured[shapes] = self._capture(batch)
        captured = self.captured[shapes]
        if captured is None:
            return self.step(*batch)
        for static, tensor in zip(captured.inputs, batch, strict=True):
            static.copy_(tensor)
        captured.graph.replay()
        return captured.parts

    def _warm_up(self, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """An eager step on a side stream: memory allocated on the main one could not be captured."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            parts = self.step(*batch)
        torch.cuda.current_stream().wait_stream(stream)
        return parts

    def _capture(self, batch: tuple[Tensor, ...]) -> Captured | None:
        inputs, graph = tuple(tensor.clone() for tensor in batch), torch.cuda.CUDAGraph()
        generator = torch.cuda.default_generators[batch[0].device.index]
        before = generator.clone_state()
        try:
            with torch.cuda.graph(graph):
                parts = self.step(*inputs)
        except RuntimeError as error:
            generator.graphsafe_set_state(before)  # after a failed capture it would draw nothing more
            if not self.required:
                return None
            raise ValueError(
                "cuda_graph must be False for a loss or corruption that reads numbers from the GPU (.item(), if) or "
                f"draws them elsewhere; got True, and: {error}"
            ) from error
        return Captured(graph, inputs, parts)


PIECE = 2**13  # the fastest of 2¹¹ to 2¹⁶ on an H200, by a small margin


class AdamInPieces:
    """`optimizer.step()` on the same state, with every weight updated in pieces of 8,192 numbers.

    Torch's fused kernel gives each block of threads 65,536 numbers, so the weights of a small network keep few of a
    GPU's processors busy. In pieces, more blocks share the work: on an H200, a step of 784-400-20-400-784 took 238 µs
    instead of 277 µs. Launching the many pieces from Python would cost more; in a captured graph it costs nothing.
    """

    def __init__(self, optimizer: torch.optim.Adam) -> None:
        self.optimizer = optimizer
        self.state: list[list[Tensor]] | None = None  # Adam allocates it in its first step
        group = optimizer.param_groups[0]
        names = ("fused", "capturable", "weight_decay", "eps", "maximize", "amsgrad")
        self.settings = {name: group[name] for name in names}
        self.settings["beta1"], self.settings["beta2"] = group["betas"]

    def __call__(self) -> None:
        group = self.optimizer.param_groups[0]
        gradients = [weight.grad for weight in group["params"] if weight.grad is not None]
        every_weight_has_one = len(gradients) == len(group["params"])
        if self.state is None or not every_weight_has_one:
            self.optimizer.step()
            self.state = self._state_in_pieces() if every_weight_has_one else None
            return
        with torch.no_grad():
            weights, gradients = self._pieces(group["params"]), self._pieces(gradients)
            adam(weights, gradients, *self.state, lr=group["lr"], **self.settings)  # type: ignore[arg-type]

    def _state_in_pieces(self) -> list[list[Tensor]]:
        weights = self.optimizer.param_groups[0]["params"]
        states = [self.optimizer.state[weight] for weight in weights]
        means, squares = ([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq"))
        # Every piece counts its own steps. The first piece of a weight uses the optimizer's counter, which is saved.
        steps = []
        for weight, state in zip(weights, states, strict=True):
            steps += [state["step"], *(state["step"].clone() for _ in split(weight, weight)[1:])]
        return [self._pieces(means), self._pieces(squares), [], steps]

    def _pieces(self, tensors: list[Tensor]) -> list[Tensor]:
        weights = self.optimizer.param_groups[0]["params"]
        return [piece for tensor, weight in zip(tensors, weights, strict=True) for piece in split(tensor, weight)]


def split(tensor: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """A weight's gradient or state in pieces, as views; whole if the weight is not contiguous."""
    return tensor.detach().reshape(-1).split(PIECE) if weight.is_contiguous() else (tensor,)
