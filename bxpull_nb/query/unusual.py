"""What is unusual in the newest events: the differences of two windows of time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.analysis.intervals import duration
from bxpull_nb.errors import SettingsError
from bxpull_nb.params.checked_conditions import moment
from bxpull_nb.query.compare import checked_chance, compared
from bxpull_nb.query.source import Conditions, Source, check_columns, resolved
from bxpull_nb.storage.dataset.filters import Condition
from bxpull_nb.storage.dataset.part_names import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["unusual"]

_STORED = 2
"""Days between an event and its arrival: more than a push server stores messages."""


def unusual(
    source: Any,
    last: Any = "5min",
    before: Any = "1h",
    *,
    now: Any = None,
    chance: float = 0.01,
    where: Conditions = None,
) -> "pd.DataFrame":
    """Return what is different in the `last` minutes from the time `before` them.

    The table is that of `bx.compare` for two windows, which end and begin at the same moment. The
    last one ends `now`; by default that is the clock's time for a running feed, else the newest
    event. The first one begins with the events, if those began later. `where` chooses events as in
    `read_events`; of a dataset, only the days of the windows are read for their params. Raises
    SettingsError for what is no duration and for events without times.

    >>> bx.unusual(feed, last="5min", before="1h")
    """
    events, limit = resolved(source, where), checked_chance(chance)
    length, earlier = _microseconds(last, "last"), _microseconds(before, "before")
    first, newest = _reach(events)
    end = _now(source, newest) if now is None else _moment(now)
    start = end - length
    begin = min(max(start - earlier, first), start)
    windows = (_between(events, begin, start), _between(events, start, end + 1))
    return compared(*windows, ((start - begin) / 1e6, length / 1e6), limit)


def _between(events: Source, start: int, stop: int) -> Source:
    """Return the events that arrived from `start` on and before `stop`, in microseconds."""

    def read(columns: list[str], where: Any) -> Iterator[pa.Table]:
        chosen = list(dict.fromkeys([*columns, "received_at"]))
        for days in _days(events, start, stop):
            for table in events.tables(chosen, (*where, *days)):
                times = _times(table)
                inside = pc.and_(pc.greater_equal(times, start), pc.less(times, stop))
                yield table.filter(inside).select(columns)

    return Source(events.columns, read, events.schema)


def _days(events: Source, start: int, stop: int) -> list[list[Condition]]:
    """Return conditions, of which one is met by the folder of each event of that time."""
    if not events.is_dataset:
        return [[]]
    first, last = (np.datetime64(at, "us").astype("datetime64[D]") for at in (start, stop))
    days = np.timedelta64(_STORED, "D")
    near = [("date", ">=", str(first - days)), ("date", "<=", str(last + days))]
    return [near, [("date", "==", UNKNOWN)]]


def _reach(events: Source) -> tuple[int, int]:
    """Return the first and the last arrival; SettingsError without any."""
    check_columns(events, "received_at")
    ends = [pc.min_max(_times(table)).as_py() for table in events.tables(["received_at"])]
    known = [(end["min"], end["max"]) for end in ends if end["min"] is not None]
    if not known:
        raise SettingsError("there are no events with a time: nothing to compare yet.")
    return min(first for first, _ in known), max(last for _, last in known)


def _times(table: pa.Table) -> Any:
    return pc.cast(pc.cast(table["received_at"], pa.timestamp("us", "UTC")), pa.int64())


def _now(source: Any, newest: int) -> int:
    import pandas as pd

    running = getattr(source, "running", False) is True
    return max(newest, round(pd.Timestamp.now("UTC").timestamp() * 1e6)) if running else newest


def _microseconds(value: Any, name: str) -> int:
    return round(duration(value, name).total_seconds() * 1e6)


def _moment(value: Any) -> int:
    found: int = round(moment(value, "datetime64[us, UTC]").timestamp() * 1e6)
    return found
