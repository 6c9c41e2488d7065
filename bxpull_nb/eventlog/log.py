"""The columnar, append-only log behind the live DataFrame.

Appending is a list append; rows become columns in batches, when enough have come or when
somebody looks. A DataFrame shares the memory of the columns: it costs the same at a thousand rows
and at a million, and what a caller holds never changes.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from bxpull_nb.eventlog.columns import CategoryColumn, NumberColumn, TextColumn
from bxpull_nb.models import EVENT_COLUMNS, Arrival, Event, Record

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EventLog", "RecentLog"]

_BATCH = 4096  # rows that wait at most before they become columns
_NAT = np.iinfo("int64").min
_RECENT = 10_000


class EventLog:
    """All records of a capture, as a DataFrame whenever it is asked for.

    Any thread may append or look; the columns are those of `EVENT_COLUMNS`. With `max_rows` or
    `max_bytes` (of the columns) only the newest rows are kept: at least so many rows, up to a
    quarter more, within so many bytes. A row keeps its number all the same: it is the index of
    the DataFrame.
    """

    def __init__(self, max_rows: int | None = None, max_bytes: int | None = None) -> None:
        self.max_rows = max_rows
        self.max_bytes = max_bytes
        self.forgotten = 0
        """How many of the oldest rows are no longer kept."""
        self._lock = threading.RLock()
        self._waiting: list[Record] = []
        self._recent: deque[Record] = deque(maxlen=_RECENT)
        self._sealed = 0
        self._frame: pd.DataFrame | None = None
        self._received = NumberColumn(_utc)
        self._server = NumberColumn(_utc)
        self._lag = NumberColumn(_duration)
        self._names = {
            name: CategoryColumn() for name, kind in EVENT_COLUMNS.items() if kind == "category"
        }
        self._texts = {name: TextColumn() for name, kind in EVENT_COLUMNS.items() if kind == "str"}

    def extend(self, records: Iterable[Record]) -> None:
        """Append the records, in their order."""
        fresh = list(records)
        with self._lock:
            self._waiting.extend(fresh)
            self._recent.extend(fresh)
            if len(self._waiting) >= _BATCH:
                self._seal()

    def __len__(self) -> int:
        """How many rows there have ever been."""
        return self._sealed + len(self._waiting)

    @property
    def df(self) -> "pd.DataFrame":
        """Every row that is kept, with the columns and dtypes of `EVENT_COLUMNS`.

        The index counts the rows from 0; `attrs["forgotten"]` says how many are missing before
        the first, where the log is bounded. A view that costs no copy: what you hold never
        changes, whatever arrives and whatever you write into it. Ask again for the newer rows.
        """
        with self._lock:
            self._seal()
            if self._frame is None:
                self._frame = self._build()
            return self._frame.copy(deep=False)

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """The newest `n` rows, oldest first."""
        return self.df.tail(n)

    def recent(self, start: int) -> tuple[int, list[Record]]:
        """The records from row `start` on that are among the newest ten thousand.

        Returns the row number of the first one given, and the records themselves: what a view
        shows, without building a DataFrame.
        """
        with self._lock:
            total = len(self)
            first = min(max(start, total - len(self._recent)), total)
            return first, list(islice(self._recent, len(self._recent) - (total - first), None))

    def __repr__(self) -> str:
        return f"EventLog({len(self):,} rows)"

    def _repr_html_(self) -> str:
        return f"<div>{self!r}</div>{self.tail(5).to_html()}"

    def _seal(self) -> None:
        """Turn the waiting records into columns."""
        records = self._waiting
        if not records:
            return
        received = self._append_arrivals([r.arrival for r in records])
        server = _microseconds([r.server_time_unix for r in records])
        self._server.extend(server)
        known = (received != _NAT) & (server != _NAT)
        self._lag.extend(np.where(known, received - server, _NAT))
        self._names["module_id"].extend([r.module_id for r in records])
        self._names["command"].extend([r.command for r in records])
        self._names["sender"].extend([r.sender for r in records])
        self._texts["mid"].extend([r.mid for r in records])
        self._texts["params"].extend([r.params_json for r in records])
        if set(map(type, records)) == {Event}:  # nearly always: nothing was unreadable
            self._texts["error"].extend_missing(len(records))
        else:
            self._texts["error"].extend([r.error for r in records])
        self._sealed += len(records)
        self._waiting = []
        self._frame = None
        excess = self._excess()
        if excess:
            self._forget(excess)

    def _append_arrivals(self, arrivals: Sequence[Arrival]) -> np.ndarray:
        """Append when and how the records came; when, in microseconds.

        All records of a frame share one arrival: each is looked at once.
        """
        runs = [(arrival, len(list(run))) for arrival, run in groupby(arrivals)]
        counts = [count for _, count in runs]
        times = [_NAT if (us := a.received_us) is None else us for a, _ in runs]
        received = np.repeat(np.array(times, dtype="int64"), counts)
        self._received.extend(received)
        self._names["channel"].extend([a.channel for a, _ in runs], counts)
        self._names["transport"].extend([a.transport for a, _ in runs], counts)
        return received

    def _excess(self) -> int:
        """How many rows to let go of: rarely many at once, since the others have to move."""
        kept = self._sealed - self.forgotten
        if self.max_rows is not None and kept > self.max_rows * 5 // 4:
            return kept - self.max_rows
        if self.max_bytes is not None and self.nbytes > self.max_bytes:
            return kept - int(kept * 0.75 * self.max_bytes / self.nbytes)
        return 0

    def _forget(self, count: int) -> None:
        for column in self._columns:
            column.forget(count)
        self.forgotten += count

    @property
    def nbytes(self) -> int:
        """Bytes of the kept rows' columns; their buffers have up to as much to spare."""
        return sum(column.nbytes for column in self._columns)

    @property
    def _columns(self) -> list[NumberColumn | CategoryColumn | TextColumn]:
        times = [self._received, self._server, self._lag]
        return [*times, *self._names.values(), *self._texts.values()]

    def _build(self) -> "pd.DataFrame":
        import pandas as pd

        times = {"received_at": self._received, "server_time": self._server, "lag": self._lag}
        columns: dict[str, Any] = {name: column.series() for name, column in times.items()}
        columns |= {name: column.series() for name, column in self._names.items()}
        columns |= {name: column.array() for name, column in self._texts.items()}
        frame = pd.DataFrame({name: columns[name] for name in EVENT_COLUMNS}, copy=False)
        if self.forgotten:
            frame.index = pd.RangeIndex(self.forgotten, self._sealed)
            frame.attrs["forgotten"] = self.forgotten
        return frame


