"""What happened to a capture, in order."""

from typing import Any

import pandas as pd

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.models import LOG_COLUMNS, LogEntry

AT = 1_790_000_000_000_000


def entry(n: int, kind: str = "marked", **more: Any) -> LogEntry:
    """The n-th second's entry."""
    return LogEntry(at_us=AT + n * 1_000_000, kind=kind, text=f"t{n}", **more)


def test_the_frame_has_fixed_columns_even_when_empty() -> None:
    """And the values of the entries."""
    logbook = ActivityLog()
    assert logbook.df.dtypes.astype(str).to_dict() == LOG_COLUMNS
    logbook.add(entry(0, "connected", channel="shared", transport="polling", seconds=1.5))
    logbook.add(entry(1, "recovered", count=3))
    frame = logbook.df
    assert frame.dtypes.astype(str).to_dict() == LOG_COLUMNS
    assert frame["at"][0] == pd.Timestamp(AT, unit="us", tz="UTC")
    assert frame["kind"].tolist() == ["connected", "recovered"]
    assert frame["count"].isna().tolist() == [True, False]
    assert frame["count"][1] == 3
    assert frame["seconds"][0] == 1.5


def test_what_is_new_is_given_once() -> None:
    """By number, so that a view needs no marker of its own."""
    logbook = ActivityLog()
    for n in range(5):
        logbook.add(entry(n))
    assert [e.text for e in logbook.recent(3)] == ["t3", "t4"]
    assert logbook.recent(5) == []
    assert [e.text for e in logbook.recent(-2)] == ["t0", "t1", "t2", "t3", "t4"]


def test_the_newest_entry_of_a_name() -> None:
    """A label may be used twice."""
    logbook = ActivityLog()
    logbook.add(LogEntry(at_us=1, kind="marked", text="a"))
    logbook.add(LogEntry(at_us=2, kind="marked", text="a"))
    logbook.add(LogEntry(at_us=3, kind="sent", text="a"))
    found = logbook.last("marked", "a")
    assert found is not None
    assert found.at_us == 2
    assert logbook.last("marked", "b") is None


def test_the_repr_is_short() -> None:
    """However long the last text is."""
    logbook = ActivityLog()
    assert repr(logbook) == "Logbook(0 entries)"
    logbook.add(LogEntry(at_us=1, kind="lost", text="x" * 500))
    assert len(repr(logbook)) < 160
