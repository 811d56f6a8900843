"""The contrast of two colours, as the Web Content Accessibility Guidelines define it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

__all__ = ["contrast", "luminance"]

Colour = str | Sequence[float] | np.ndarray  # "#rrggbb", or red, green and blue from 0 to 255


def luminance(colour: Colour) -> float:
    """Relative luminance, from 0 (black) to 1 (white)."""
    channel = np.asarray(to_rgb(colour)) if isinstance(colour, str) else np.asarray(colour, dtype=float) / 255
    channel = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return float(channel @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: Colour, other: Colour) -> float:
    """From 1, the same, to 21, black on white."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)
