"""An autoencoder as a codec, down to the bytes.

The code is rounded to multiples of a step, and the integers are written by a range coder. What the range coder
needs to know, how often each integer occurs, is counted on training pictures and belongs to the codec, not to the file.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from aecore import _check
from aecore._modes import eval_mode
from aecore.models import Autoencoder

__all__ = ["Codec"]

_WIDEST = 4096  # integers a dimension of the code may take: a table of that length is counted, kept and searched
_Integers = npt.NDArray[np.int64]
_Coded = npt.NDArray[np.int32]  # as the range coder takes them


class Codec:
    r"""A trained autoencoder whose code is rounded, $q = \operatorname{round}(h / \Delta)$, and entropy-coded.

    For each dimension of the code, a table counts how often each integer occurs in training pictures (plus one, so
    that none is impossible). Outside its range, an integer is moved to the nearer end. A picture becomes its own
    length in bytes (one byte up to 127) and the shortest string from which the range coder finds the integers again.

    Args:
        model: an `Autoencoder` with codes of shape (batch, k); it is used in eval mode, and not trained.
        images: pictures to count on, those the model was trained on, shape (n, ...), in [0, 1].
        step: Δ, positive; a larger one gives fewer bytes and a worse picture.

    Raises:
        TypeError, ValueError: for arguments of another kind, or a step so fine that a dimension of the code takes
            more than 4,096 integers.

    Source: Ballé, Laparra and Simoncelli, "End-to-end optimized image compression", 2017; the range coder is
    `constriction` (Bamler, 2022), after Martin, "Range encoding", 1979.

    Example:
        >>> import aecore as ae, torch
        >>> digits = ae.mnist("test")[0][:500]
        >>> model = ae.Autoencoder(ae.mlp([784, 8]), ae.mlp([8, 784], out_shape=(1, 28, 28)))
        >>> codec = ae.Codec(model, digits, step=0.1)
        >>> files = codec.encode(digits[:3])
        >>> [file[0] + 1 == len(file) for file in files], codec.decode(files).shape
        ([True, True, True], torch.Size([3, 1, 28, 28]))
    """

    def __init__(self, model: Autoencoder, images: Tensor, step: float) -> None:
        if not isinstance(model, Autoencoder):
            raise TypeError(f"model must be an aecore.Autoencoder, got {type(model).__name__}")
        self.model, self.step = model, _check.number("step", step, low=0, open_low=True)
        integers = self._quantized(images)
        self.low, self.high = integers.min(axis=0), integers.max(axis=0)
        widest = int((self.high - self.low).max()) + 1
        if widest > _WIDEST:
            raise ValueError(f"step must leave at most {_WIDEST} integers for a dimension of the code, got {widest}")
        counts = np.zeros((len(self.low), widest))
        for column, symbols, high in zip(counts, (integers - self.low).T, self.high - self.low, strict=True):
            column[: high + 1] = 1 + np.bincount(symbols, minlength=high + 1)
        self._table = counts / counts.sum(axis=1, keepdims=True)
        self._coded = self.high > self.low  # a number that is always the same needs no bits

    def _quantized(self, images: Tensor) -> _Integers:
        _check.tensor("images", images, min_ndim=2, low=0, high=1)
        try:
            with torch.no_grad(), eval_mode(self.model):
                h = self.model.encode(images)
        except ValueError as error:
            raise ValueError(f"images must fit the model, got shape {tuple(images.shape)}: {error}") from error
        if h.ndim != 2:
            raise ValueError(f"model must give codes of shape (batch, k), got {tuple(h.shape)}")
        q = (h.cpu().double() / self.step).round()
        if not (q.abs() < 2**31).all():
            raise ValueError(f"step must suit codes up to {h.abs().max().item():.3g}, got {self.step}")
        integers: _Integers = q.long().numpy()
        return integers

    def symbols(self, images: Tensor) -> Tensor:
        """The integers that are written, int64 of shape (batch, k), moved into the range of the tables."""
        return torch.from_numpy(self._quantized(images).clip(self.low, self.high))

    def bits(self, images: Tensor) -> Tensor:
        r"""What no coder can do better under these tables: $-\sum_j \log_2 p_j(q_j)$, float64 of shape (batch,)."""
        return torch.from_numpy(self._bits(self.symbols(images).numpy() - self.low))

    def _bits(self, offsets: _Integers) -> npt.NDArray[np.float64]:
        bits: npt.NDArray[np.float64] = -np.log2(self._table[np.arange(offsets.shape[1]), offsets]).sum(axis=1)
        return bits

    def encode(self, images: Tensor) -> list[bytes]:
        """One string of bytes for each picture; each begins with its length, so that they may follow each other."""
        offsets = self.symbols(images).numpy() - self.low
        return [self._shortest_file(row, bits) for row, bits in zip(offsets, self._bits(offsets), strict=True)]

    def decode(self, files: Sequence[bytes]) -> Tensor:
        """The pictures again, in [0, 1] and in 256 levels of grey, as a file of pictures has; from the bytes alone."""
        files = _check.byte_strings("files", files)
        rows = np.tile(self.low, (len(files), 1))
        for row, file in zip(rows, files, strict=True):
            content = _content(file)
            coded = self._decoded(content)
            if len(content) > (longest := len(self._encoded(coded))):
                raise ValueError(f"files must come from this codec, got {len(content)} bytes for at most {longest}")
            row[self._coded] += coded
        parameter = next(self.model.parameters(), torch.zeros(()))
        h = torch.from_numpy(rows * self.step).to(parameter.dtype).to(parameter.device)  # Apple's GPU has no float64
        with torch.no_grad(), eval_mode(self.model):
            pictures = self.model.decode(h)
        # bfloat16 cannot hold 256 levels.
        return pictures.to(torch.promote_types(pictures.dtype, torch.float32)).clamp(0, 1).mul(255).round().div(255)

    @property
    def size(self) -> int:
        """Bytes a receiver needs once: the decoder's parameters and buffers, and the tables (4 bytes for a count)."""
        stored = chain(self.model.decoder.parameters(), self.model.decoder.buffers())
        decoder = sum(tensor.numel() * tensor.element_size() for tensor in stored)
        return decoder + 4 * int((self.high - self.low + 2).sum())

    # The range coder

    def _shortest_file(self, offsets: _Integers, bits: float) -> bytes:
        """The shortest bytes that decode to these integers: the coder's own come in words of four."""
        coded = offsets[self._coded].astype(np.int32)
        whole = self._encoded(coded)
        for length in range(max(0, int(bits // 8) - 1), len(whole)):
            below = int.from_bytes(whole[:length], "big")
            for number in (below, below + 1):
                if number < 256**length and self._decodes_to(short := number.to_bytes(length, "big"), coded):
                    return _length_prefix(length) + short
        return _length_prefix(len(whole)) + whole

    def _decodes_to(self, content: bytes, coded: _Coded) -> bool:
        try:
            return np.array_equal(self._decoded(content), coded)
        except ValueError:
            return False

    def _encoded(self, coded: _Coded) -> bytes:
        coding, model = _range_coder()
        encoder = coding.RangeEncoder()
        encoder.encode(coded, model, self._table[self._coded])
        content: bytes = encoder.get_compressed().astype(">u4").tobytes()
        return content

    def _decoded(self, content: bytes) -> _Coded:
        coding, model = _range_coder()
        words = np.frombuffer(content + bytes(-len(content) % 4), ">u4").astype(np.uint32)
        try:
            coded: _Coded = coding.RangeDecoder(words).decode(model, self._table[self._coded])
        except AssertionError as error:
            raise ValueError("files must come from this codec, got bytes that its tables do not allow") from error
        return coded


def _range_coder() -> tuple[Any, Any]:
    try:
        from constriction import stream
    except ImportError as error:  # it has no wheel for Linux on ARM; the rest of aecore does not need it
        raise ImportError("aecore.Codec writes with `constriction`; install it: pip install constriction") from error
    return stream.queue, stream.model.Categorical(perfect=False)


def _length_prefix(count: int) -> bytes:
    """Seven bits a byte, the last byte below 128: up to 127 takes one, up to 16,383 takes two."""
    digits = [count % 128]
    while count := count // 128:
        digits.append(128 + count % 128)
    return bytes(reversed(digits))


def _content(file: bytes) -> bytes:
    """What follows the length, which has to be right."""
    length = 0
    for at, byte in enumerate(file[:9], start=1):  # nine bytes hold every length of a file
        length = 128 * length + byte % 128
        if byte < 128:
            if len(file) == at + length:
                return file[at:]
            break
    raise ValueError(f"files must each begin with their length, got {len(file)} bytes that do not")
