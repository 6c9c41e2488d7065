"""The activity log of a capture."""

from typing import Any

import pandas as pd
import pytest

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import LOG_COLUMNS, LogEntry

AT = 1_790_000_000_000_000


def entry(n: int, kind: str = "marked", **more: Any) -> LogEntry:
    """Return the entry of the n-th second."""
    return LogEntry(at_us=AT + n * 1_000_000, kind=kind, text=f"t{n}", **more)


def test_the_frame_has_fixed_columns_even_when_empty() -> None:
    """Its values are those of the entries."""
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
    """A view asks by number and needs no marker of its own."""
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
    assert logbook.mark("a") == pd.Timestamp(2, unit="us", tz="UTC")
    with pytest.raises(SettingsError, match="no mark 'b'; marks: 'a'"):
        logbook.mark("b")


def test_the_repr_is_short() -> None:
    """A long last text is cut."""
    logbook = ActivityLog()
    assert repr(logbook) == "ActivityLog(0 entries)"
    logbook.add(LogEntry(at_us=1, kind="lost", text="x" * 500))
    assert len(repr(logbook)) < 160
