"""Other people's image files, to compare a learned codec with: JPEG, PNG and WEBP, written, read and measured."""

import io
import re
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from aecore import _check
from aecore._extra import lab_package

__all__ = ["payload_size", "read_pictures", "write_pictures"]


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
    pillow = lab_package("PIL.Image", "aecore.write_pictures")
    files = []
    # In float32, because bfloat16 cannot hold 256 levels.
    for grey in images.detach().float().mul(255).round().byte().cpu().numpy()[:, 0]:
        file = io.BytesIO()
        pillow.fromarray(grey).save(file, kind, **options)
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
    files = _check.byte_strings("files", files)
    pillow = lab_package("PIL.Image", "aecore.read_pictures")
    pictures = []
    for file in files:
        try:
            with pillow.open(io.BytesIO(file), formats=("JPEG", "PNG", "WEBP")) as image:
                pictures.append(np.asarray(image.convert("L")))
        except (OSError, SyntaxError, pillow.DecompressionBombError) as error:  # a SyntaxError for a broken PNG
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
    size = {"JPEG": _jpeg_payload, "PNG": _png_payload, "WEBP": _webp_payload}[kind](file)
    if size is None or size < 0:
        raise ValueError(f"file must be a whole {kind} of one picture, one scan, got {len(file)} bytes that are not")
    return size


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
