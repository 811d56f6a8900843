"""Where the batches of a run come from: a tensor, an array, a `Dataset` or a `DataLoader`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

from aecore import _check
from aecore.training.identity import fingerprint
from aecore.training.inputs import check_array, check_dataset, check_images, check_labels, check_labels_of_dataset
from aecore.training.processes import Processes

Images = Tensor | np.ndarray[Any, Any] | Dataset[Any] | DataLoader[Any]
Index = Tensor | slice
Rows = tuple[Tensor, tuple[Tensor, ...]]  # images, and their labels or nothing


class Batch(NamedTuple):
    """What a step gets; of several processes, each gets a shard of the batch."""

    images: Tensor
    labels: tuple[Tensor, ...]  # one tensor, or none
    size: int  # images of the batch, over all processes
    weight: float  # of the shard's mean in the mean over processes


class Batches(ABC):
    """The images of a run, in batches.

    Attributes:
        images: how many an epoch has.
        steps: how many batches an epoch has.
    """

    images: int
    steps: int

    def __init__(self, scale: float | None, bounds: _check.Bounds, labelled: bool, dtype: torch.dtype) -> None:
        self.scale, self.bounds, self.labelled, self.dtype = scale, bounds, labelled, dtype
        self.device = torch.device("cpu")
        self.checked = False  # images in memory are checked once, others batch by batch

    @abstractmethod
    def shuffled(self, processes: Processes) -> Iterator[Batch]:
        """An epoch of training."""

    @abstractmethod
    def in_order(self) -> Iterator[Batch]:
        """Every image once, for an evaluation."""

    @abstractmethod
    def settings(self) -> dict[str, int]:
        """The numbers that decide the batches."""

    @abstractmethod
    def identity(self) -> str:
        """What a checkpoint knows of the images."""

    @abstractmethod
    def check_run(self, processes: Processes, resumable: bool) -> None:
        """Refuse images that a run in several processes, or one with a checkpoint, cannot have."""

    def to(self, device: torch.device) -> None:
        self.device = device

    @abstractmethod
    def merge_small_batch(self, smallest: int) -> None:
        """Merge the last batch of an epoch into the one before it, if it has fewer images than `smallest`."""

    def _on_device(self, rows: Rows) -> Rows:
        images, labels = rows
        if not self.checked:
            check_images(images, self.scale, self.bounds)
        images = images.detach().to(self.device)
        if self.scale is not None:
            images = images.to(self.dtype) / self.scale
        return images, tuple(label.to(self.device) for label in labels)

    def _of_item(self, item: object) -> Rows:
        """What a Dataset or a DataLoader gave: images, or a tuple that begins with images and labels."""
        parts = item if isinstance(item, list | tuple) else (item,)
        if len(parts) <= self.labelled:
            raise ValueError("images must come with labels for labels=True, got a batch of images alone")
        if not all(isinstance(part, Tensor) for part in parts[: 1 + self.labelled]):
            kinds = ", ".join(type(part).__name__ for part in parts)
            raise TypeError(f"images must come as tensors, or as tuples of images and labels, got {kinds}")
        return parts[0], tuple(parts[1:2] if self.labelled else ())


class Indexed(Batches):
    """Images that are read by index: the batches are ours, in an order that the seed decides."""

    def __init__(
        self,
        images: Tensor | np.ndarray[Any, Any] | Dataset[Any],
        labels: Tensor | None,
        batch_size: int,
        **of_all: Any,
    ) -> None:
        super().__init__(**of_all)
        self.source, self.labels = images, labels
        if isinstance(images, Tensor):
            check_images(images, self.scale, self.bounds)
            self.checked = True
        self.images, self.batch_size = len(cast(Sequence[object], images)), batch_size
        self.merge_small_batch(1)

    def check_run(self, processes: Processes, resumable: bool) -> None:
        """None has to be refused."""

    def to(self, device: torch.device) -> None:
        super().to(device)
        if isinstance(self.source, Tensor):  # all of them, once: no step waits for a copy
            self.source = self.source.detach().to(device)
            self.labels = None if self.labels is None else self.labels.to(device)

    def merge_small_batch(self, smallest: int) -> None:
        self.sizes = batch_sizes(self.images, self.batch_size, smallest)
        self.steps = len(self.sizes)

    def shuffled(self, processes: Processes) -> Iterator[Batch]:
        device = self.device if isinstance(self.source, Tensor) else "cpu"
        order = processes.broadcast(torch.randperm(self.images, device=device))
        for indices in order.split_with_sizes(self.sizes):
            shard, weight = processes.shard(indices)
            images, labels = self._on_device(self._rows(shard))
            yield Batch(images, labels, len(indices), weight)

    def in_order(self) -> Iterator[Batch]:
        for start in range(0, self.images, self.batch_size):
            images, labels = self._on_device(self._rows(slice(start, min(start + self.batch_size, self.images))))
            yield Batch(images, labels, len(images), 1.0)

    def settings(self) -> dict[str, int]:
        return {"batch_size": self.batch_size}

    def identity(self) -> str:
        labels = "" if self.labels is None else f", labels {fingerprint(self.labels)}"
        return f"{_identity_of_source(self.source)}{labels}, scale {self.scale}"

    def _rows(self, index: Index) -> Rows:
        if isinstance(self.source, Dataset):
            indices = range(self.images)[index] if isinstance(index, slice) else index.tolist()
            return self._of_item(_items(self.source, indices))
        labels = () if self.labels is None else (_select(self.labels, index),)
        if isinstance(self.source, Tensor):
            return _select(self.source, index), labels
        rows = self.source[index if isinstance(index, slice) else index.numpy()]
        return as_tensor(rows), labels


class Loaded(Batches):
    """A `DataLoader`: batches, order and workers are the caller's."""

    def __init__(self, loader: DataLoader[Any], **of_all: Any) -> None:
        super().__init__(**of_all)
        self.loader = loader
        try:
            self.steps = len(loader)
        except TypeError as error:
            raise TypeError(
                "images must be a DataLoader of known length, got one of an IterableDataset without __len__"
            ) from error
        if not self.steps:
            raise ValueError("images must give at least one batch, got an empty DataLoader")
        try:
            self.images = len(cast(Sequence[object], loader.sampler))
        except TypeError:  # an IterableDataset has no sampler
            self.images = len(cast(Sequence[object], loader.dataset))

    def check_run(self, processes: Processes, resumable: bool) -> None:
        if processes.distributed:
            raise ValueError(
                f"images must be a tensor, an array or a Dataset in {processes.count} processes, got a DataLoader"
            )
        sampler = getattr(self.loader.batch_sampler, "sampler", self.loader.sampler)
        if resumable and (self.loader.generator or getattr(sampler, "generator", None)):
            raise ValueError(
                "images must be a DataLoader without a generator for a checkpoint, which cannot restore its state, "
                "got one with a generator; without, seed= decides the order"
            )

    def merge_small_batch(self, smallest: int) -> None:
        """The caller's batches stay as they are."""

    def shuffled(self, processes: Processes) -> Iterator[Batch]:
        return self.in_order()

    def in_order(self) -> Iterator[Batch]:
        given = 0
        for item in self.loader:
            given += 1
            if given > self.steps:
                break
            images, labels = self._on_device(self._of_item(item))
            yield Batch(images, labels, len(images), 1.0)
        if given != self.steps:
            got = "more" if given > self.steps else given
            raise ValueError(f"images must give as many batches as len() says, {self.steps}, got {got}")

    def settings(self) -> dict[str, int]:
        return {"steps": self.steps}

    def identity(self) -> str:
        sampler = type(self.loader.sampler).__name__
        return f"{_identity_of_source(self.loader.dataset)}, in the order of {sampler}, scale {self.scale}"


