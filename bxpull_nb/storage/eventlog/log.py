"""The columnar, append-only log behind the live DataFrame.

Values wait in their columns, and move to the columns' own memory when enough wait or when a
DataFrame is asked for. The DataFrame shares that memory: it costs the same at a thousand rows and
at a million, and it never changes.
"""

import struct
import threading
from collections.abc import Iterable, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np

from bxpull_nb.errors import SettingsError
from bxpull_nb.locks import fork_safe
from bxpull_nb.masking import quoted
from bxpull_nb.models import EVENT_COLUMNS, Arrival, Record, RecordBatch
from bxpull_nb.models.counted import counted
from bxpull_nb.storage.eventlog.buffers import packed
from bxpull_nb.storage.eventlog.columns import CategoryColumn, NumberColumn
from bxpull_nb.storage.eventlog.rows import batch_of_rows
from bxpull_nb.storage.eventlog.stored_rows import StoredRows
from bxpull_nb.storage.eventlog.text_column import TextColumn

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RECENT", "EventLog"]

_FEW = 50  # rows; fewer do not pay for the steps of a batch
_BATCH = 8192  # rows that may wait before they are written
_BATCH_BYTES = 1 << 23  # of their params, likewise
_TIMES = ("received_at", "server_time", "lag")
_NAT = np.iinfo("int64").min
_FAR = 2.5e11  # seconds since 1970; year 9999
_WAITING_NAMES = ("module_id", "command", "sender")  # the others are equal within a frame
RECENT = 10_000
"""The most rows that `recent` returns."""


