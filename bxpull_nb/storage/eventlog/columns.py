"""Columns that only grow and are handed out without a copy.

Rows that were handed out never change: a column writes only after them, and when it moves to a
longer buffer, the old one stays with its holders. Values that come in small portions wait in plain
lists, which is cheapest, until they are flushed.
"""

import mmap
import sys
from collections.abc import Callable, Sequence
from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FIRST_CAPACITY", "CategoryColumn", "NumberColumn", "packed", "with_room"]

FIRST_CAPACITY = 4096  # rows
_SMALL = 1 << 22  # bytes


class NumberColumn:
    """A growing numpy column, handed out as views that pandas copies on write.

    pandas tracks who shares a block: as long as `_owner` (a Series over the whole buffer) lives,
    a write to a view of it makes a copy first. The owner goes only when the buffer does.
    """

    def __init__(self, make: Callable[[np.ndarray], Any]) -> None:
        self._make = make
        self._buffer = np.empty(FIRST_CAPACITY, dtype="int64")
        self._length = 0
        self._owner: pd.Series[Any] | None = None

    def extend(self, values: np.ndarray) -> None:
        """Append the values."""
        end = self._length + len(values)
        if end > len(self._buffer):
            self._buffer, self._owner = with_room(self._buffer, self._length, end), None
        self._buffer[self._length : end] = values
        self._length = end

    def forget(self, count: int) -> None:
        """Drop the oldest values; columns that were handed out keep them."""
        kept = self._buffer[count : self._length]
        self._buffer, self._owner = with_room(kept, len(kept), len(kept) + 1), None
        self._length = len(kept)

    def values(self, start: int) -> np.ndarray:
        """Return the values from row `start` on."""
        return self._buffer[start : self._length]

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self._length * self._buffer.itemsize

    def series(self) -> "pd.Series[Any]":
        """Return the column so far, sharing its memory."""
        import pandas as pd

        if self._owner is None:
            self._owner = pd.Series(self._make(self._buffer), copy=False)
        return self._owner.iloc[: self._length]


class _Codes(dict[str | None, int]):
    """Codes by name; a new name gets the next one."""

    def __missing__(self, name: str | None) -> int:
        code = self[name] = len(self) - 1
        return code


class CategoryColumn:
    """A growing categorical column with codes as narrow as the number of names allows."""

    def __init__(self) -> None:
        self._codes = _Codes({None: -1})
        self._waiting: list[int] = []
        self._buffer = np.empty(FIRST_CAPACITY, dtype="int8")
        self._length = 0
        self._owners: list[pd.Series[Any]] = []  # one per set of names over the same buffer
        self._owned_names = -1

    def extend(self, names: Sequence[str | None]) -> None:
        """Append the names; they wait for `flush`, as codes."""
        if names[0] is names[-1] and names.count(names[0]) == len(names):  # often so
            self._waiting += [self._codes[names[0]]] * len(names)
        else:
            self._waiting += map(self._codes.__getitem__, names)

    def extend_runs(self, names: Sequence[str | None], counts: Sequence[int]) -> None:
        """Append each name `count` times, at once; flush waiting names before."""
        codes = [self._codes[name] for name in names]
        self._append(np.repeat(np.array(codes), counts))

    def flush(self) -> None:
        """Write waiting names to the column."""
        self._append(packed("i", self._waiting))
        self._waiting = []

    def _append(self, fresh: np.ndarray) -> None:
        end = self._length + len(fresh)
        narrowest = np.min_scalar_type(-len(self._codes))
        if end > len(self._buffer) or narrowest.itemsize > self._buffer.itemsize:
            self._grow(end, narrowest)
        self._buffer[self._length : end] = fresh
        self._length = end

    def names(self, start: int) -> list[str | None]:
        """Return the names from row `start` on."""
        known = [*list(self._codes)[1:], None]  # a missing one has code -1
        return [known[code] for code in self._buffer[start : self._length]]

    def _grow(self, end: int, dtype: np.dtype[Any]) -> None:
        grown = with_room(self._buffer, self._length, end)
        if grown.dtype != dtype:
            grown = _reserved(len(grown), dtype)
            grown[: self._length] = self._buffer[: self._length]
        self._buffer, self._owners, self._owned_names = grown, [], -1

    def forget(self, count: int) -> None:
        """Drop the oldest names; the categories stay."""
        kept = self._buffer[count : self._length]
        self._buffer = with_room(kept, len(kept), len(kept) + 1)
        self._length, self._owners, self._owned_names = len(kept), [], -1

    @property
    def nbytes(self) -> int:
        """Bytes of the codes."""
        return self._length * self._buffer.itemsize

    def series(self) -> "pd.Series[Any]":
        """Return the column so far, sharing its memory."""
        import pandas as pd

        if self._owned_names != len(self._codes):
            names = pd.Index(list(self._codes)[1:], dtype="str")
            dtype = pd.CategoricalDtype(names)
            values = pd.Categorical.from_codes(self._buffer, dtype=dtype, validate=False)
            self._owners.append(pd.Series(values, copy=False))
            self._owned_names = len(self._codes)
        return self._owners[-1].iloc[: self._length]


def with_room(buffer: np.ndarray, used: int, needed: int) -> np.ndarray:
    """Return the buffer if long enough, or a much longer one with its content.

    Memory that is reserved and never touched costs nothing; moving does.
    """
    if needed <= len(buffer):
        return buffer
    length = max(needed, len(buffer) * (32 if buffer.nbytes <= _SMALL else 4))
    grown = _reserved(length, buffer.dtype)
    grown[:used] = buffer[:used]
    return grown


def _reserved(length: int, dtype: np.dtype[Any]) -> np.ndarray:
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
