"""Rows of recorded events in columns, which a log takes without making records of them."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import pyarrow as pa

from bxpull_nb.models import Record, RecordBatch
from bxpull_nb.storage.eventlog.rows import batch_of_rows

__all__ = ["Names", "StoredRows"]


class Names(NamedTuple):
    """A column of categories."""

    known: Sequence[str]
    codes: np.ndarray
    """The place of each row's name in `known`; -1 where it is missing."""

    def texts(self) -> list[str | None]:
        """Return the name of each row."""
        known = [*self.known, None]  # the last one has code -1
        return [known[code] for code in self.codes.tolist()]


class StoredRows(Sequence[Record]):
    """Rows of recorded events: a sequence of records, which are made when they are accessed.

    The columns are those of `EVENT_COLUMNS` without `lag`, which follows from the times. An
    event has a `mid` and `params`; a row that could not be read has an `error`.
    """

    def __init__(
        self,
        times: Mapping[str, np.ndarray],
        names: Mapping[str, Names],
        texts: Mapping[str, pa.ChunkedArray],
    ) -> None:
        self.times = times
        """`received_at` and `server_time` in microseconds since 1970, NaT for a missing one."""
        self.names = names
        """The columns of categories."""
        self.texts = texts
        """The columns of texts."""

    @property
    def bad_frames(self) -> int:
        """The number of rows that could not be read."""
        return len(self) - int(self.texts["error"].null_count)

    @cached_property
    def records(self) -> RecordBatch:
        """The records of all rows; a row with an `error` is a BadFrame."""
        columns: dict[str, Any] = {name: column.texts() for name, column in self.names.items()}
        columns |= {name: self.texts[name].to_pylist() for name in ("mid", "error")}
        columns["params"] = self.texts["params"].cast(pa.large_binary()).to_pylist()
        return batch_of_rows(columns | dict(self.times))

    def part(self, start: int, stop: int) -> "StoredRows":
        """Return the rows from `start` to before `stop`, without a copy."""
        rows = slice(start, stop)
        return StoredRows(
            {name: times[rows] for name, times in self.times.items()},
            {name: Names(known, codes[rows]) for name, (known, codes) in self.names.items()},
            {name: texts.slice(start, stop - start) for name, texts in self.texts.items()},
        )

    def __len__(self) -> int:
        return len(self.times["received_at"])

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        wanted = range(len(self))[place]
        if isinstance(wanted, range):
            return self.records[place]
        return self.part(wanted, wanted + 1).records[0]

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)