class RecentLog(EventLog):
    """A log that counts all records and keeps the newest ten thousand: for a capture of weeks.

    `len` is how many there were; `df` and `recent` give those that are kept.
    """

    def extend(self, records: Iterable[Record]) -> None:
        """Take the records, in their order, and forget the oldest."""
        fresh = list(records)
        with self._lock:
            self._recent.extend(fresh)
            self._sealed += len(fresh)

    @property
    def df(self) -> "pd.DataFrame":
        """The rows that are kept, with the columns and dtypes of `EVENT_COLUMNS`."""
        kept = EventLog()
        kept.extend(self.recent(0)[1])
        return kept.df


def _microseconds(seconds: Sequence[float | None]) -> np.ndarray:
    """Seconds since 1970 to whole microseconds, with NaT for what is missing or out of range."""
    values = np.array(seconds, dtype="float64")  # None becomes nan
    usable = np.abs(values) < 2.5e11  # year 9999; also False for nan
    rounded = np.rint(np.where(usable, values, 0) * 1e6).astype("int64")
    return np.where(usable, rounded, _NAT)


def _utc(microseconds: np.ndarray) -> Any:
    import pandas as pd

    return pd.array(microseconds, dtype="datetime64[us, UTC]", copy=False)


def _duration(microseconds: np.ndarray) -> np.ndarray:
    return microseconds.view("timedelta64[us]")
