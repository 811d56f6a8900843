"""Checks of arguments: every public function names the argument it refuses, what it takes and what it got.

Checking *values* (finite? in range?) costs a pass over the data, and a GPU has to be waited for. A loop that has
checked its data once runs inside `value_checks(False)`, where shapes and dtypes are still checked but values are not.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from numbers import Integral, Real
from typing import TypedDict

import torch
from torch import Tensor

_checks_values: ContextVar[bool] = ContextVar("checks_values", default=True)
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


class Bounds(TypedDict, total=False):
    """The range of a tensor's values, as `tensor` takes it."""

    low: float
    high: float


def value_checks(enabled: bool) -> AbstractContextManager[None]:
    """Switch the checks of tensor values (finite, in range) off or on inside a `with` block.

    Shapes and dtypes are checked in any case. Checking values costs a pass over the data, and on a GPU a wait for it:
    a loop that has checked its data once can do without. `fit` does so by itself. Values are never checked where they
    cannot be read: under the transforms of `torch.func`, and while `torch.compile` traces.

    Args:
        enabled: False: values are not checked inside the block. True: they are.

    Returns:
        A context manager; what held before the block holds after it.

    Raises:
        TypeError: if `enabled` is neither True nor False.

    Example:
        >>> import aecore as ae, torch
        >>> with ae.value_checks(False):
        ...     ae.squared_error(torch.full((1, 2), torch.nan), torch.zeros(1, 2))
        tensor([nan])
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be True or False, got {type(enabled).__name__}")
    return _value_checks(enabled)


@contextmanager
def _value_checks(enabled: bool) -> Iterator[None]:
    token = _checks_values.set(enabled)
    try:
        yield
    finally:
        _checks_values.reset(token)


def checks_values() -> bool:
    """Whether values are to be checked, and can be read."""
    return not traced() and _checks_values.get()


def traced() -> bool:
    """Whether operations are transformed (`torch.func`) or compiled: tensors then have no values to read."""
    return torch.compiler.is_compiling() or bool(torch._C._are_functorch_transforms_active())


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
    value = _dense(name, value)
    if value.dtype not in _FLOATS:
        how = "images with .float() / 255" if value.dtype == torch.uint8 else "with .float()"
        raise TypeError(f"{name} must be floating-point, got {value.dtype}; convert {how}")
    if ndim is not None and value.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimensions, got shape {tuple(value.shape)}")
    if value.ndim < min_ndim:
        raise ValueError(f"{name} must have at least {min_ndim} dimensions, got shape {tuple(value.shape)}")
    if value.numel() == 0:
        raise ValueError(f"{name} must not be empty, got shape {tuple(value.shape)}")
    if checks_values():
        _values(name, value.detach(), low, high, finite)
    return value


def _dense(name: str, value: object) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(value).__name__}")
    if value.layout != torch.strided or value.is_meta:
        raise TypeError(f"{name} must be a dense tensor with values, got {value.layout} on {value.device}")
    return value


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
    value = _dense(name, value)
    if value.dtype not in _INTEGERS:
        raise TypeError(f"{name} must be an integer tensor, got {value.dtype}; convert with .long()")
    if tuple(value.shape) != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {tuple(value.shape)}")
    return value


def shape(name: str, value: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(value.shape) != expected:
        raise ValueError(f"{name} must have shape {expected}, got {tuple(value.shape)}")


def same_shape(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    if value.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {tuple(other.shape)}, got {tuple(value.shape)}")
    same_device(name, value, other_name, other)


def same_device(name: str, value: Tensor, other_name: str, other: Tensor) -> None:
    if value.device != other.device:
        raise ValueError(f"{name} must be on the device of {other_name}, {other.device}, got {value.device}")


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
    value = int(value)
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    if value >= 2**63:
        raise ValueError(f"{name} must be below 2 ** 63, got {value}")
    return value


def counts(name: str, values: object) -> tuple[int, ...]:
    """Return `values` as a tuple of positive integers, at least one, else raise."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"{name} must be a sequence of integers, got {type(values).__name__}")
    integers = tuple(count(name, value) for value in values)
    if not integers:
        raise ValueError(f"{name} must hold at least one integer, got none")
    return integers


def byte_strings(name: str, values: object) -> list[bytes]:
    """Return `values` as a list of bytes, at least one, else raise."""
    if not isinstance(values, list | tuple):
        raise TypeError(f"{name} must be a list of bytes, got {type(values).__name__}")
    if not values:
        raise ValueError(f"{name} must hold at least one, got none")
    for value in values:
        if not isinstance(value, bytes):
            raise TypeError(f"{name} must hold bytes, got {type(value).__name__}")
    return list(values)


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
        present = torch.empty(0, device=value).device  # "cuda" becomes "cuda:0", as tensors report it
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device must be present on this machine, got {str(value)!r} ({error})") from error
    if present.type == "meta":
        raise ValueError("device must hold values, got 'meta'")
    return present
