"""Counts of each second: its events by command, and their median lag."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bxpull_nb.jupyter.widgets.rows import short_name
from bxpull_nb.models import Record

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SecondCounts"]

_MOST_NAMES = 200  # further commands of a second are counted together: names may be hostile
_SENT_NAMES = 32
_SETTLED = 10  # after so many seconds a second keeps its median only, and no single lags


@dataclass(slots=True)
class _Second:
    """One second's counts; `lags` become `median` when it has settled."""

    commands: Counter[str] = field(default_factory=Counter)
    others: int = 0
    lags: list[int] = field(default_factory=list)
    median: int | None = None
    settled: bool = False

    def add(self, command: str | None, count: int) -> None:
        """Count so many more of this command."""
        known = command in self.commands or len(self.commands) < _MOST_NAMES
        if command is None or not known:
            self.others += count
        else:
            self.commands[command] += count


class SecondCounts:
    """Counts per second of arrival (`received_us`), of the newest `window` seconds.

    Not for several threads at once.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.newest: int | None = None
        """The last second with an event: seconds since 1970, UTC."""
        self._seconds: dict[int, _Second] = {}
        self._changed: set[int] = set()
        self._settled_to: int | None = None

    def add(self, records: Iterable[Record]) -> None:
        """Count the records; those without a time of arrival are left out."""
        for record in records:
            received = record.arrival.received_us
            if received is not None:
                lag = record.lag_us
                second = self._open(received // 1_000_000)
                second.add(record.command, 1)
                if lag is not None and not second.settled:
                    second.lags.append(lag)
        self._settle()

    def add_df(self, events: "pd.DataFrame") -> None:
        """Count rows of the live DataFrame, as `add` counts records.

        By array, not by row: the last minutes of a busy log can be half a million rows.
        """
        numbers = events["received_at"].to_numpy("int64") // 1_000_000
        order = np.flatnonzero(numbers > numbers.max(initial=0) - self.window)  # NaT is far below
        order = order[np.argsort(numbers[order], kind="stable")]
        lags, has_lag = events["lag"].to_numpy("int64"), events["lag"].notna().to_numpy()
        codes, names = (
            events["command"].cat.codes.to_numpy(),
            list(events["command"].cat.categories),
        )
        seconds, starts = np.unique(numbers[order], return_index=True)
        for number, rows in zip(seconds.tolist(), np.split(order, starts[1:]), strict=False):
            second = self._open(number)
            for code, count in zip(*np.unique(codes[rows], return_counts=True), strict=True):
                second.add(names[code] if code >= 0 else None, int(count))
            if not second.settled:
                second.lags += lags[rows][has_lag[rows]].tolist()
        self._settle()

    def take_changed(self) -> list[list[Any]]:
        """Return the seconds that changed since the last call, see `rows`."""
        changed, self._changed = self._changed & self._seconds.keys(), set()
        return [self._row(second) for second in sorted(changed)]

    def rows(self) -> list[list[Any]]:
        """Return `[second, {command: events}, others, median lag (us) or None]`, oldest first."""
        return [self._row(second) for second in sorted(self._seconds)]

    def _open(self, number: int) -> _Second:
        """Return the second to count in, marked as changed, or a spare one if too old."""
        second = self._seconds.get(number)
        if second is None:
            second = _Second()
            if self.newest is not None and number <= self.newest - self.window:
                return second
            self._seconds[number] = second
            self.newest = number if self.newest is None else max(self.newest, number)
        self._changed.add(number)
        return second

    def _settle(self) -> None:
        """Forget seconds outside the window, and the single lags of those that are over."""
        if self.newest is None or self.newest == self._settled_to:
            return
        self._settled_to = self.newest
        for number, second in list(self._seconds.items()):
            if number <= self.newest - self.window:
                del self._seconds[number]
            elif number <= self.newest - _SETTLED and not second.settled:
                second.median = _median(second.lags)
                second.lags, second.settled = [], True

    def _row(self, number: int) -> list[Any]:
        second = self._seconds[number]
        most = second.commands.most_common(_SENT_NAMES)
        others = second.others + second.commands.total() - sum(count for _, count in most)
        named: Counter[str] = Counter()
        for name, count in most:
            named[short_name(name)] += count
        median = second.median if second.settled else _median(second.lags)
        return [number, named, others, median]


def _median(values: list[int]) -> int | None:
    """Return the middle value, the upper of two; sort in place to be quick next time."""
    values.sort()
    return values[len(values) // 2] if values else None
