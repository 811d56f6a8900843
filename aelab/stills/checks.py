"""What the still pictures take: each function names the argument that it refuses, and returns it as NumPy arrays.

The arrays are copies: a picture is drawn later, when its tensors may have changed.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from aecore import _check

__all__ = ["edges", "images", "interval", "named", "numbers", "points"]


def named(name: str, value: object, what: str, *, least: int = 1) -> dict:
    """`value` as a dict if it maps at least so many texts to something."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping from names, each to a {what}, got {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise TypeError(f"{name} must have texts for names, got {key!r} of type {type(key).__name__}")
    if len(value) < least:
        raise ValueError(f"{name} must hold at least one {what}, got none")
    return dict(value)


def interval(name: str, value: object) -> tuple[float, float]:
    """The two ends of an axis as floats, low before high."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise TypeError(f"{name} must be a pair (low, high), got {value!r}")
    low, high = (_check.number(name, end) for end in value)
    if low >= high:
        raise ValueError(f"{name} must be (low, high) with low < high, got {value}")
    return low, high


def edges(side: tuple[float, float], count: int) -> tuple[float, float]:
    """Where the cells of `count` grid points begin and end: each point in the middle of its cell."""
    low, high = side
    half = (high - low) / (count - 1) / 2
    return low - half, high + half


def numbers(name: str, value: object) -> np.ndarray:
    """A sequence of at least one finite number, as float64, shape (n,)."""
    try:
        if isinstance(value, Tensor):
            array = (value.detach().double() if value.is_floating_point() else value).cpu().numpy()
        else:
            array = np.array([part.item() if isinstance(part, Tensor) else part for part in value])  # type: ignore[attr-defined]
    except (TypeError, ValueError, RuntimeError):
        array = np.array(None)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be a sequence of numbers, got {type(value).__name__}")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must be one sequence of at least one number, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers, got {array[~np.isfinite(array)][0]}")
    return array.astype(np.float64)


def images(name: str, value: object, low: float, high: float) -> np.ndarray:
    """Grey or colour images as float32, shape (n, channels, height, width), channels 1 or 3."""
    tensor = _check.tensor(name, value, ndim=4)
    shape = tuple(tensor.shape)
    if shape[1] not in (1, 3):
        wanted = f"{name} must have shape (n, 1, height, width) or (n, 3, height, width)"
        hint = "; put the channels first with .permute(0, 3, 1, 2)" if shape[3] in (1, 3) else ""
        raise ValueError(f"{wanted}, got {shape}{hint}")
    array = tensor.detach().float().cpu().numpy().copy()
    # Noisy images reach beyond both ends. Only beyond the upper one, and far: another scale, such as 0..255.
    if array.min() >= low and array.max() > low + 10 * (high - low):
        found = f"from {array.min():g} to {array.max():g}"
        raise ValueError(f"{name} must lie near [{low:g}, {high:g}], got values {found}; rescale it, or set `high`")
    return array


def points(name: str, value: object) -> np.ndarray:
    """Points of a plane as float64, shape (n, 2)."""
    tensor = _check.tensor(name, value, ndim=2)
    if tensor.shape[1] != 2:
        raise ValueError(f"{name} must have shape (n, 2), got {tuple(tensor.shape)}")
    return tensor.detach().double().cpu().numpy().copy()
