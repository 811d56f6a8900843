"""Images to learn from, and the ways the lectures corrupt them.

MNIST travels inside the package, whole: 60,000 training and 10,000 test images, the standard split, so that
results can be compared with the literature and a classroom needs no network. Every data set comes as a pair
`(images, labels)`: float32 of shape (n, channels, height, width) in [0, 1], and int64 of shape (n,).
"""

import functools
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aecore import _check, _random
from aecore._cache import cache_folder
from aecore._extra import lab_package

__all__ = ["add_gaussian", "binarize", "dataset", "fashion_mnist", "mask", "mnist", "salt_and_pepper"]

_ASSETS = Path(__file__).parent / "assets"
_SHA256 = {
    "mnist.npz": "39b9b1ffaa0ba4d8995a616551f0966941fe02a3fe79ba4a9db7373db16d53ad",
    "fashion_mnist_test.npz": "e5b832fd47a0ad2ff68260d5b78f239b2166b44438ec86caab41738b1619c704",
}


@functools.cache
def _embedded(file_name: str) -> dict[str, npt.NDArray[np.uint8]]:
    """Read an embedded archive once, after comparing its SHA-256, without pickle."""
    path, expected = _ASSETS / file_name, _SHA256[file_name]
    if not path.exists():
        raise FileNotFoundError(f"{path} must have SHA-256 {expected}, got no file; reinstall aecore")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ValueError(
            f"{path} must have SHA-256 {expected}, got {digest}: it is truncated or altered; reinstall aecore"
        )
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _pair(
    images: npt.NDArray[np.uint8], labels: npt.NDArray[Any], device: torch.device | str | None
) -> tuple[Tensor, Tensor]:
    """uint8 (n, h, w) or (n, h, w, c) and labels (n,) -> float32 (n, c, h, w) in [0, 1] and int64 (n,)."""
    device = None if device is None else _check.device(device)
    images = images[..., None] if images.ndim == 3 else images
    pixels = torch.tensor(images, device=device).movedim(-1, 1).contiguous()
    return pixels.float().div_(255), torch.tensor(labels, dtype=torch.int64, device=device)


