"""The rows of a log that meet a search: found piece by piece, the newest first.

A piece is small enough that a new search, or the end of the panel, waits for 60 ms at most; and
Python's lock is free meanwhile, so the capture goes on.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.jupyter.widgets.rows import RowSource
from bxpull_nb.params.path import Path
from bxpull_nb.query.search import columns_read, matches
from bxpull_nb.query.search_text import Alternatives
from bxpull_nb.query.search_values import texts_at
from bxpull_nb.storage.eventlog import EventLog

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FACETS", "LiveAnswer", "df_of"]

PIECE = 1 << 17
"""Rows that are searched in one go."""
FACETS = {
    "module": "module_id",
    "command": "command",
    "channel": "channel",
    "sender": "sender",
    "source": "source",
}
"""Name of a facet, as in a search -> column of events."""
_MOST_VALUES = 10_000  # values of one facet that are counted: event text may be hostile


class LiveAnswer:
    """The rows of `source` that meet a search within a span of time. Every row meets ().

    One thread calls `advance`; the others may be called by any. `facets` are names of `FACETS`
    and paths (`params.stage`), whose values in the found rows are counted.
    """

    def __init__(
        self,
        source: RowSource,
        wanted: Alternatives = (),
        span_us: tuple[int | None, int | None] = (None, None),
        facets: Sequence[str] = (),
    ) -> None:
        self.wanted, self.span_us = wanted, span_us
        self.is_all = not wanted and span_us == (None, None)
        """Whether all rows meet it; then only facets need a search."""
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in facets}
        """Values of each facet in the found rows, with the number of these."""
        self.low = self.high = len(source)
        """The rows from `low` to before `high` were searched."""
        self._source = source
        self._lock = threading.Lock()
        self._parts: list[np.ndarray] = []  # row numbers, ascending, also from part to part
        self._turn = False  # older and newer rows in turn, for a feed may be busy

    def advance(self) -> bool:
        """Search one piece; whether there was one."""
        df, kept_from = df_of(self._source)
        end = kept_from + len(df)
        if not (self.high < end or self.low > kept_from):
            return False
        self._turn = not self._turn
        if self.low > kept_from and (self._turn or self.high >= end):
            first, stop = max(kept_from, self.low - PIECE), self.low
        else:
            first, stop = max(kept_from, self.high), min(end, max(kept_from, self.high) + PIECE)
        piece = df.iloc[first - kept_from : stop - kept_from]
        found = self._found(piece)
        with self._lock:
            if not self.is_all and len(found):
                self._insert(found + first, newer=stop > self.high)
            self.low, self.high = min(self.low, first), max(self.high, stop)
        return True

    @property
    def is_done(self) -> bool:
        """Whether all rows that are kept were searched."""
        return self.high >= len(self._source) and self.low <= self.kept_from

    @property
    def is_past_done(self) -> bool:
        """Whether all rows were searched that there were when it began."""
        return self.low <= self.kept_from

    @property
    def kept_from(self) -> int:
        """The number of the oldest row that is kept."""
        return getattr(self._source, "forgotten", 0)

    @property
    def searched(self) -> int:
        """The number of rows that were searched."""
        return self.high - max(self.low, self.kept_from)

    def __len__(self) -> int:
        """Return the number of rows found that are kept."""
        if self.is_all:
            return len(self._source) - self.kept_from
        return len(self.since(self.kept_from)) if self.kept_from else sum(map(len, self._parts))

    def since(self, number: int) -> np.ndarray:
        """Return the numbers of the found rows from this one on."""
        if self.is_all:
            return np.arange(max(number, self.kept_from), len(self._source))
        rows = self._rows()
        return rows[np.searchsorted(rows, max(number, self.kept_from)) :]

    def before(self, number: int, count: int) -> np.ndarray:
        """Return the numbers of the last `count` found rows before this one."""
        if self.is_all:
            return np.arange(max(number - count, self.kept_from), min(number, len(self._source)))
        rows = self.since(0)
        end = int(np.searchsorted(rows, number))
        return rows[max(0, end - count) : end]

    def _rows(self) -> np.ndarray:
        with self._lock:
            if len(self._parts) != 1:
                self._parts = [np.concatenate([np.empty(0, "int64"), *self._parts])]
            return self._parts[0]

    def _insert(self, found: np.ndarray, *, newer: bool) -> None:
        self._parts.insert(len(self._parts) if newer else 0, found)
        if len(self._parts) > 64:
            self._parts = [np.concatenate(self._parts)]

    def _found(self, piece: "pd.DataFrame") -> np.ndarray:
        """Return the places in the piece that meet the search; count their facets."""
        since, until = self.span_us
        mask = matches(self.wanted, _table(piece, columns_read(self.wanted)), len(piece))
        if since is not None or until is not None:
            times = piece["received_at"].to_numpy("int64")  # NaT is far below
            mask &= times >= (np.iinfo("int64").min + 1 if since is None else since)
            mask &= times < (np.iinfo("int64").max if until is None else until)
        rows = np.flatnonzero(mask)
        for name, counter in self.counts.items():
            counter.update(_counted(piece, name, rows))
            if len(counter) > _MOST_VALUES:
                self.counts[name] = Counter(dict(counter.most_common(_MOST_VALUES // 2)))
        return rows


def df_of(source: RowSource) -> tuple["pd.DataFrame", int]:
    """Return a source's kept rows as a table, and the number of the first one."""
    df = getattr(source, "df", None)
    if df is not None:
        return df, int(df.attrs.get("forgotten", 0))
    first, records = source.recent(0)
    log = EventLog()
    log.extend(records)
    return log.df, first


def _table(df: "pd.DataFrame", names: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array(df[name], from_pandas=True) for name in names})


def _counted(piece: "pd.DataFrame", name: str, rows: np.ndarray) -> dict[str, int]:
    """Return how often each value of a facet is in these rows."""
    if name in FACETS:
        column: Any = piece[FACETS[name]].cat
        codes = column.codes.to_numpy()[rows]
        found, counts = np.unique(codes[codes >= 0], return_counts=True)
        names = column.categories.take(found)
        return dict(zip(names, counts.tolist(), strict=True))
    texts = pa.array(piece["params"].iloc[rows], from_pandas=True).cast(pa.large_string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    path = Path.of(name.removeprefix("params."))
    values = texts_at(texts, path) if len(texts) else texts
    values = values.flatten() if path.is_many and len(texts) else values
    pairs = values.drop_null().value_counts().to_pylist()
    return {pair["values"]: pair["counts"] for pair in pairs}
