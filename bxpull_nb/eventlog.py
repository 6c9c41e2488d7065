"""The columnar, append-only log behind the live DataFrame.

Appending is a list append; rows become columns in batches, when enough have come or when
somebody looks. A column's memory is written only behind the rows that were given out, so a
DataFrame shares it without a copy: it costs the same at a thousand rows and at a million, and
what a caller holds never changes.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.models import EVENT_COLUMNS, Record

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EventLog"]

_BATCH = 4096  # rows that wait at most before they become columns
_CHUNK = 131_072  # rows of a text chunk at most: bounds the longest merge
_FIRST_CAPACITY = 4096
_NAT = np.iinfo("int64").min
_RECENT = 10_000


class _NumberColumn:
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
            grown = np.empty(max(end, 2 * len(self._buffer)), dtype=self._buffer.dtype)
            grown[: self._length] = self._buffer[: self._length]
            self._buffer, self._owner = grown, None
        self._buffer[self._length : end] = values
        self._length = end

    def series(self) -> "pd.Series[Any]":
        """The column so far, sharing its memory."""
        import pandas as pd

        if self._owner is None:
            self._owner = pd.Series(self._make(self._buffer), copy=False)
        return self._owner.iloc[: self._length]


class _CategoryColumn:
    """A growing categorical column; its codes are as narrow as the number of names allows."""

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {None: -1}
        self._buffer = np.empty(_FIRST_CAPACITY, dtype="int8")
        self._length = 0
        self._owners: list[pd.Series[Any]] = []  # one per set of names over the same buffer
        self._owned_names = -1

    def extend(self, names: Sequence[str | None]) -> None:
        """Append the names."""
        codes = self._codes
        for name in dict.fromkeys(names):  # once each, in order of appearance
            codes.setdefault(name, len(codes) - 1)
        end = self._length + len(names)
        narrowest = np.min_scalar_type(-len(codes))
        if end > len(self._buffer) or narrowest.itemsize > self._buffer.itemsize:
            self._grow(end, narrowest)
        self._buffer[self._length : end] = [codes[name] for name in names]
        self._length = end

    def _grow(self, end: int, dtype: np.dtype[Any]) -> None:
        capacity = len(self._buffer) if end <= len(self._buffer) else max(end, 2 * self._length)
        grown = np.empty(capacity, dtype=dtype)
        grown[: self._length] = self._buffer[: self._length]
        self._buffer, self._owners, self._owned_names = grown, [], -1

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


class _TextColumn:
    """A growing text column of Arrow chunks, merged so that there are never many small ones."""

    def __init__(self) -> None:
        self._chunks: list[pa.Array] = []

    def extend(self, texts: Sequence[str | bytes | None]) -> None:
        """Append the texts; bytes are UTF-8."""
        chunks = self._chunks
        chunks.append(pa.array(texts, type=pa.large_string()))
        while len(chunks) > 1 and len(chunks[-2]) <= 2 * len(chunks[-1]):
            if len(chunks[-2]) + len(chunks[-1]) > _CHUNK:
                break
            chunks[-2:] = [pa.concat_arrays(chunks[-2:])]

    def array(self) -> Any:
        """The column so far as a pandas str array."""
        import pandas as pd

        column = pa.chunked_array(self._chunks, type=pa.large_string())
        return pd.arrays.ArrowStringArray(column, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]


class EventLog:
    """All records of a capture, as a DataFrame whenever it is asked for.

    Any thread may append or look; the columns are those of `EVENT_COLUMNS`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: list[Record] = []
        self._recent: deque[Record] = deque(maxlen=_RECENT)
        self._sealed = 0
        self._frame: pd.DataFrame | None = None
        self._received = _NumberColumn(_utc)
        self._server = _NumberColumn(_utc)
        self._lag = _NumberColumn(_duration)
        self._names = {
            name: _CategoryColumn() for name, kind in EVENT_COLUMNS.items() if kind == "category"
        }
        self._texts = {name: _TextColumn() for name, kind in EVENT_COLUMNS.items() if kind == "str"}

    def extend(self, records: Iterable[Record]) -> None:
        """Append the records, in their order."""
        with self._lock:
            before = len(self._waiting)
            self._waiting.extend(records)
            self._recent.extend(islice(self._waiting, before, None))
            if len(self._waiting) >= _BATCH:
                self._seal()

    def __len__(self) -> int:
        return self._sealed + len(self._waiting)

    @property
    def df(self) -> "pd.DataFrame":
        """Every row so far, with the columns and dtypes of `EVENT_COLUMNS`.

        A view that costs no copy: what you hold never changes, whatever arrives and whatever
        you write into it. Ask again for the newer rows.
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
        received = np.array(
            [_NAT if us is None else us for us in [r.arrival.received_us for r in records]],
            dtype="int64",
        )
        server = _microseconds([r.server_time_unix for r in records])
        self._received.extend(received)
        self._server.extend(server)
        known = (received != _NAT) & (server != _NAT)
        self._lag.extend(np.where(known, received - server, _NAT))
        self._names["channel"].extend([r.arrival.channel for r in records])
        self._names["module_id"].extend([r.module_id for r in records])
        self._names["command"].extend([r.command for r in records])
        self._names["sender"].extend([r.sender for r in records])
        self._names["transport"].extend([r.arrival.transport for r in records])
        self._texts["mid"].extend([r.mid for r in records])
        self._texts["params"].extend([r.params_json for r in records])
        self._texts["error"].extend([r.error for r in records])
        self._sealed += len(records)
        self._waiting = []
        self._frame = None

    def _build(self) -> "pd.DataFrame":
        import pandas as pd

        times = {"received_at": self._received, "server_time": self._server, "lag": self._lag}
        columns: dict[str, Any] = {name: column.series() for name, column in times.items()}
        columns |= {name: column.series() for name, column in self._names.items()}
        columns |= {name: column.array() for name, column in self._texts.items()}
        return pd.DataFrame({name: columns[name] for name in EVENT_COLUMNS}, copy=False)


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
