"""A log for a capture of weeks that keeps only the newest rows."""

from collections import deque
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bxpull_nb.models import Record
from bxpull_nb.storage.eventlog.log import RECENT, EventLog

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RecentLog"]


class RecentLog(EventLog):
    """A log that counts all records and keeps the newest ten thousand.

    `len` is the number of all records; `df` and `recent` return those that are kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._newest: deque[Record] = deque(maxlen=RECENT)

    def extend(self, records: Iterable[Record]) -> None:
        """Append the records, in their order, and forget the oldest."""
        fresh = list(records)
        with self._lock:
            self._newest.extend(fresh)
            self._rows += len(fresh)

    def recent(self, start: int) -> tuple[int, list[Record]]:
        """Return the row number of the first kept record from `start` on, and those records."""
        with self._lock:
            count = min(max(self._rows - start, 0), len(self._newest))
            return self._rows - count, list(islice(self._newest, len(self._newest) - count, None))

    def recent_lags(self, count: int) -> np.ndarray:
        """Return the `lag_us` of the newest `count` rows, without the unknown ones."""
        _, records = self.recent(self._rows - count)
        lags = (record.lag_us for record in records)
        return np.fromiter((lag for lag in lags if lag is not None), dtype="int64")

    @property
    def df(self) -> "pd.DataFrame":
        """The rows that are kept, with the columns and dtypes of `EVENT_COLUMNS`."""
        kept = EventLog()
        kept.extend(self.recent(0)[1])
        return kept.df
