"""An autoencoder as a codec, down to the bytes; and the files of other codecs, to compare it with.

The code is rounded to multiples of a step, and the integers are written by a range coder. What the range coder
needs to know, how often each integer occurs, is counted on training pictures and belongs to the codec, not to the file.
"""

import io
import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from aecore import _check
from aecore.models import Autoencoder

__all__ = ["Codec", "payload_size", "read_pictures", "write_pictures"]

_WIDEST = 4096  # integers a number of the code may take: a table of that length is counted, kept and searched


class Codec:
    r"""A trained autoencoder whose code is rounded, $q = \operatorname{round}(h / \Delta)$, and entropy-coded.

    For each number of the code, a table counts how often each integer occurs in training pictures (plus one, so
    that none is impossible). Outside its range, an integer is moved to the nearer end. A picture becomes its own
    length in bytes (one byte up to 127) and the shortest string from which the range coder finds the integers again.

    Args:
        model: an `Autoencoder` with codes of shape (batch, k); it is used as it is, not trained.
        images: pictures to count on, those the model was trained on, shape (n, ...).
        step: Δ, positive; a larger one gives fewer bytes and a worse picture.

    Raises:
        TypeError, ValueError: for arguments of another kind, or a step so fine that a number of the code takes
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
        found = self._rounded(images)
        self.low, self.high = found.min(axis=0), found.max(axis=0)
        widest = int((self.high - self.low).max()) + 1
        if widest > _WIDEST:
            raise ValueError(f"step must leave at most {_WIDEST} integers for a number of the code, got {widest}")
        counts = np.zeros((len(self.low), widest))
        for column, symbols, high in zip(counts, (found - self.low).T, self.high - self.low, strict=True):
            column[: high + 1] = 1 + np.bincount(symbols.astype(np.int64), minlength=int(high) + 1)
        self._table = counts / counts.sum(axis=1, keepdims=True)
        self._said = self.high > self.low  # a number that is always the same needs no bits

    def _rounded(self, images: Tensor) -> np.ndarray:
        _check.tensor("images", images, min_ndim=2)
        try:
            h = _still(self.model, self.model.encode, images)
        except ValueError as error:
            raise ValueError(f"images must fit the model, got shape {tuple(images.shape)}: {error}") from error
        if h.ndim != 2:
            raise ValueError(f"model must give codes of shape (batch, k), got {tuple(h.shape)}")
        q = (h.cpu().double() / self.step).round()
        if not (q.abs() < 2**31).all():
            raise ValueError(f"step must suit codes up to {h.abs().max().item():.3g}, got {self.step}")
        return q.long().numpy()

    def symbols(self, images: Tensor) -> Tensor:
        """The integers that are written, int64 of shape (batch, k), moved into the range of the tables."""
        return torch.from_numpy(self._rounded(images).clip(self.low, self.high))

    def bits(self, images: Tensor) -> Tensor:
        r"""What no coder can do better under these tables: $-\sum_j \log_2 p_j(q_j)$, float64 of shape (batch,)."""
        return torch.from_numpy(self._bits(self.symbols(images).numpy() - self.low))

    def _bits(self, offsets: np.ndarray) -> np.ndarray:
        return -np.log2(self._table[np.arange(offsets.shape[1]), offsets]).sum(axis=1)

    def encode(self, images: Tensor) -> list[bytes]:
        """One string of bytes for each picture; each begins with its length, so that they may follow each other."""
        offsets = self.symbols(images).numpy() - self.low
        return [self._written(row, bits) for row, bits in zip(offsets, self._bits(offsets), strict=True)]

    def decode(self, files: Sequence[bytes]) -> Tensor:
        """The pictures again, in [0, 1] and in 256 levels of grey, as a file of pictures has; from the bytes alone."""
        files = _several(files)
        rows = np.tile(self.low, (len(files), 1))
        for row, file in zip(rows, files, strict=True):
            row[self._said] += self._read(_content(file))
        parameter = next(self.model.parameters(), torch.zeros(()))
        h = torch.from_numpy(rows * self.step).to(parameter.device, parameter.dtype)
        return _still(self.model, self.model.decode, h).clamp(0, 1).mul(255).round().div(255)

    @property
    def size(self) -> int:
        """Bytes a receiver needs once: the decoder's parameters as they are, and the tables (4 bytes for a count)."""
        decoder = sum(p.numel() * p.element_size() for p in self.model.decoder.parameters())
        return decoder + 4 * int((self.high - self.low + 2).sum())

    # The range coder

    def _written(self, offsets: np.ndarray, bits: float) -> bytes:
        """The shortest bytes that are read back as these integers: the coder's own come in words of four."""
        coding, model = _coder()
        encoder = coding.RangeEncoder()
        encoder.encode(offsets[self._said].astype(np.int32), model, self._table[self._said])
        whole = encoder.get_compressed().astype(">u4").tobytes()
        for length in range(max(0, int(bits // 8) - 1), len(whole)):
            below = int.from_bytes(whole[:length], "big")
            for number in (below, below + 1):
                if number < 256**length and self._is(short := number.to_bytes(length, "big"), offsets):
                    return _length(length) + short
        return _length(len(whole)) + whole

    def _is(self, content: bytes, offsets: np.ndarray) -> bool:
        try:
            return np.array_equal(self._read(content), offsets[self._said])
        except ValueError:
            return False

    def _read(self, content: bytes) -> np.ndarray:
        coding, model = _coder()
        words = np.frombuffer(content + bytes(-len(content) % 4), ">u4").astype(np.uint32)
        try:
            return coding.RangeDecoder(words).decode(model, self._table[self._said])
        except AssertionError as error:
            raise ValueError("files must come from this codec, got bytes that its tables do not allow") from error


def _coder():
    try:
        from constriction import stream
    except ImportError as error:  # it has no wheel for Linux on ARM; the rest of aecore does not need it
        raise ImportError("aecore.Codec writes with `constriction`; install it: pip install constriction") from error
    return stream.queue, stream.model.Categorical(perfect=False)


def _still(model: Autoencoder, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Without gradient, dropout or batch statistics: a codec gives the same bytes every time."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return function(x)
    finally:
        model.train(was_training)


def _length(count: int) -> bytes:
    """Seven bits a byte, the last byte below 128: up to 127 takes one, up to 16,383 takes two."""
    digits = [count % 128]
    while count := count // 128:
        digits.append(128 + count % 128)
    return bytes(reversed(digits))


def _several(files: object) -> list:
    if not isinstance(files, list | tuple):
        raise TypeError(f"files must be a list of bytes, got {type(files).__name__}")
    if not files:
        raise ValueError("files must hold at least one, got none")
    for file in files:
        if not isinstance(file, bytes):
            raise TypeError(f"files must hold bytes, got {type(file).__name__}")
    return list(files)


def _content(file: bytes) -> bytes:
    """What follows the length, which has to be right."""
    length = 0
    for at, byte in enumerate(file, start=1):
        length = 128 * length + byte % 128
        if byte < 128:
            if len(file) == at + length:
                return file[at:]
            break
    raise ValueError(f"files must each begin with their length, got {len(file)} bytes that do not")


# Other people's files


def write_pictures(
    images: Tensor, kind: str = "JPEG", *, quality: int | None = None, own_tables: bool = False
) -> list[bytes]:
    """Each picture as a file of its own, in grey, written by Pillow.

    Args:
        images: shape (n, 1, height, width) in [0, 1].
        kind: "JPEG", "PNG" (nothing is lost, the smallest that Pillow finds) or "WEBP" (with loss, the slowest effort).
        quality: 1 to 95 for JPEG, 1 to 100 for WEBP, none for PNG; 75 if left out.
        own_tables: JPEG only: Huffman tables made for this one picture, and sent with it. The file gets smaller,
            and its payload cannot be read with the usual tables any more.

    Returns:
        n files.

    Raises:
        TypeError, ValueError: for images of another shape or range, another kind, a quality it does not take.

    Source: Wallace, "The JPEG still picture compression standard", 1991.

    Example:
        >>> import aecore as ae
        >>> digits = ae.mnist("test")[0][:2]
        >>> [len(file) for file in ae.write_pictures(digits, "JPEG", quality=50)]
        [4..., 4...]
    """
    _check.tensor("images", images, ndim=4, low=0, high=1)
    if images.shape[1] != 1:
        raise ValueError(f"images must have shape (n, 1, height, width), got {tuple(images.shape)}")
    _check.choice("kind", kind, ("JPEG", "PNG", "WEBP"))
    if not isinstance(own_tables, bool) or (own_tables and kind != "JPEG"):
        raise ValueError(f"own_tables must be False, or True for JPEG, got {own_tables!r} for {kind}")
    if kind == "PNG":
        if quality is not None:
            raise ValueError(f"quality must be None for PNG, which loses nothing, got {quality}")
        options: dict[str, object] = {"optimize": True}
    else:
        quality, best = _check.count("quality", 75 if quality is None else quality), 95 if kind == "JPEG" else 100
        if quality > best:
            raise ValueError(f"quality must be at most {best} for {kind}, got {quality}")
        options = {"quality": quality, **({"optimize": own_tables} if kind == "JPEG" else {"method": 6})}
    files = []
    for grey in images.detach().mul(255).round().byte().cpu().numpy()[:, 0]:
        file = io.BytesIO()
        Image.fromarray(grey).save(file, kind, **options)
        files.append(file.getvalue())
    return files


def read_pictures(files: Sequence[bytes]) -> Tensor:
    """The pictures of JPEG, PNG and WEBP files of one size, in grey.

    Args:
        files: at least one file, as bytes.

    Returns:
        float32 of shape (n, 1, height, width) in [0, 1].

    Raises:
        TypeError, ValueError: for anything but such files, or files of pictures of different size.

    Source: Wallace, "The JPEG still picture compression standard", 1991.

    Example:
        >>> import aecore as ae, torch
        >>> digits = ae.mnist("test")[0][:2]
        >>> torch.equal(ae.read_pictures(ae.write_pictures(digits, "PNG")), digits)
        True
    """
    pictures = []
    for file in _several(files):
        try:
            with Image.open(io.BytesIO(file), formats=("JPEG", "PNG", "WEBP")) as image:
                pictures.append(np.asarray(image.convert("L")))
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow says SyntaxError of a broken PNG
            raise ValueError(f"files must be whole JPEG, PNG or WEBP files, got {error}") from error
    if len({picture.shape for picture in pictures}) > 1:
        raise ValueError(f"files must hold pictures of one size, got {sorted({p.shape for p in pictures})}")
    return torch.from_numpy(np.stack(pictures))[:, None].float().div(255)


def payload_size(file: bytes) -> int:
    """How many bytes of a file hold the picture; the rest is header: signatures, tables, sizes, checksums.

    Counted by walking through the segments. Of a JPEG, what stands between the header of the scan and the end
    marker: with the tables known beforehand (quality and standard Huffman tables), a receiver needs no more. Of a
    PNG, the content of its IDAT chunks; of a WEBP, that of its VP8 chunk after the ten bytes of the frame's header.

    Args:
        file: a JPEG of one scan, a PNG or a plain WEBP.

    Returns:
        Bytes, less than `len(file)`.

    Raises:
        TypeError, ValueError: for anything else.

    Source: ITU-T T.81 (JPEG), annex B; W3C, "Portable network graphics specification"; RFC 9649 (WEBP).

    Example:
        >>> import aecore as ae
        >>> (file,) = ae.write_pictures(ae.mnist("test")[0][:1], "JPEG", quality=50)
        >>> len(file) - ae.payload_size(file)
        330
    """
    kind = _kind(file)
    found = {"JPEG": _jpeg_payload, "PNG": _png_payload, "WEBP": _webp_payload}[kind](file)
    if found is None or found < 0:
        raise ValueError(f"file must be a whole {kind} of one picture, one scan, got {len(file)} bytes that are not")
    return found


def _kind(file: object) -> str:
    if not isinstance(file, bytes):
        raise TypeError(f"file must be bytes, got {type(file).__name__}")
    if file[:2] == b"\xff\xd8":
        return "JPEG"
    if file[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if file[:4] + file[8:12] == b"RIFFWEBP":
        return "WEBP"
    raise ValueError(f"file must be a JPEG, a PNG or a WEBP, got {file[:12]!r}")


def _jpeg_payload(file: bytes) -> int | None:
    at = 2
    while file[at : at + 1] == b"\xff":
        marker, at = file[at + 1 : at + 2], at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if marker == b"\xda":  # the scan: a marker inside it, other than a restart, would begin another scan
            scan, end = file[at:-2], file[-2:]
            return len(scan) if end == b"\xff\xd9" and not re.search(rb"\xff[^\x00\xd0-\xd7]", scan) else None
    return None


def _png_payload(file: bytes) -> int | None:
    at, total = 8, 0
    while at < len(file):
        size, name = int.from_bytes(file[at : at + 4], "big"), file[at + 4 : at + 8]
        at += 12 + size
        total += size if name == b"IDAT" else 0
        if name == b"IEND":
            return total if at == len(file) else None
    return None


def _webp_payload(file: bytes) -> int | None:
    size = int.from_bytes(file[16:20], "little")
    return size - 10 if file[12:16] == b"VP8 " and len(file) == 20 + size + size % 2 else None
