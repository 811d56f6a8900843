"""Random numbers: drawn on the generator's device, and seeded without changing the caller's random state."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from aecore import _check


def uniform_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Uniform numbers in [0, 1), drawn on the generator's device, with the shape, dtype and device of `x`."""
    source = _device_of(generator, x)
    return torch.rand(x.shape, generator=generator, device=source, dtype=x.dtype).to(x.device)


def normal(shape: Sequence[int], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, drawn on the generator's device, with the dtype and device of `like`."""
    source = _device_of(generator, like)
    return torch.randn(tuple(shape), generator=generator, device=source, dtype=like.dtype).to(like.device)


def _device_of(generator: torch.Generator | None, like: Tensor) -> torch.device:
    _check.generator(generator)
    return like.device if generator is None else generator.device


# torch has one random state for all threads of a process, so two seeded blocks at the same time would mix theirs.
# The lock is re-entrant: a seeded block inside another one, in the same thread, is safe.
_lock = threading.RLock()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global random state on the CPU and on `device`, and restore the caller's state after the block.

    Blocks may be nested. A block in a second thread is refused with a RuntimeError while the first one lasts.
    """
    if not _lock.acquire(blocking=False):
        raise RuntimeError(
            "torch's random state must belong to one seeded run at a time, got a second one in another thread; "
            "run them one after the other, or in processes"
        )
    try:
        before = get_state(device)
        try:
            # Not torch.manual_seed: it seeds every device, and only the state of this one is restored.
            torch.default_generator.manual_seed(seed)
            if device.type != "cpu":
                state = torch.Generator(device).manual_seed(seed).get_state()
                torch.get_device_module(device).set_rng_state(state, device)
            yield
        finally:
            set_state(before, device)
    finally:
        _lock.release()


def get_state(device: torch.device) -> dict[str, Tensor]:
    """The global random state of the CPU and, under the name of its type, of `device`."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state(device)
    return state


def set_state(state: dict[str, Tensor], device: torch.device) -> None:
    """The reverse of `get_state`; the state of another type of device is left alone."""
    torch.set_rng_state(state["cpu"])
    if device.type != "cpu" and device.type in state:
        torch.get_device_module(device).set_rng_state(state[device.type], device)
