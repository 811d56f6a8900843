"""Data that all figures share, sent once and only when a figure asks: the digits that it trains on."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache

import numpy as np

__all__ = ["ASSETS", "TEST", "TRAIN", "digits"]

TRAIN, TEST = 5000, 1000  # digits; a megabyte


@cache
def digits() -> bytes:
    """The first 5,000 training and 1,000 test digits of MNIST, compressed (zlib): about a megabyte.

    Inside: both counts (uint32), the pixels (uint8, 784 an image), the labels (uint8), little-endian.

    Example:
        >>> raw = zlib.decompress(digits())
        >>> np.frombuffer(raw, "<u4", 2).tolist(), len(raw)
        ([5000, 1000], 4710008)
    """
    import aecore as ae

    parts = [(ae.mnist("train"), TRAIN), (ae.mnist("test"), TEST)]
    pixels = [(images[:n] * 255).round().byte().numpy().tobytes() for (images, _), n in parts]
    labels = [labels[:n].byte().numpy().tobytes() for (_, labels), n in parts]
    counts = np.array([TRAIN, TEST], "<u4").tobytes()
    return zlib.compress(b"".join([counts, *pixels, *labels]), 9)


ASSETS: dict[str, Callable[[], bytes]] = {"digits": digits}
