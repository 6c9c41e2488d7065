"""Writing and reading files that may be packed."""

import io
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
    """The unpacked content of a file."""

    data: pa.Buffer
    whole: bool
    """Whether the file is complete; False for a packed file that was cut off."""


@contextmanager
def packing(file: BinaryIO, target: Path) -> Iterator[Any]:
    """Yield a stream into `file`, packed by the suffix of `target`: `.gz`, `.zst`, else plain."""
    codec = _BY_SUFFIX.get(target.suffix.lower())
    if codec is None:
        yield file
        return
    with pa.CompressedOutputStream(_Unclosed(file), codec) as packed:
        yield packed


class _Unclosed(io.RawIOBase):
    """A file that Arrow cannot close: its owner still has to finish it."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def writable(self) -> bool:
        return True


def unpacked(source: Path) -> Content:
    """Return the content of a file, unpacked from gzip or zstd, or mapped."""
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
    """Return the readable pieces, and whether the end was reached."""
    pieces = []
    with pa.OSFile(str(source)) as file, pa.CompressedInputStream(file, codec) as stream:
        stream.read(skip)
        try:
            while read := stream.read(piece):
                pieces.append(read)
        except (OSError, pa.ArrowInvalid):
            return b"".join(pieces), False
    return b"".join(pieces), True