def batches_of(
    images: Images,
    labels: Tensor | bool | None,
    *,
    scale: float | None,
    batch_size: int | None,
    default_batch_size: int,
    bounds: _check.Bounds,
    model: nn.Module,
) -> Batches:
    """The images of a run, after a check of everything that can be checked before the first batch.

    `bounds` limit the values of `images / scale`.
    """
    scale = None if scale is None else _check.number("scale", scale, low=0, open_low=True)
    of_all = {"scale": scale, "bounds": bounds, "labelled": labels is True, "dtype": _dtype(model)}
    if isinstance(images, DataLoader):
        if batch_size is not None:
            raise ValueError(f"batch_size must be None for a DataLoader, which has its own, got {batch_size}")
        check_labels_of_dataset(labels)
        return Loaded(images, **of_all)
    batch_size = _check.count("batch_size", default_batch_size if batch_size is None else batch_size)
    if isinstance(images, Dataset):
        check_dataset(images)
        check_labels_of_dataset(labels)
        return Indexed(images, None, batch_size, **of_all)
    if isinstance(images, np.ndarray):
        check_array(images, scale)
    elif not isinstance(images, Tensor):
        raise TypeError(
            f"images must be a torch.Tensor, a NumPy array, a Dataset or a DataLoader, got {type(images).__name__}"
        )
    batches = Indexed(images, check_labels(labels), batch_size, **of_all)
    if batches.labels is not None and len(batches.labels) != batches.images:
        raise ValueError(f"labels must have one entry per image, {batches.images}, got {len(batches.labels)}")
    return batches


