"""Checks at the border: every public function names the argument it refuses, what it got and what it takes.

Looking at *values* (finite? in range?) costs a pass over the data, and on a GPU a wait for it. A loop that
has checked its data once runs inside `trusted()`, where shapes and dtypes are still checked but values are not.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Integral, Real

import torch
from torch import Tensor

_trusted: ContextVar[bool] = ContextVar("trusted", default=False)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


@contextmanager
def trusted() -> Iterator[None]:
    """Skip the checks of tensor values (not of shapes and dtypes) inside this block."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def looking() -> bool:
    """Whether values are looked at, which makes a GPU wait and cannot be recorded."""
    return not _trusted.get()


def tensor(
    name: str,
    value: object,
    *,
    ndim: int | None = None,
    min_ndim: int = 0,
    low: float | None = None,
    high: float | None = None,
    finite: bool = True,
) -> Tensor:
    """Return `value` if it is a non-empty floating-point tensor in [low, high], else raise."""
    _dense(name, value)
    if value.dtype not in _FLOATS:
        raise TypeError(f"{name} must be floating-point, got {value.dtype}; convert with .float()")
    if ndim is not None and value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {tuple(value.shape)}")
    if value.ndim < min_ndim:
        raise ValueError(f"{name} must have at least {min_ndim} dimensions, got shape {tuple(value.shape)}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    if looking():
        _values(name, value.detach(), low, high, finite)
    return value


def _dense(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.layout != torch.strided or value.is_meta:
        raise TypeError(f"{name} must be a dense tensor with values, got {value.layout} on {value.device}")


def _values(name: str, value: Tensor, low: float | None, high: float | None, finite: bool) -> None:
    smallest, largest = (bound.item() for bound in torch.aminmax(value))
    if math.isnan(smallest):
        raise ValueError(f"{name} must hold numbers, got nan")
    if finite and not (math.isfinite(smallest) and math.isfinite(largest)):
        raise ValueError(f"{name} must be finite, got values from {smallest} to {largest}")
    if low is not None and smallest < low:
        raise ValueError(f"{name} must be at least {low}, got {smallest}")
    if high is not None and largest > high:
        raise ValueError(f"{name} must be at most {high}, got {largest}")


def labels(name: str, value: object, length: int) -> Tensor:
    """Return `value` if it is an integer tensor of shape (length,), else raise."""
    _dense(name, value)
    if value.dtype not in _INTEGERS:
        raise TypeError(f"{name} must be an integer tensor, got {value.dtype}; convert with .long()")
    if tuple(value.shape) != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {tuple(value.shape)}")
    return value


def same_shape(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    if value.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {tuple(other.shape)}, got {tuple(value.shape)}")
    same_device(name, value, other_name, other)


def same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    if value.device != other.device:
        raise ValueError(f"{name} must be on the device of {other_name}, {other.device}, got {value.device}")


def same_dtype(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    """For linear algebra, which does not promote dtypes as elementwise arithmetic does."""
    if value.dtype != other.dtype:
        raise TypeError(f"{name} must have the dtype of {other_name}, {other.dtype}, got {value.dtype}")


def broadcastable(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    try:
        torch.broadcast_shapes(value.shape, other.shape)
    except RuntimeError:
        raise ValueError(
            f"{name} must broadcast with {other_name}, {tuple(other.shape)}, got {tuple(value.shape)}"
        ) from None
    same_device(name, value, other_name, other)


def number(
    name: str,
    value: object,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """Return `value` as a float if it is a finite real number between low and high, else raise."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be finite, got a number beyond the range of a float") from None
    too_low = value <= low if open_low else value < low
    too_high = value >= high if open_high else value > high
    if not math.isfinite(value) or too_low or too_high:
        interval = f"{'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"
        raise ValueError(f"{name} must be a finite number in {interval}, got {value}")
    return value


def count(name: str, value: object, *, low: int = 1) -> int:
    """Return `value` as an int if it is an integer from `low` to 2 ** 63 - 1, else raise."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    if value >= 2**63:
        raise ValueError(f"{name} must be below 2 ** 63, got {value}")
    return int(value)


def counts(name: str, values: object) -> tuple[int, ...]:
    """Return `values` as a tuple of positive integers, at least one, else raise."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a sequence of integers, got {type(values).__name__}")
    found = tuple(count(name, value) for value in values)
    if not found:
        raise ValueError(f"{name} must hold at least one integer, got none")
    return found


def choice(name: str, value: object, options: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {', '.join(map(repr, options))}, got {type(value).__name__}")
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")
    return value


def generator(value: object) -> torch.Generator | None:
    if value is not None and not isinstance(value, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {type(value).__name__}")
    return value


def device(value: object) -> torch.device:
    """Return `value` as a device of this machine, else raise."""
    if not isinstance(value, str | torch.device):
        raise TypeError(f"device must be a torch.device or its name, got {type(value).__name__}")
    try:
        found = torch.empty(0, device=value).device  # "cuda" becomes "cuda:0", as tensors report it
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be present on this machine, got {str(value)!r} ({error})") from error
    if found.type == "meta":
        raise ValueError("device must hold values, got 'meta'")
    return found
