"""The page's seeded random numbers, in Python: what a figure samples there, its still picture samples here."""

from __future__ import annotations

import numpy as np

__all__ = ["normals", "uniforms"]


def uniforms(seed: int, n: int) -> np.ndarray:
    """The first `n` numbers of `ae.rng(seed).uniform()` in the page: mulberry32.

    Args:
        seed: from 0 to 2**32 - 1.
        n: at least 0.

    Returns:
        Independent draws from the uniform distribution on [0, 1) as float64, shape (n,).

    Example:
        >>> uniforms(7, 3).round(3).tolist()
        [0.012, 0.062, 0.977]
    """
    state = (np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5) + np.uint64(seed)).astype(np.uint32)
    t = (state ^ (state >> 15)) * (state | 1)
    t = (t + (t ^ (t >> 7)) * (t | 61)) ^ t
    return (t ^ (t >> 14)) / 2.0**32


def normals(seed: int, n: int) -> np.ndarray:
    """The first `n` numbers of `ae.rng(seed).normal()` in the page: mulberry32, then Box and Muller.

    Args:
        seed: from 0 to 2**32 - 1.
        n: at least 0.

    Returns:
        Independent draws from N(0, 1) as float64, shape (n,).

    Example:
        >>> normals(7, 3).round(3).tolist()
        [0.142, 0.058, -0.864]
    """
    first, second = uniforms(seed, n + n % 2).reshape(-1, 2).T
    radius, angle = np.sqrt(-2 * np.log(1 - first)), 2 * np.pi * second
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:n]
