"""A file of named tensors and a text, in safetensors: it can execute nothing, and is verified when it is read.

Its metadata hold the text under "aecore" and, under "sha256", a SHA-256 of the text and of all tensors. A file is
replaced as a whole: at any moment there is the old one or the new one.
"""

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from aecore.training.identity import content


def check_path(name: str, value: object) -> Path:
    """The path with `~` and links resolved, if a file can be written there; else raise. Nothing is left behind."""
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise TypeError(f"{name} must be a path, got {type(value).__name__}")
    try:
        path = Path(value).expanduser().resolve()  # a link stays: what it points to is replaced
        if path.exists() and not path.is_file():
            raise ValueError("which is a folder" if path.is_dir() else "which is no ordinary file")
        folder = next(parent for parent in path.parents if parent.exists())
        probe = folder / _temporary(path).name
        probe.touch()
        probe.unlink(missing_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{name} must be a file that can be written, got {os.fspath(value)!r}: {reason}") from error
    return path


def write(path: Path, tensors: dict[str, Tensor], text: str) -> None:
    """Write beside the old file, flush to the disk, rename.

    Raises:
        OSError: if it cannot be written, as on a full disk. The old file stays, and nothing else.
    """
    whole = safetensors.torch.save(tensors, {"aecore": text, "sha256": _digest(tensors, text)})
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        with open(temporary, "wb") as file:
            file.write(whole)
            file.flush()
            _sync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, f"checkpoint must be written, got an error at {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if os.name == "posix":  # the rename itself must reach the disk too, where a folder can be flushed
        with suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def read(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors, on the CPU, and the text.

    Raises:
        ValueError: if the file is missing, truncated, altered or of another kind.
    """
    try:
        with safetensors.safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            # Cloned: what is mapped from the file would change, or lock the file, when it is written again.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  (not a dict)
        text, expected = metadata["aecore"], metadata["sha256"]
    except (safetensors.SafetensorError, KeyError, OSError) as error:
        kinds = "missing, truncated, altered or of another kind"
        raise ValueError(f"checkpoint must be a file that `fit` wrote, got {path}, {kinds}: {error}") from error
    found = _digest(tensors, text)
    if found != expected:
        raise ValueError(f"checkpoint must be as it was written, got {path}, altered: {found} is not {expected}")
    return tensors, text


def storable(tensor: Tensor) -> bool:
    """Whether safetensors has this kind of tensor."""
    try:
        safetensors.torch.save({"tensor": tensor.new_empty(0)})
    except (KeyError, ValueError):
        return False
    return True


def plain_copy(tensor: Tensor) -> Tensor:
    """On the CPU, contiguous, and sharing memory with nothing: what safetensors can save."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(content(tensor))
    return digest.hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _remove_leftovers(path: Path) -> None:
    """Remove what killed processes left beside this file. Two runs must not write one file at the same time."""
    for other in path.parent.iterdir():
        beginning, _, process = other.name.rpartition(".")
        if beginning == f".{path.name}" and process.isdecimal():
            other.unlink(missing_ok=True)


def _sync(file: int) -> None:
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # a file system that cannot flush
            raise
