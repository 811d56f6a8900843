"""Which images and labels a run takes; everything that can be refused before the first batch is."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from aecore import _check

_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_images(images: Tensor, scale: float | None, bounds: _check.Bounds) -> None:
    """Refuse images that are not finite numbers within the bounds of `images / scale`."""
    unit = 1.0 if scale is None else scale
    low, high = (None if bound is None else bound * unit for bound in (bounds.get("low"), bounds.get("high")))
    if scale is None and images.dtype in _INTEGERS:
        raise TypeError(
            f"images must be floating-point, got {images.dtype}; give scale=255, or divide: images / 255, if that is "
            "their range"
        )
    if scale is None or images.is_floating_point():
        _check.tensor("images", images, min_ndim=2, low=low, high=high)
        return
    if images.is_complex() or images.dtype == torch.bool:
        raise TypeError(f"images must be integers or floating-point, got {images.dtype}")
    with _check.value_checks(False):
        _check.tensor("images", images[:1].float(), min_ndim=2)
    # Integers are finite, so their extremes tell everything. Torch has none of uint16.
    extremes = torch.stack(torch.aminmax(images if images.dtype in _INTEGERS else images.float())).float()
    _check.tensor("images", extremes, low=low, high=high)


def check_array(images: np.ndarray[Any, Any], scale: float | None) -> None:
    kind, size = images.dtype.kind, images.dtype.itemsize
    if kind not in "fiu" or size > 8 or (scale is None and kind != "f"):
        raise TypeError(f"images must be floating-point, or integers with scale=, such as 255, got {images.dtype}")
    if images.ndim < 2 or not images.size:
        raise ValueError(f"images must have at least 2 dimensions and not be empty, got shape {images.shape}")


def check_dataset(images: Dataset[Any]) -> None:
    if isinstance(images, IterableDataset) or not hasattr(images, "__len__"):
        raise TypeError(
            "images must be a Dataset with a length and an index, which fit can shuffle, or a DataLoader of known "
            f"length, got {type(images).__name__}"
        )
    if not len(images):
        raise ValueError("images must not be empty, got a Dataset of length 0")


def check_labels(labels: Tensor | bool | None) -> Tensor | None:
    if labels is None or labels is False:
        return None
    if not isinstance(labels, Tensor):
        raise TypeError(f"labels must be a torch.Tensor or None for images in memory, got {type(labels).__name__}")
    if labels.layout != torch.strided or labels.is_meta or not labels.ndim:
        raise ValueError(f"labels must be a dense tensor of shape (n, ...), got shape {tuple(labels.shape)}")
    return labels.detach()


def check_labels_of_dataset(labels: Tensor | bool | None) -> None:
    if labels is not None and not isinstance(labels, bool):
        raise TypeError(
            f"labels must be True or None for a Dataset or DataLoader, which gives them, got {type(labels).__name__}"
        )