class EventLog:
    """All records of a capture, as a DataFrame at any moment.

    Any thread may append or read; the columns are those of `EVENT_COLUMNS`. With `max_rows` or
    `max_bytes` (of the columns) only the newest rows are kept: at least `max_rows`, up to a
    quarter more, within `max_bytes`. A row keeps its number, which is its index in the DataFrame.
    """

    def __init__(self, max_rows: int | None = None, max_bytes: int | None = None) -> None:
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.replaced = 0
        """How often all rows were replaced by others: see `replace`."""
        self._lock = fork_safe(threading.RLock(), 2)
        self._empty()

    def _empty(self) -> None:
        """Begin without rows, in memory of its own: DataFrames that were handed out keep theirs."""
        self.forgotten = 0
        """The number of oldest rows that are no longer kept."""
        self._rows = self._handed_over = self._sealed = 0
        self._waiting: list[RecordBatch] = []
        self._unsealed: list[RecordBatch] = []  # all rows from `_sealed` on
        self._waiting_bytes = 0
        self._answered: tuple[int, int, list[Record]] = (0, 0, [])  # of `recent`: from, to, rows
        self._df: pd.DataFrame | None = None
        self._whole: pd.DataFrame | None = None  # of all rows that there is memory for, made of:
        self._made_of: list[Any] = []
        self._arrivals: list[tuple[Arrival, int]] = []  # of the rows that wait
        self._sent: list[float | None] = []
        self._received = NumberColumn(_utc)
        self._server = NumberColumn(_utc)
        self._lag = NumberColumn(_duration)
        self._names = {
            name: CategoryColumn() for name, kind in EVENT_COLUMNS.items() if kind == "category"
        }
        self._texts = {name: TextColumn() for name, kind in EVENT_COLUMNS.items() if kind == "str"}

    @property
    def max_rows(self) -> int | None:
        """The least number of newest rows to keep; None for all. SettingsError below 1."""
        return self._max_rows

    @max_rows.setter
    def max_rows(self, count: int | None) -> None:
        self._max_rows = _checked_bound("max_rows", count)

    @property
    def max_bytes(self) -> int | None:
        """The most bytes of the columns to keep; None for all. SettingsError below 1."""
        return self._max_bytes

    @max_bytes.setter
    def max_bytes(self, count: int | None) -> None:
        self._max_bytes = _checked_bound("max_bytes", count)

    def extend(self, records: Iterable[Record]) -> None:
        """Append the records, in their order."""
        if isinstance(records, StoredRows):
            self._extend_stored(records)
            return
        batch = RecordBatch.of(records)
        count = len(batch)
        if not count:
            return
        with self._lock:
            self._waiting.append(batch)
            self._unsealed.append(batch)
            self._rows += count
            self._waiting_bytes += len(batch.params)
            if self._rows - self._handed_over >= _FEW:
                self._hand_over()
            if self._rows - self._sealed >= _BATCH or self._waiting_bytes >= _BATCH_BYTES:
                self._seal()

    def replace(self, rows: StoredRows) -> None:
        """Hold these rows in place of all before, numbered from 0; held DataFrames stay."""
        with self._lock:
            self._empty()
            self.replaced += 1
            for start in range(0, len(rows), _BATCH):
                self.extend(rows.part(start, min(start + _BATCH, len(rows))))

    def __len__(self) -> int:
        """Return how many rows there have been, since `replace` if it was called."""
        return self._rows

    @property
    def df(self) -> "pd.DataFrame":
        """Every row that is kept, with the columns and dtypes of `EVENT_COLUMNS`.

        The index counts the rows from 0; in a bounded log, `attrs["forgotten"]` is the number of
        rows missing before the first. It shares memory with the log and costs no copy, but never
        changes with it, and writing into it does not change the log. Ask again for newer rows.
        """
        with self._lock:
            self._seal()
            if self._df is None:
                self._df = self._build()
            return self._df.copy(deep=False)

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """Return the newest `n` rows, oldest first."""
        try:
            count = index(n)
        except Exception:  # noqa: BLE001 - any `__index__`
            raise SettingsError(f"tail({quoted(n)}): give a number of rows.") from None
        return self.df.tail(max(count, 0))

    def recent(self, start: int) -> tuple[int, list[Record]]:
        """Return the kept records from row `start` on, at most the newest ten thousand.

        The result is the row number of the first one, and the records, made from their rows
        without building a DataFrame. The views of a panel ask for the same rows in turn, so the
        last answer is kept. Rows that wait are returned as they came: a panel asks several times
        a second for a few, and writing them costs more than showing them.
        """
        with self._lock:
            if start >= self._sealed:
                return min(start, self._rows), self._waiting_records(start)
            self._seal()
            first = min(max(start, self._rows - RECENT, self.forgotten), self._rows)
            if self._answered[:2] != (first, self._rows):
                self._answered = first, self._rows, self._records(first - self.forgotten)
            return first, self._answered[2].copy()

    def recent_lags(self, count: int) -> np.ndarray:
        """Return the `lag_us` of the newest `count` rows, without the unknown ones."""
        with self._lock:
            self._seal()
            lags = self._lag.values(max(self._sealed - self.forgotten - count, 0))
            known: np.ndarray = lags[lags != _NAT]
            return known

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        # polars, DuckDB, narwhals and pyarrow take the log by it, without a copy of its texts
        import pyarrow as pa

        table = pa.Table.from_pandas(self.df, preserve_index=False).replace_schema_metadata()
        return table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"EventLog({counted(len(self), 'row')})"

    def _repr_html_(self) -> str:
        return f"<div>{self!r}</div>{self.tail(5).to_html()}"

    def _extend_stored(self, rows: StoredRows) -> None:
        """Append recorded rows, column by column; records are made only for unreadable ones."""
        if rows.bad_frames:
            self.extend(rows.records)
            return
        with self._lock:
            self._seal()
            self._rows += len(rows)
            self._extend_times(rows.times["received_at"], _in_range(rows.times["server_time"]))
            for name, names in rows.names.items():
                self._names[name].extend_codes(*names)
            for name, texts in rows.texts.items():
                self._texts[name].extend_arrays(texts.chunks)
            self._sealed_all()

    def _hand_over(self) -> None:
        """Give waiting values to the columns, where they wait for `_seal`."""
        batch, self._waiting = RecordBatch.joined(self._waiting), []
        self._handed_over = self._rows
        self._texts["mid"].extend(batch.mids)
        self._texts["params"].extend_joined(batch.params, batch.sizes)
        if batch.errors is None:  # nearly always
            self._texts["error"].extend_missing(len(batch))
        else:
            self._texts["error"].extend(batch.errors)
        self._names["module_id"].extend(batch.module_ids)
        self._names["command"].extend(batch.commands)
        self._names["sender"].extend(batch.senders)
        self._arrivals += batch.arrivals
        self._sent += batch.times

    def _seal(self) -> None:
        """Write waiting values to the columns' memory."""
        if self._sealed == self._rows:
            return
        if self._waiting:
            self._hand_over()
        self._extend_times(self._seal_arrivals(), _microseconds(_seconds(self._sent)))
        self._sent = []
        for name in _WAITING_NAMES:
            self._names[name].flush()
        for texts in self._texts.values():
            texts.flush()
        self._sealed_all()

    def _extend_times(self, received: np.ndarray, server: np.ndarray) -> None:
        self._received.extend(received)
        self._server.extend(server)
        known = (received != _NAT) & (server != _NAT)
        self._lag.extend(np.where(known, received - server, _NAT))

    def _sealed_all(self) -> None:
        """Note that all rows are written; forget the oldest where there are too many."""
        self._handed_over = self._sealed = self._rows
        self._unsealed.clear()
        self._waiting_bytes = 0
        self._df = None
        excess = self._excess()
        if excess:
            self._forget(excess)

    def _seal_arrivals(self) -> np.ndarray:
        """Append the columns of arrivals; return the times of arrival in microseconds."""
        runs, self._arrivals = self._arrivals, []
        counts = [count for _, count in runs]
        times = [_NAT if (us := arrival.received_us) is None else us for arrival, _ in runs]
        received = np.repeat(np.array(times, dtype="int64"), counts)
        self._names["channel"].extend_runs([arrival.channel for arrival, _ in runs], counts)
        self._names["transport"].extend_runs([arrival.transport for arrival, _ in runs], counts)
        self._names["source"].extend_runs([arrival.source for arrival, _ in runs], counts)
        return received

    def _excess(self) -> int:
        """Return how many rows to drop; many at a time, since others move."""
        kept, excess = self._sealed - self.forgotten, 0
        if self.max_rows is not None and kept > self.max_rows * 5 // 4:
            excess = kept - self.max_rows
        if self.max_bytes is not None and self.nbytes > self.max_bytes:
            excess = max(excess, kept - int(kept * 0.75 * self.max_bytes / self.nbytes))
        return excess

    def _forget(self, count: int) -> None:
        for column in self._columns:
            column.forget(count)
        self.forgotten += count

    @property
    def nbytes(self) -> int:
        """Bytes of the kept rows' columns; reserved memory is not counted."""
        return sum(column.nbytes for column in self._columns)

    @property
    def _columns(self) -> list[NumberColumn | CategoryColumn | TextColumn]:
        times = [self._received, self._server, self._lag]
        return [*times, *self._names.values(), *self._texts.values()]

    def _waiting_records(self, start: int) -> list[Record]:
        """Return the records from row `start` on, of rows that are not written yet."""
        parts: list[Sequence[Record]] = []
        row = self._rows
        for batch in reversed(self._unsealed):
            if row <= start:
                break
            row -= len(batch)
            parts.append(batch[max(start - row, 0) :])
        return [record for part in reversed(parts) for record in part]

    def _records(self, place: int) -> list[Record]:
        """Return the records of the kept rows from this place on."""
        times = {"received_at": self._received, "server_time": self._server}
        columns: dict[str, Any] = {name: column.values(place) for name, column in times.items()}
        columns |= {name: column.names(place) for name, column in self._names.items()}
        texts = {name: column.values(place) for name, column in self._texts.items()}
        columns |= {name: texts[name].to_pylist() for name in ("mid", "error")}
        columns["params"] = texts["params"].cast("large_binary").to_pylist()
        return list(batch_of_rows(columns))

    def _build(self) -> "pd.DataFrame":
        """Return the written rows: a part of a DataFrame that is made only when memory moves."""
        import pandas as pd

        columns = [column.whole() for column in self._columns]
        made_of = self._made_of
        if self._whole is None or any(a is not b for a, b in zip(columns, made_of, strict=True)):
            self._made_of, room = columns, min(map(len, columns)) - 1  # a real slice of each
            names = [*_TIMES, *self._names, *self._texts]
            parts = {name: column[:room] for name, column in zip(names, columns, strict=True)}
            self._whole = pd.DataFrame({name: parts[name] for name in EVENT_COLUMNS}, copy=False)
            self._whole.index = pd.RangeIndex(self.forgotten, self.forgotten + room)
        df = self._whole.iloc[: self._sealed - self.forgotten]
        if self.forgotten:
            df.attrs["forgotten"] = self.forgotten
        return df


