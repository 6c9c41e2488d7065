"""Memory of growing columns."""

import mmap
import sys
from collections.abc import Sequence
from struct import pack
from typing import Any

import numpy as np

__all__ = ["FIRST_CAPACITY", "packed", "read_only", "reserved", "with_room"]

FIRST_CAPACITY = 4096  # rows
_SMALL = 1 << 22  # bytes


def with_room(buffer: np.ndarray, used: int, needed: int) -> np.ndarray:
    """Return the buffer if long enough, or a much longer one with its content.

    Memory that is reserved and never touched costs nothing; moving does.
    """
    if needed <= len(buffer):
        return buffer
    length = max(needed, len(buffer) * (32 if buffer.nbytes <= _SMALL else 4))
    grown = reserved(length, buffer.dtype)
    grown[:used] = buffer[:used]
    return grown


def reserved(length: int, dtype: np.dtype[Any]) -> np.ndarray:
    """Return an array whose memory is taken in small pages, when they are first touched.

    From 4 MB on numpy asks for pages of 2 MB: an append would wait up to 70 ms for some.
    """
    size = length * dtype.itemsize
    if size < _SMALL:
        return np.empty(length, dtype=dtype)
    if sys.platform == "win32":
        return np.frombuffer(mmap.mmap(-1, size), dtype=dtype)
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    return np.frombuffer(mmap.mmap(-1, size, flags=private), dtype=dtype)


def packed(kind: str, values: Sequence[float | None]) -> np.ndarray:
    """Return the numbers as an array, in a quarter of the time that numpy takes.

    `kind` is a letter that `struct` and numpy share. Raises struct.error for a value that is no
    number.
    """
    return np.frombuffer(pack(f"{len(values)}{kind}", *values), dtype=kind)


def read_only(buffer: np.ndarray) -> np.ndarray:
    """Return a view of the buffer through which nothing can be written, whatever flag is set."""
    return np.asarray(buffer.data.toreadonly())
