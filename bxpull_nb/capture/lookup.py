"""What one wait looks for among the records, and how its result is given back."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from bxpull_nb.capture.checks import checked_count, checked_function
from bxpull_nb.capture.selection import Condition, Selection, holds
from bxpull_nb.models import Record
from bxpull_nb.storage.eventlog.log import RECENT, EventLog

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Lookup", "all_from", "lookup_for", "rows_of"]


class Lookup:
    """Looks at records, one after another, until it has found enough.

    It passes the records that meet the command and the module of `wanted`, or all if it has none.
    """

    def __init__(
        self,
        wanted: Selection,
        met: Callable[[Record], bool] | None = None,
        count: int = 1,
    ) -> None:
        self.rows: list[int] = []
        """The rows of the records found."""
        self.passed: deque[int] | None = None
        """The rows to pass, the newest ten thousand; None for all that were looked at."""
        self.end = 0
        """The row after the last that was looked at."""
        self.looked_at = 0
        self._record: Record | None = None
        self._met, self._left = met or wanted.is_met_by, count
        self._is_named = wanted.by_name()
        if self._is_named is not None:
            self.passed = deque(maxlen=RECENT)

    @property
    def record(self) -> Record:
        """The record found last; LookupError without one."""
        if self._record is None:
            raise LookupError("no record was found")
        return self._record

    def is_enough_with(self, row: int, record: Record) -> bool:
        """Look at the record; whether it was the last one needed."""
        self._forget_from(row)
        self.looked_at += 1
        self.end = row + 1
        if self.passed is not None and self._is_named is not None and self._is_named(record):
            self.passed.append(row)
        if not self._met(record):
            return False
        self.rows.append(row)
        self._record = record
        self._left -= 1
        return self._left <= 0

    def _forget_from(self, row: int) -> None:
        """Forget what was found from this row on: it comes again after a replay went back."""
        while self.rows and self.rows[-1] >= row:
            self.rows.pop()
            self._left += 1
        while self.passed and self.passed[-1] >= row:
            self.passed.pop()

    def skip(self, count: int) -> None:
        """Count records that came and are not kept, unless nothing would be left to give."""
        if count < self._left:
            self._left -= count


def lookup_for(until: int | Condition, wanted: Selection) -> Lookup:
    """Return the lookup for so many events, or for the one for which `until` is True."""
    if callable(until):
        condition = checked_function("until", until)
        return Lookup(wanted, lambda one: wanted.is_met_by(one) and holds("until", condition, one))
    return Lookup(wanted, count=checked_count("until", until, "wait for one event or more"))


def rows_of(df: "pd.DataFrame", lookup: Lookup) -> "pd.DataFrame":
    """Return the found rows of the DataFrame, as far as it still has them.

    A cell shows them as lines; it is a DataFrame like any other.
    """
    from bxpull_nb.capture.readable import found_events

    rows = lookup.rows
    if len(rows) == rows[-1] - rows[0] + 1:
        return found_events(df.loc[rows[0] : rows[-1]])  # shares the log's memory
    return found_events(df.loc[df.index.isin(rows)])


def all_from(log: EventLog, row: int, last: int | None = None) -> tuple[int, list[Record]]:
    """Return the kept records from `row` to `last`, however many, after the row of the first."""
    from bxpull_nb.capture.recorded import recorded_rows

    return max(row, log.forgotten), list(recorded_rows(log.df.loc[row:last]))