def _checked_bound(name: str, count: Any) -> int | None:
    try:
        number = None if count is None else index(count)
    except Exception:  # noqa: BLE001 - any `__index__`
        number = 0
    if number is not None and number < 1:
        raise SettingsError(f"{name}={quoted(count)}: give a whole number, 1 or more, or None.")
    return number


def _seconds(times: Sequence[float | None]) -> np.ndarray:
    """Return the times as an array, with nan for missing ones."""
    try:
        return packed("d", times)
    except struct.error:  # None is no number
        return np.array(times, dtype="float64")


def _microseconds(seconds: np.ndarray) -> np.ndarray:
    """Return whole microseconds, NaT for a missing time or one out of range."""
    usable = np.abs(seconds) < _FAR  # also False for nan
    rounded = np.rint(np.where(usable, seconds, 0) * 1e6).astype("int64")
    return np.where(usable, rounded, _NAT)


def _in_range(microseconds: np.ndarray) -> np.ndarray:
    """Return the times, NaT for one out of range."""
    return np.where(np.abs(microseconds) < _FAR * 1e6, microseconds, _NAT)


def _utc(microseconds: np.ndarray) -> Any:
    import pandas as pd

    return pd.array(microseconds, dtype="datetime64[us, UTC]", copy=False)


def _duration(microseconds: np.ndarray) -> np.ndarray:
    return microseconds.view("timedelta64[us]")
