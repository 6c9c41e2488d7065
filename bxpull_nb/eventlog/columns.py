"""Columns that only grow, given out without a copy.

What was given out never changes: a column's memory is written only behind the rows that were, and
where it has to move to a longer buffer, the old one stays with whoever holds it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CategoryColumn", "NumberColumn", "TextColumn"]

_FIRST_CAPACITY = 4096  # rows
_PART_BYTES = 1 << 27  # of text in one array at most: bounds how long moving to a longer one takes


class NumberColumn:
    """A growing numpy column, given out as views that pandas copies before it writes to them.

    pandas tracks who shares a block: as long as `_owner` (a Series over the whole buffer) lives,
    a write to a view of it makes a copy first. The owner goes only when the buffer does.
    """

    def __init__(self, make: Callable[[np.ndarray], Any]) -> None:
        self._make = make
        self._buffer = np.empty(_FIRST_CAPACITY, dtype="int64")
        self._length = 0
        self._owner: pd.Series[Any] | None = None

    def extend(self, values: np.ndarray) -> None:
        """Append the values."""
        end = self._length + len(values)
        if end > len(self._buffer):
            self._buffer, self._owner = _with_room(self._buffer, self._length, end), None
        self._buffer[self._length : end] = values
        self._length = end

    def forget(self, count: int) -> None:
        """Let go of the oldest values; what was given out stays with whoever holds it."""
        kept = self._buffer[count : self._length]
        self._buffer, self._owner = _with_room(kept, len(kept), len(kept) + 1), None
        self._length = len(kept)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self._length * self._buffer.itemsize

    def series(self) -> "pd.Series[Any]":
        """The column so far, sharing its memory."""
        import pandas as pd

        if self._owner is None:
            self._owner = pd.Series(self._make(self._buffer), copy=False)
        return self._owner.iloc[: self._length]


class CategoryColumn:
    """A growing categorical column; its codes are as narrow as the number of names allows."""

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {None: -1}
        self._buffer = np.empty(_FIRST_CAPACITY, dtype="int8")
        self._length = 0
        self._owners: list[pd.Series[Any]] = []  # one per set of names over the same buffer
        self._owned_names = -1

    def extend(self, names: Sequence[str | None], counts: Sequence[int] = ()) -> None:
        """Append the names, each once, or as often as `counts` says."""
        try:
            fresh = self._coded(names)
        except KeyError:  # a new name: rare once a capture runs
            for name in dict.fromkeys(names):  # in order of appearance
                self._codes.setdefault(name, len(self._codes) - 1)
            fresh = self._coded(names)
        if counts and len(fresh) > 1:
            fresh = np.repeat(fresh, counts)
        end = self._length + (sum(counts) if counts else len(names))
        narrowest = np.min_scalar_type(-len(self._codes))
        if end > len(self._buffer) or narrowest.itemsize > self._buffer.itemsize:
            self._grow(end, narrowest)
        self._buffer[self._length : end] = fresh
        self._length = end

    def _coded(self, names: Sequence[str | None]) -> np.ndarray:
        """The codes of the names, or the one code where all are the same: most often they are."""
        if names.count(names[0]) == len(names):
            return np.array([self._codes[names[0]]])
        return np.fromiter(map(self._codes.__getitem__, names), "int64", len(names))

    def _grow(self, end: int, dtype: np.dtype[Any]) -> None:
        capacity = len(self._buffer) if end <= len(self._buffer) else max(end, 2 * self._length)
        grown = np.empty(capacity, dtype=dtype)
        grown[: self._length] = self._buffer[: self._length]
        self._buffer, self._owners, self._owned_names = grown, [], -1

    def forget(self, count: int) -> None:
        """Let go of the oldest names; the categories stay."""
        kept = self._buffer[count : self._length]
        self._buffer = _with_room(kept, len(kept), len(kept) + 1)
        self._length, self._owners, self._owned_names = len(kept), [], -1

    @property
    def nbytes(self) -> int:
        """Bytes of the codes."""
        return self._length * self._buffer.itemsize

    def series(self) -> "pd.Series[Any]":
        """The column so far, sharing its memory."""
        import pandas as pd

        if self._owned_names != len(self._codes):
            names = pd.Index(list(self._codes)[1:], dtype="str")
            dtype = pd.CategoricalDtype(names)
            values = pd.Categorical.from_codes(self._buffer, dtype=dtype, validate=False)
            self._owners.append(pd.Series(values, copy=False))
            self._owned_names = len(self._codes)
        return self._owners[-1].iloc[: self._length]


class TextColumn:
    """A growing text column in Arrow's own layout.

    Nearly always one array, however it grew: before pandas takes rows out of several, it joins
    them, every time.
    """

    def __init__(self) -> None:
        self._parts = [_TextPart()]

    def extend(self, texts: Sequence[str | bytes | None]) -> None:
        """Append the texts; bytes are UTF-8."""
        self._append(pa.array(texts, type=pa.large_string()))

    def extend_missing(self, count: int) -> None:
        """Append so many missing texts."""
        self._append(pa.nulls(count, pa.large_string()))

    def _append(self, fresh: pa.LargeStringArray) -> None:
        if not self._parts[-1].has_room(fresh):
            self._parts.append(_TextPart())
        self._parts[-1].extend(fresh)

    def forget(self, count: int) -> None:
        """Let go of the oldest texts."""
        arrays = pa.chunked_array([part.array() for part in self._parts])
        self._parts = [_TextPart()]
        for chunk in arrays.slice(count).chunks:
            # A slice keeps the whole array's buffers: a copy has its own, from their beginning.
            copied = pa.concat_arrays([chunk, pa.array([], type=pa.large_string())])
            self._append(copied)

    @property
    def nbytes(self) -> int:
        """Bytes of the texts and of their ends."""
        return sum(part.nbytes for part in self._parts)

    def array(self) -> Any:
        """The column so far as a pandas str array, sharing its memory."""
        import pandas as pd

        parts = [part.array() for part in self._parts]
        column = pa.chunked_array(parts, type=pa.large_string())
        return pd.arrays.ArrowStringArray(column, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]


class _TextPart:
    """One array of texts: their bytes, where each one ends, a bit for each if any is missing."""

    def __init__(self) -> None:
        self._bytes = np.empty(32 * _FIRST_CAPACITY, dtype="uint8")
        self._ends = np.zeros(_FIRST_CAPACITY + 1, dtype="int64")  # beginning with a 0
        self._there = np.empty(0, dtype="uint8")  # unused while none is missing
        self._length = 0
        self._missing = 0

    def has_room(self, fresh: pa.LargeStringArray) -> bool:
        """Whether the texts may be appended; always to an empty part."""
        return not self._length or self._ends[self._length] + fresh.nbytes <= _PART_BYTES

    def extend(self, fresh: pa.LargeStringArray) -> None:
        """Append the texts."""
        begin, end = self._length, self._length + len(fresh)
        ends = np.frombuffer(fresh.buffers()[1], dtype="int64", count=len(fresh) + 1)
        used, size = int(self._ends[begin]), int(ends[-1])
        self._ends = _with_room(self._ends, begin + 1, end + 1)
        self._ends[begin + 1 : end + 1] = ends[1:] + used
        self._bytes = _with_room(self._bytes, used, used + size)
        if size:
            content = np.frombuffer(fresh.buffers()[2], dtype="uint8", count=size)
            self._bytes[used : used + size] = content
        if fresh.null_count or self._missing:
            self._mark(fresh.is_valid().to_numpy(zero_copy_only=False))
        self._missing += fresh.null_count
        self._length = end

    @property
    def nbytes(self) -> int:
        """Bytes of the texts and of their ends."""
        return int(self._ends[self._length]) + 8 * self._length

    def _mark(self, there: np.ndarray) -> None:
        if not self._missing:  # all the rows before are there, and none was marked for it
            self._there = np.full(self._length // 8 + 1, 0xFF, dtype="uint8")
        first, shared = divmod(self._length, 8)  # bits of rows before, in the byte to begin with
        before = np.unpackbits(self._there[first : first + 1], count=shared, bitorder="little")
        marked = np.packbits(np.concatenate([before, there]), bitorder="little")
        self._there = _with_room(self._there, first + 1, first + len(marked) + 1)
        self._there[first : first + len(marked)] = marked

    def array(self) -> pa.LargeStringArray:
        """The texts so far, sharing their memory."""
        used = self._ends[self._length]
        return pa.LargeStringArray.from_buffers(
            self._length,
            pa.py_buffer(self._ends[: self._length + 1]),
            pa.py_buffer(self._bytes[:used]),
            pa.py_buffer(self._there) if self._missing else None,
            self._missing,
        )


def _with_room(buffer: np.ndarray, used: int, needed: int) -> np.ndarray:
    """The buffer if it is long enough, or a longer one with the used part of it."""
    if needed <= len(buffer):
        return buffer
    grown = np.empty(max(needed, 2 * len(buffer)), dtype=buffer.dtype)
    grown[:used] = buffer[:used]
    return grown