def mnist(split: str = "train", *, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """MNIST, handwritten digits: the whole of it, embedded in the package.

    Args:
        split: "train" (60,000 images) or "test" (10,000).
        device: where the tensors are placed; the CPU if left out.

    Returns:
        images, float32 of shape (n, 1, 28, 28) in [0, 1], and labels, int64 of shape (n,).

    Raises:
        ValueError: for another split, or if the embedded file is truncated or altered.

    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998. CC BY-SA 3.0.

    Example:
        >>> import aecore as ae
        >>> images, labels = ae.mnist("test")
        >>> images.shape, labels[:5].tolist()
        (torch.Size([10000, 1, 28, 28]), [7, 2, 1, 0, 4])
    """
    _check.choice("split", split, ("train", "test"))
    archive = _embedded("mnist.npz")
    return _pair(archive[f"{split}_images"], archive[f"{split}_labels"], device)


def fashion_mnist(split: str = "test", *, device: torch.device | str | None = None) -> tuple[Tensor, Tensor]:
    """The first 2,000 test images of Fashion-MNIST, embedded: clothes in the format of digits.

    They show what a codec or a denoiser trained on digits does with something else. For the whole set,
    see `aecore.dataset("FashionMNIST", ...)`.

    Args:
        split: "test"; no other part is embedded.
        device: where the tensors are placed; the CPU if left out.

    Returns:
        images, float32 of shape (2000, 1, 28, 28) in [0, 1], and labels, int64 of shape (2000,).

    Raises:
        ValueError: for another split, or if the embedded file is truncated or altered.

    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST", arXiv 1708.07747. MIT licence, Zalando SE.

    Example:
        >>> import aecore as ae
        >>> images, labels = ae.fashion_mnist()
        >>> len(images)
        2000
    """
    if isinstance(split, str) and split != "test":
        raise ValueError(
            f"split must be 'test', the part that is embedded, got {split!r}; "
            "aecore.dataset('FashionMNIST', 'train') downloads the rest"
        )
    _check.choice("split", split, ("test",))
    archive = _embedded("fashion_mnist_test.npz")
    return _pair(archive["test_images"], archive["test_labels"], device)


def dataset(
    name: str,
    split: str = "train",
    *,
    root: str | os.PathLike[str] | None = None,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    """A labelled image set of `torchvision.datasets`, whole, in this book's format.

    torchvision downloads it at the first call and compares its own checksums.

    Args:
        name: "KMNIST", "FashionMNIST", "QMNIST", "CIFAR10", "CIFAR100" or "MNIST".
        split: "train" or "test".
        root: folder of the downloaded files; `$XDG_CACHE_HOME/aecore` or `~/.cache/aecore` if left out.
        device: where the tensors are placed; the CPU if left out.

    Returns:
        images, float32 of shape (n, channels, height, width) in [0, 1], and labels, int64 of shape (n,).

    Raises:
        TypeError, ValueError: for an unknown name or split, or a root that is no path.
        ImportError: without torchvision, which comes with `pip install "aecore[lab]"`.
        ConnectionError: if the set is not in `root` and cannot be downloaded; it says what to do.

    Example:
        >>> import aecore as ae
        >>> ae.dataset("NoSuchSet")
        Traceback (most recent call last):
        ...
        ValueError: name must be one of 'KMNIST', 'FashionMNIST', ..., got 'NoSuchSet'
    """
    _check.choice("name", name, ("KMNIST", "FashionMNIST", "QMNIST", "CIFAR10", "CIFAR100", "MNIST"))
    _check.choice("split", split, ("train", "test"))
    if root is not None and not isinstance(root, str | os.PathLike):
        raise TypeError(f"root must be a path, got {type(root).__name__}")
    try:
        root = cache_folder() if root is None else Path(root).expanduser()
    except RuntimeError as error:
        raise ValueError(f"root must be given where the user has no home, got {root} ({error})") from error
    sets = lab_package("torchvision.datasets", "aecore.dataset")
    try:
        loaded = getattr(sets, name)(str(root), train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"{name} is not complete in {root} and could not be downloaded ({error}). Connect to the network "
            f"and call again, or copy torchvision's files for {name} into that folder, or use aecore.mnist(), "
            "which needs no network"
        ) from error
    labels = np.asarray(loaded.targets)
    return _pair(np.asarray(loaded.data), labels[:, 0] if labels.ndim == 2 else labels, device)


def mask(x: Tensor, rate: float, *, generator: torch.Generator | None = None) -> Tensor:
    """Masking noise: each pixel is set to 0 with probability `rate`, independently.

    Args:
        x: images, any shape.
        rate: probability in [0, 1].
        generator: source of randomness; torch's global one if left out.

    Returns:
        A tensor of the shape of `x`; `x` is unchanged.

    Raises:
        TypeError, ValueError: if `x` is no finite floating-point tensor or `rate` is outside [0, 1].

    Source: Vincent et al., "Extracting and composing robust features with denoising autoencoders", 2008.

    Example:
        >>> import aecore as ae, torch
        >>> ae.mask(torch.ones(1_000_000), 0.25, generator=torch.Generator().manual_seed(0)).mean().round(decimals=2)
        tensor(0.7500)
    """
    _check.tensor("x", x)
    rate = _check.number("rate", rate, low=0, high=1)
    return x.masked_fill(_random.uniform_like(x, generator) < rate, 0)


def add_gaussian(x: Tensor, std: float, *, generator: torch.Generator | None = None) -> Tensor:
    """Gaussian noise: x + std · ε with ε ~ N(0, I). The result is not clipped and can leave [0, 1].

    Args:
        x: images, any shape.
        std: standard deviation, at least 0.
        generator: source of randomness; torch's global one if left out.

    Returns:
        A tensor of the shape of `x`; `x` is unchanged.

    Raises:
        TypeError, ValueError: if `x` is no finite floating-point tensor or `std` is negative or not finite.

    Source: Vincent et al., "Stacked denoising autoencoders", JMLR 2010, section 3.

    Example:
        >>> import aecore as ae, torch
        >>> ae.add_gaussian(torch.zeros(10_000), 0.5, generator=torch.Generator().manual_seed(0)).std()
        tensor(0.50...)
    """
    _check.tensor("x", x)
    std = _check.number("std", std, low=0)
    return x + std * _random.normal(x.shape, x, generator)


def salt_and_pepper(x: Tensor, rate: float, *, generator: torch.Generator | None = None) -> Tensor:
    """Salt-and-pepper noise: each pixel is replaced with probability `rate`, half of those by 0, half by 1.

    Args:
        x: images in [0, 1], any shape.
        rate: probability in [0, 1] that a pixel is replaced.
        generator: source of randomness; torch's global one if left out.

    Returns:
        A tensor of the shape of `x`; `x` is unchanged.

    Raises:
        TypeError, ValueError: if `x` is no floating-point tensor in [0, 1] or `rate` is outside [0, 1].

    Source: Vincent et al., "Stacked denoising autoencoders", JMLR 2010, section 3.

    Example:
        >>> import aecore as ae, torch
        >>> y = ae.salt_and_pepper(torch.full((1_000_000,), 0.5), 0.2, generator=torch.Generator().manual_seed(0))
        >>> (y == 0).float().mean().round(decimals=2), (y == 1).float().mean().round(decimals=2)
        (tensor(0.1000), tensor(0.1000))
    """
    _check.tensor("x", x, low=0, high=1)
    rate = _check.number("rate", rate, low=0, high=1)
    chance = _random.uniform_like(x, generator)
    return x.masked_fill(chance < rate / 2, 0).masked_fill((chance >= rate / 2) & (chance < rate), 1)


def binarize(x: Tensor, mode: str = "dynamic", *, generator: torch.Generator | None = None) -> Tensor:
    """Turn grey values into zeros and ones; a likelihood in nats means nothing without naming how.

    Args:
        x: images with values in [0, 1], any shape.
        mode: "dynamic" draws each pixel from Bernoulli(x), anew at every call; "threshold" gives x > 1/2.
        generator: source of randomness for "dynamic"; torch's global one if left out.

    Returns:
        A tensor of zeros and ones with the shape and dtype of `x`.

    Raises:
        TypeError, ValueError: if `x` is no floating-point tensor in [0, 1], or for another mode.

    Source: Salakhutdinov and Murray, "On the quantitative analysis of deep belief networks", 2008.

    Example:
        >>> import aecore as ae, torch
        >>> ae.binarize(torch.tensor([0.2, 0.5, 0.7]), mode="threshold")
        tensor([0., 0., 1.])
    """
    _check.tensor("x", x, low=0, high=1)
    _check.choice("mode", mode, ("dynamic", "threshold"))
    if mode == "threshold":
        return (x > 0.5).to(x.dtype)
    return (_random.uniform_like(x, generator) < x).to(x.dtype)
