"""Files packed or not: how they are written, and how their content is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

__all__ = ["Content", "packing", "unpacked"]

_BY_SUFFIX = {".gz": "gzip", ".zst": "zstd"}
_BY_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_PIECE = 1 << 20  # bytes unpacked at a time


class Content(NamedTuple):
    """What a file says."""

    data: pa.Buffer
    whole: bool
    """False when a packed file ends before its end."""


@contextmanager
def packing(file: BinaryIO, target: Path) -> Iterator[Any]:
    """A stream into `file`, packed as the suffix of `target` says: `.gz`, `.zst`, else plain."""
    codec = _BY_SUFFIX.get(target.suffix.lower())
    if codec is None:
        yield file
        return
    with pa.CompressedOutputStream(file, codec) as packed:
        yield packed


def unpacked(source: Path) -> Content:
    """The content of a file, unpacked if it is gzip or zstd; a plain one is mapped, not read."""
    if source.stat().st_size == 0:
        return Content(pa.py_buffer(b""), whole=True)
    with source.open("rb") as file:
        start = file.read(4)
    codec = next((c for magic, c in _BY_MAGIC.items() if start.startswith(magic)), None)
    if codec is None:
        with pa.memory_map(str(source)) as mapped:
            return Content(mapped.read_buffer(), whole=True)
    text, whole = _unpacked(source, codec, _PIECE)
    if not whole:
        text += _unpacked(source, codec, 1, skip=len(text))[0]
    return Content(pa.py_buffer(text), whole)


def _unpacked(source: Path, codec: str, piece: int, skip: int = 0) -> tuple[bytes, bool]:
    """What can be unpacked, and whether the end was there; an error costs the piece it is in."""
    pieces = []
    with pa.OSFile(str(source)) as file, pa.CompressedInputStream(file, codec) as stream:
        stream.read(skip)
        try:
            while read := stream.read(piece):
                pieces.append(read)
        except (OSError, pa.ArrowInvalid):
            return b"".join(pieces), False
    return b"".join(pieces), True
