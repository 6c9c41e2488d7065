"""The activity log of a capture: connections, breaks, renewals and marks, in order."""

import threading
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from bxpull_nb.capture.checks import checked_label, shown
from bxpull_nb.errors import SettingsError
from bxpull_nb.locks import fork_safe
from bxpull_nb.models import LOG_COLUMNS, LogEntry
from bxpull_nb.models.counted import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ActivityLog"]

_MOST = 100_000  # entries: months of an ordinary capture; a bound where the connection flaps


class ActivityLog:
    """The entries of a capture, oldest first; any thread may write or read.

    Beyond a hundred thousand the oldest are forgotten; `len` still counts them.
    """

    def __init__(self) -> None:
        self._lock = fork_safe(threading.Lock(), 3)
        self._entries: deque[LogEntry] = deque(maxlen=_MOST)
        self._total = 0

    def add(self, entry: LogEntry) -> None:
        """Write an entry."""
        with self._lock:
            self._entries.append(entry)
            self._total += 1

    def recent(self, start: int = 0) -> list[LogEntry]:
        """Return the entries from number `start` on, as far as they are kept."""
        with self._lock:
            skipped = max(start - (self._total - len(self._entries)), 0)
            return list(islice(self._entries, skipped, None))

    def mark(self, label: str) -> "pd.Timestamp":
        """Return the moment of the newest mark with that label (UTC).

        Raises SettingsError for a label without a mark, with the labels there are.
        """
        import pandas as pd

        return pd.Timestamp(self._mark(label).at_us, unit="us", tz="UTC")

    def row_of_mark(self, label: str) -> int:
        """Return the number of the row that came next after the mark; see `mark`."""
        return self._mark(label).count or 0

    def _mark(self, label: str) -> LogEntry:
        marks = {entry.text: entry for entry in self.recent() if entry.kind == "marked"}
        if checked_label("label", label) not in marks:
            known = ", ".join(map(repr, marks)) or "none yet"
            raise SettingsError(
                f"there is no mark {shown(label)}; marks: {known}. Set one by mark()."
            )
        return marks[label]

    @property
    def df(self) -> "pd.DataFrame":
        """The entries as a DataFrame, with the columns and dtypes of `LOG_COLUMNS`."""
        import pandas as pd

        entries = self.recent()
        values = {"at": [entry.at_us for entry in entries]}
        values |= {
            name: [getattr(entry, name) for entry in entries] for name in list(LOG_COLUMNS)[1:]
        }
        times = pd.to_datetime(pd.Series(values.pop("at"), dtype="int64"), unit="us", utc=True)
        columns = {"at": times} | values
        return pd.DataFrame(
            {name: pd.Series(columns[name], dtype=dtype) for name, dtype in LOG_COLUMNS.items()}
        )

    def __len__(self) -> int:
        return self._total

    def __repr__(self) -> str:
        entries = self.recent()
        last = f", last: {entries[-1].text or entries[-1].kind}" if entries else ""
        return f"ActivityLog({counted(self._total, 'entry', 'entries')}{last[:120]})"

    def _repr_html_(self) -> str:
        return self.df.tail(20).to_html(index=False)
