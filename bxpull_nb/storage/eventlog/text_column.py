"""A growing text column in Arrow's layout, handed out without a copy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bxpull_nb.storage.eventlog.buffers import FIRST_CAPACITY, packed, read_only, with_room

__all__ = ["TextColumn"]

_PART_BYTES = 1 << 27  # of text in one array at most, which bounds the time of a move
_MISSING = -1  # the size of a missing text


class TextColumn:
    """A growing text column.

    It is nearly always one array, because pandas joins several arrays each time it selects rows.
    """

    def __init__(self) -> None:
        self._contents: list[bytes] = []
        self._sizes: list[int] = []
        self._missing = 0  # missing texts that wait after the others
        self._parts = [_TextPart()]
        self._whole: Any = None

    def extend(self, texts: Sequence[str | None]) -> None:
        """Append the texts; they wait for `flush`."""
        joined = _joined(texts)
        if joined is not None:
            self.extend_joined(joined, list(map(len, texts)))  # type: ignore[arg-type]
            return
        # Halves of characters, which UTF-8 cannot hold, become question marks.
        contents = [None if text is None else text.encode(errors="replace") for text in texts]
        sizes = [_MISSING if content is None else len(content) for content in contents]
        self.extend_joined(b"".join(filter(None, contents)), sizes)

    def extend_joined(self, content: bytes, sizes: Sequence[int]) -> None:
        """Append the texts of `content`, one after the other in UTF-8."""
        if self._missing:
            self._settle_missing()
        self._contents.append(content)
        self._sizes += sizes

    def extend_missing(self, count: int) -> None:
        """Append `count` missing texts."""
        self._missing += count

    def extend_arrays(self, arrays: Sequence[pa.LargeStringArray]) -> None:
        """Append the texts of the arrays; none may wait."""
        for array in arrays:
            self._append(*_content_and_sizes(array))

    def flush(self) -> None:
        """Write waiting texts to the column."""
        self._settle_missing()
        content, sizes = b"".join(self._contents), packed("q", self._sizes)
        self._contents, self._sizes = [], []
        self._append(np.frombuffer(content, dtype="uint8"), sizes)

    def forget(self, count: int) -> None:
        """Drop the oldest texts."""
        parts, self._parts = self._parts, [_TextPart()]
        self._whole = None
        for part in parts:
            self._append(*part.since(min(count, len(part))))
            count -= min(count, len(part))

    @property
    def nbytes(self) -> int:
        """Bytes of the texts and of their ends."""
        return sum(part.nbytes for part in self._parts)

    def values(self, start: int) -> pa.ChunkedArray:
        """Return the texts from row `start` on."""
        return self._chunks().slice(start)

    def whole(self) -> Any:
        """Return all rows that there is memory for; the same object until that moves.

        It is a pandas str array that shares the memory. Rows that are not written yet are
        undefined.
        """
        import pandas as pd

        if self._whole is None or any(part.has_moved for part in self._parts):
            arrays = [part.array() for part in self._parts[:-1]] + [self._parts[-1].whole()]
            dtype = pd.StringDtype("pyarrow", na_value=np.nan)
            chunks = pa.chunked_array(arrays, type=pa.large_string())
            self._whole = pd.arrays.ArrowStringArray(chunks, dtype=dtype)  # type: ignore[call-arg]
        return self._whole

    def _settle_missing(self) -> None:
        self._sizes += [_MISSING] * self._missing
        self._missing = 0

    def _chunks(self) -> pa.ChunkedArray:
        return pa.chunked_array([part.array() for part in self._parts], type=pa.large_string())

    def _append(self, content: np.ndarray, sizes: np.ndarray) -> None:
        if not self._parts[-1].has_room(len(content) + sizes.nbytes):
            self._parts.append(_TextPart())
            self._whole = None
        self._parts[-1].extend(content, sizes)


class _TextPart:
    """One array of texts: bytes, ends, and a bit each if any is missing."""

    def __init__(self) -> None:
        self._bytes = np.empty(32 * FIRST_CAPACITY, dtype="uint8")
        self._ends = np.zeros(FIRST_CAPACITY + 1, dtype="int64")  # beginning with a 0
        self._there = np.empty(0, dtype="uint8")  # unused while none is missing
        self._length = 0
        self._missing = 0
        self._made_of: tuple[np.ndarray, ...] = ()  # the memory of the array that `whole` made

    def __len__(self) -> int:
        return self._length

    def has_room(self, size: int) -> bool:
        """Whether `size` bytes may be appended; always to an empty part."""
        return not self._length or self._ends[self._length] + size <= _PART_BYTES

    def extend(self, content: np.ndarray, sizes: np.ndarray) -> None:
        """Append texts: the bytes of all, and the size of each."""
        there = sizes != _MISSING
        missing = len(sizes) - int(np.count_nonzero(there))
        begin, end = self._length + 1, self._length + 1 + len(sizes)
        used = int(self._ends[self._length])
        self._ends = with_room(self._ends, begin, end + 1)
        np.cumsum(sizes * there if missing else sizes, out=self._ends[begin:end])
        self._ends[begin:end] += used
        self._bytes = with_room(self._bytes, used, used + len(content))
        self._bytes[used : used + len(content)] = content
        if missing or self._missing:
            self._mark(there)
        self._missing += missing
        self._length += len(sizes)

    def since(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the bytes of all texts from a row on, and the size of each."""
        ends = self._ends[row : self._length + 1]
        sizes = np.diff(ends)
        if self._missing:
            there = np.unpackbits(self._there, count=self._length, bitorder="little")
            sizes[there[row:] == 0] = _MISSING
        return self._bytes[ends[0] : ends[-1]], sizes

    @property
    def nbytes(self) -> int:
        """Bytes of the texts and of their ends."""
        return int(self._ends[self._length]) + 8 * self._length

    def _mark(self, there: np.ndarray) -> None:
        if not self._missing:  # no row before is missing, and none was marked
            self._there = np.full(self._length // 8 + 1, 0xFF, dtype="uint8")
        first, shared = divmod(self._length, 8)  # bits of earlier rows in the first byte
        before = np.unpackbits(self._there[first : first + 1], count=shared, bitorder="little")
        marked = np.packbits(np.concatenate([before, there]), bitorder="little")
        self._there = with_room(self._there, first + 1, first + len(marked) + 2)
        self._there[first : first + len(marked)] = marked

    @property
    def has_moved(self) -> bool:
        """Whether the memory is not that of the array which `whole` returned last."""
        made_of = self._made_of
        return bool(made_of) and any(a is not b for a, b in zip(made_of, self._memory, strict=True))

    @property
    def _memory(self) -> tuple[np.ndarray, ...]:
        return self._ends, self._bytes, self._there

    def whole(self) -> pa.LargeStringArray:
        """Return all texts that there is memory for, sharing it; later ones are undefined."""
        self._made_of = self._memory
        room = len(self._ends) - 1
        if self._missing:
            room = min(room, 8 * len(self._there))
        if self._length < room:
            self._ends[room] = self._ends[self._length]  # Arrow looks at the first and last end
        ends, content, there = (pa.py_buffer(read_only(buffer)) for buffer in self._memory)
        if self._missing:
            # Neither 0 nor all, from which a slice would conclude that none or each is missing:
            # a slice counts its own.
            return pa.LargeStringArray.from_buffers(room, ends, content, there, 1)
        return pa.LargeStringArray.from_buffers(room, ends, content, None, 0)

    def array(self) -> pa.LargeStringArray:
        """Return the texts so far, sharing their memory."""
        used = self._ends[self._length]
        return pa.LargeStringArray.from_buffers(
            self._length,
            pa.py_buffer(read_only(self._ends[: self._length + 1])),
            pa.py_buffer(read_only(self._bytes[:used])),
            pa.py_buffer(read_only(self._there)) if self._missing else None,
            self._missing,
        )


def _joined(texts: Sequence[str | None]) -> bytes | None:
    """Return all texts as one, if no text is missing and all are ASCII."""
    try:
        joined = "".join(texts)  # type: ignore[arg-type]  # that is what raises
    except TypeError:
        return None
    return joined.encode() if joined.isascii() else None


def _content_and_sizes(array: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts, and the size of each."""
    if array.null_count == len(array):
        return np.empty(0, dtype="uint8"), np.full(len(array), _MISSING)
    if array.null_count:  # bytes may lie under a missing text
        texts, sizes = _content_and_sizes(array.fill_null(""))
        return texts, np.where(array.is_valid(), sizes, _MISSING)
    _, ends, content = array.buffers()
    bounds = np.frombuffer(ends, dtype="int64")[array.offset : array.offset + len(array) + 1]
    texts = np.frombuffer(content or b"", dtype="uint8")[bounds[0] : bounds[-1]]
    return texts, np.diff(bounds)