def smallest_batch(model: nn.Module, processes: int) -> int:
    """The fewest images of a step: batch normalization in train mode needs two in each process, for a variance."""
    layers = (module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm))
    return 2 * processes if any(layer.training for layer in layers) else 1


def batch_sizes(images: int, batch_size: int, smallest: int = 1) -> list[int]:
    """The sizes of an epoch's batches; a last one with fewer images than `smallest` joins the one before it.

    Example:
        >>> batch_sizes(9, 4), batch_sizes(9, 4, smallest=2)
        ([4, 4, 1], [4, 5])
    """
    full, rest = divmod(images, batch_size)
    sizes = [batch_size] * full
    if rest and (rest >= smallest or not full):
        return [*sizes, rest]
    sizes[-1] += rest
    return sizes


def _dtype(model: nn.Module) -> torch.dtype:
    return next((weight.dtype for weight in model.parameters() if weight.is_floating_point()), torch.float32)


def _identity_of_source(source: object) -> str:
    """Tensors by value, an array by a sample of its rows, any other Dataset by its class and length."""
    if isinstance(source, Tensor):
        return fingerprint(source)
    if isinstance(source, np.ndarray):
        rows = np.unique(np.linspace(0, len(source) - 1, 1000).round().astype(int))
        return f"array {source.shape} {source.dtype}, rows {fingerprint(as_tensor(source[rows]))}"
    tensors = source.tensors if isinstance(source, TensorDataset) else ()
    length = len(cast(Sequence[object], source))
    return ", ".join([f"{type(source).__name__} of {length}", *(fingerprint(tensor) for tensor in tensors)])


def as_tensor(rows: np.ndarray[Any, Any]) -> Tensor:
    """A copy of rows that may lie on disk, be read-only, or have the byte order of another machine."""
    return torch.from_numpy(np.array(rows, dtype=rows.dtype.newbyteorder("=")))


def _select(values: Tensor, index: Index) -> Tensor:
    return values[index] if isinstance(index, slice) else values.index_select(0, index)


def _items(dataset: Dataset[Any], indices: Sequence[int]) -> object:
    """The items of these indices, collated into one batch."""
    many = getattr(dataset, "__getitems__", None)  # torch's own protocol for reading several at once
    return default_collate(many(indices) if callable(many) else [dataset[index] for index in indices])
