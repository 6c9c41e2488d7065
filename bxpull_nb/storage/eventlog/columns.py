"""Columns that only grow and are handed out without a copy.

Rows that were handed out never change: a column writes only after them, and when it moves to a
longer buffer, the old one stays with its holders. Values that come in small portions wait in plain
lists, which is cheapest, until they are flushed.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.storage.eventlog.buffers import (
    FIRST_CAPACITY,
    packed,
    read_only,
    reserved,
    with_room,
)
from bxpull_nb.storage.eventlog.text_column import TextColumn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CategoryColumn", "NumberColumn"]

_NAME_BYTES = 200  # that a name takes besides its characters
_MANY_BYTES = 1 << 20  # of names: from here on those are dropped that no row has any more


class NumberColumn:
    """A growing numpy column, handed out as views that pandas copies on write."""

    def __init__(self, make: Callable[[np.ndarray], Any]) -> None:
        self._make = make
        self._buffer = np.empty(FIRST_CAPACITY, dtype="int64")
        self._length = 0
        self._whole: pd.Series[Any] | None = None  # over all of the buffer

    def extend(self, values: np.ndarray) -> None:
        """Append the values."""
        end = self._length + len(values)
        if end >= len(self._buffer):
            self._buffer, self._whole = with_room(self._buffer, self._length, end + 1), None
        self._buffer[self._length : end] = values
        self._length = end

    def forget(self, count: int) -> None:
        """Drop the oldest values; columns that were handed out keep them."""
        kept = self._buffer[count : self._length]
        self._buffer, self._whole = with_room(kept, len(kept), len(kept) + 2), None
        self._length = len(kept)

    def values(self, start: int) -> np.ndarray:
        """Return the values from row `start` on."""
        return self._buffer[start : self._length]

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self._length * self._buffer.itemsize

    def whole(self) -> "pd.Series[Any]":
        """Return all rows that there is memory for; the same object until that moves."""
        if self._whole is None:
            self._whole = _copied_on_write(self._make(read_only(self._buffer)))
        return self._whole


class _Codes(dict[str | None, int]):
    """Codes by name; a new name gets the next one."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__({None: -1})
        self.nbytes = 0
        """Bytes of the names, as one byte a character, and of their entries."""
        for name in names:
            self[name]

    def __missing__(self, name: str) -> int:
        written = name.encode(errors="replace").decode()  # as a text column holds it
        if written != name:
            return self[written]
        code = self[name] = len(self) - 1
        self.nbytes += len(name) + _NAME_BYTES
        return code


class CategoryColumn:
    """A growing categorical column with codes as narrow as the number of names allows."""

    def __init__(self) -> None:
        self._codes = _Codes()
        self._names = TextColumn()
        self._waiting: list[int] = []
        self._buffer = np.empty(FIRST_CAPACITY, dtype="int8")
        self._length = 0
        self._whole: pd.Series[Any] | None = None  # over all of the buffer, with so many names:
        self._known_names = 0

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

    def extend_codes(self, names: Sequence[str], codes: np.ndarray) -> None:
        """Append the names at these places of `names`, -1 for a missing one; none may wait."""
        known = [*names, None]  # the last one has place -1
        for place in pc.unique(pa.array(codes)).to_pylist():  # new names in their order
            self._codes[known[place]]
        self._append(np.array([self._codes.get(name, -1) for name in known])[codes])

    def flush(self) -> None:
        """Write waiting names to the column."""
        self._append(packed("i", self._waiting))
        self._waiting = []

    def _append(self, fresh: np.ndarray) -> None:
        end = self._length + len(fresh)
        narrowest = np.min_scalar_type(-len(self._codes))
        if end >= len(self._buffer) or narrowest.itemsize > self._buffer.itemsize:
            self._grow(end, narrowest)
        self._buffer[self._length : end] = fresh
        self._length = end

    def names(self, start: int) -> list[str | None]:
        """Return the names from row `start` on."""
        known = [*list(self._codes)[1:], None]  # a missing one has code -1
        return [known[code] for code in self._buffer[start : self._length]]

    def _grow(self, end: int, dtype: np.dtype[Any]) -> None:
        grown = with_room(self._buffer, self._length, end + 1)
        if grown.dtype != dtype:
            grown = reserved(len(grown), dtype)
            grown[: self._length] = self._buffer[: self._length]
        self._buffer, self._whole = grown, None

    def forget(self, count: int) -> None:
        """Drop the oldest names; the categories stay, unless they take much memory."""
        kept = self._buffer[count : self._length]
        if self._codes.nbytes > _MANY_BYTES:
            kept = self._without_unused(kept)
        self._buffer = with_room(kept, len(kept), len(kept) + 2)
        self._length, self._whole = len(kept), None

    def _without_unused(self, kept: np.ndarray) -> np.ndarray:
        """Return the codes of the kept rows once the other names are dropped; none may wait."""
        used, codes = np.unique(kept, return_inverse=True)
        known = list(self._codes)  # a code's name is one place later
        self._codes = _Codes(str(known[code + 1]) for code in used.tolist() if code >= 0)
        self._names, self._known_names = TextColumn(), 0
        if len(used) and used[0] < 0:
            codes = codes - 1  # -1 for a missing name stays
        return codes.astype(np.min_scalar_type(-len(self._codes)))

    @property
    def nbytes(self) -> int:
        """Bytes of the codes, and of the names where these are many."""
        names = self._codes.nbytes if self._codes.nbytes > _MANY_BYTES else 0
        return self._length * self._buffer.itemsize + names

    def whole(self) -> "pd.Series[Any]":
        """Return all rows that there is memory for; the same object until that or names change."""
        import pandas as pd

        if self._whole is None or self._known_names < len(self._codes) - 1:
            self._names.extend(list(self._codes)[1 + self._known_names :])
            self._names.flush()
            self._known_names = len(self._codes) - 1
            dtype = pd.CategoricalDtype(pd.Index(self._names.whole()[: self._known_names]))
            codes = read_only(self._buffer)
            values = pd.Categorical.from_codes(codes, dtype=dtype, validate=False)
            self._whole = _copied_on_write(values)
        return self._whole


def _block(series: Any) -> Any:
    return series._mgr.blocks[0]


@cache
def _other_block() -> Any:
    import pandas as pd

    return _block(pd.Series([0]))


def _copied_on_write(values: Any) -> "pd.Series[Any]":
    """Return the values as a Series that pandas copies before it writes to it or a view of it.

    pandas does so while another block refers to the same memory, so one that never goes does.
    """
    import pandas as pd

    series = pd.Series(values, copy=False)
    _block(series).refs.add_reference(_other_block())
    return series
