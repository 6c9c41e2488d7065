"""The log of which the live DataFrame is a view."""

import threading
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb.models import EVENT_COLUMNS, Arrival, BadFrame, Event, Record
from bxpull_nb.storage.eventlog import EventLog, columns, text_column
from tests.support.rows import (
    ARRIVAL,
    event,
    microseconds,
    plain_frame,
    records,
)


@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_the_schema_is_the_documented_one(rows: int) -> None:
    """Names, order and dtypes, also without any row, and with rows of nothing but gaps."""
    log = EventLog()
    log.extend(Event(str(n), None, None, b"null") for n in range(rows))
    assert log.df.dtypes.astype(str).to_dict() == EVENT_COLUMNS
    assert list(log.df.columns) == list(EVENT_COLUMNS)
    assert len(log.df) == len(log) == rows


def test_a_row_holds_what_the_event_held() -> None:
    """Times to the microsecond, their difference, and JSON as text."""
    log = EventLog()
    log.extend([event(5)])
    row = log.df.iloc[0]
    assert row["received_at"] == pd.Timestamp("2026-01-01T00:00:00.5Z")
    assert row["server_time"] == pd.Timestamp("2026-01-01T00:00:00.25Z")
    assert row["lag"] == pd.Timedelta(milliseconds=250)
    assert row["mid"] == "17954478440000000000000005"
    assert (row["channel"], row["module_id"], row["command"]) == ("shared", "crm", "dealUpdate")
    assert (row["params"], row["transport"]) == ('{"n":5}', "websocket")
    assert row[["sender", "error"]].isna().all()


def test_an_unreadable_message_is_a_row_with_its_error() -> None:
    """Its text is kept as a JSON string."""
    log = EventLog()
    log.extend([event(1), BadFrame("oops", "not JSON", None, ARRIVAL), event(2)])
    bad = log.df.iloc[1]
    assert (bad["error"], bad["params"], bad["channel"]) == ("not JSON", '"oops"', "shared")
    assert bad[["mid", "module_id", "command", "server_time", "lag"]].isna().all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(records, max_size=8), max_size=6))
def test_the_dataframe_equals_the_plain_one_value_by_value(batches: list[list[Record]]) -> None:
    """However the rows are cut into batches, and whenever `df` is read in between."""
    log = EventLog()
    for batch in batches:
        log.extend(batch)
        assert len(log.df) == len(log)
    everything = [record for batch in batches for record in batch]
    pd.testing.assert_frame_equal(log.df, plain_frame(everything))


def test_what_a_user_holds_never_changes() -> None:
    """Neither by later events nor by what another user writes."""
    log = EventLog()
    log.extend(event(n) for n in range(10))
    held = log.df
    copy = held.copy(deep=True)
    log.extend(event(n, command=f"new{n}") for n in range(10, 20_000))
    other = log.df
    other.loc[0, "mid"] = "changed"
    pd.testing.assert_frame_equal(held, copy)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("received_at", pd.Timestamp("2020-01-01", tz="UTC")),
        ("lag", pd.Timedelta(seconds=9)),
        ("command", "dealAdd"),
        ("mid", "changed"),
    ],
)
def test_writing_into_a_dataframe_does_not_touch_the_log(column: str, value: Any) -> None:
    """Not even through a frame of which only a column is left."""
    log = EventLog()
    log.extend([event(0), event(1, "dealAdd")])
    before = log.df[column].iloc[0]
    frame = log.df
    frame.loc[0, column] = value
    part = log.df[column]
    log.extend([event(2, "dealDelete")])
    part.iloc[0] = value
    assert frame.loc[0, column] == part.iloc[0] == value
    assert log.df[column].iloc[0] == before


def test_gaps_in_a_text_column_stay_where_they_are() -> None:
    """Rows share the bytes that mark missing texts; DataFrames of before do not change."""
    log, held, expected = EventLog(), [], []
    for step, count in enumerate((3, 1, 7, 13, 8, 1, 40, 2)):
        bad = step % 2
        log.extend(BadFrame("oops", f"no {step}") if bad else event(n) for n in range(count))
        expected += [bool(bad)] * count
        held.append((log.df, list(expected)))
    for frame, missing in held:
        assert frame["mid"].isna().tolist() == missing
        assert frame["error"].notna().tolist() == missing


def test_a_text_column_may_be_of_several_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a great many bytes; a reader sees no difference."""
    monkeypatch.setattr(text_column, "_PART_BYTES", 2000)
    log = EventLog()
    everything = [event(n) if n % 5 else BadFrame(str(n), "no") for n in range(900)]
    for start in range(0, 900, 100):
        log.extend(everything[start : start + 100])
        assert len(log.df) == start + 100
    assert log.df["mid"].array._pa_array.num_chunks > 3
    pd.testing.assert_frame_equal(log.df, plain_frame(everything))


def test_a_text_column_is_one_array_as_long_as_it_can_be() -> None:
    """Or every selection of rows would first join the arrays."""
    log = EventLog()
    for start in range(0, 20_000, 500):
        log.extend(event(n) for n in range(start, start + 500))
        assert len(log.df) == start + 500
    assert {log.df[name].array._pa_array.num_chunks for name in ("mid", "params", "error")} == {1}


def test_many_names_widen_the_codes_without_a_mistake() -> None:
    """Past 127 and past 32 767 different commands."""
    log = EventLog()
    names = [f"c{n}" for n in range(40_000)]
    for start in range(0, len(names), 1000):
        log.extend(event(n, names[n]) for n in range(start, start + 1000))
        assert log.df["command"].iloc[-1] == names[start + 999]
    assert log.df["command"].tolist() == names


def test_columns_move_to_longer_buffers_without_a_mistake() -> None:
    """What was given out before stays; every row is in its place."""
    log, count, step = EventLog(), 140_000, 20_000
    for start in range(0, count, step):
        log.extend(numbered(n, b"%d" % n) for n in range(start, start + step))
        if start == 0:
            held = log.df
    frame = log.df
    assert frame["params"].astype(int).tolist() == list(range(count))
    assert frame["mid"].tolist() == [f"{n:026}" for n in range(count)]
    assert frame["received_at"].astype("int64").tolist() == list(range(count))
    assert frame["command"].isna().tolist() == [n % 11 == 0 for n in range(count)]
    pd.testing.assert_frame_equal(held, frame.head(step), check_categorical=False)


def test_half_a_character_costs_nothing_but_itself() -> None:
    """No text column can hold it; a record made by hand may."""
    log = EventLog()
    log.extend([Event("1\ud800", "m", "c", b"{}"), Event("2", "m", "c", b"{}")])
    assert log.df["mid"].tolist() == ["1?", "2"]


def test_the_tail_is_the_newest_rows_oldest_first() -> None:
    """More than there are is all there are."""
    log = EventLog()
    log.extend(event(n) for n in range(7))
    assert log.tail(3)["params"].tolist() == ['{"n":4}', '{"n":5}', '{"n":6}']
    assert len(log.tail(100)) == 7


def test_recent_gives_the_rows_from_a_number_on() -> None:
    """From before the kept rows, it returns the number of the first one."""
    log = EventLog()
    log.extend(event(n) for n in range(10_500))
    first, rows = log.recent(10_498)
    assert (first, [r.mid for r in rows]) == (10_498, [event(10_498).mid, event(10_499).mid])
    first, rows = log.recent(3)
    assert (first, len(rows), rows[0].mid) == (500, 10_000, event(500).mid)
    assert log.recent(10_500) == (10_500, [])
    assert log.recent(99_999) == (10_500, [])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(records, max_size=8), max_size=6), st.integers(0, 12))
def test_recent_gives_the_records_as_they_came(batches: list[list[Record]], start: int) -> None:
    """But for fractions of a microsecond, and whether a frame was torn."""
    log = EventLog()
    for batch in batches:
        log.extend(batch)
    everything = [record for batch in batches for record in batch]
    expected = [rounded(record) for record in everything[start:]]
    first, rows = log.recent(start)
    assert first == min(start, len(everything))
    assert [rounded(record) for record in rows] == expected
    assert len(log.df) == len(everything)  # writes the rows that waited
    assert log.recent(start) == (first, expected)


def test_recent_reads_rows_that_wait_without_writing_them() -> None:
    """From any of them on, also in the middle of a batch."""
    log = EventLog()
    log.extend(event(n) for n in range(3))
    assert len(log.df) == 3
    log.extend(event(n) for n in range(3, 60))
    log.extend(event(n) for n in range(60, 70))
    assert [log.recent(start)[1][0] for start in (3, 41, 60, 69)] == [
        event(start) for start in (3, 41, 60, 69)
    ]
    assert log.recent(58) == (58, [event(n) for n in range(58, 70)])
    assert log._sealed == 3
    assert log.recent(2) == (2, [event(n) for n in range(2, 70)])
    assert log._sealed == 70


def rounded(record: Record) -> Record:
    """The record with its time as a row holds it."""
    us = microseconds(record.server_time_unix)
    if us is None:
        return record
    return msgspec.structs.replace(record, server_time_unix=us / 1e6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(records, max_size=8), max_size=6), st.integers(0, 12))
def test_recent_lags_are_those_of_the_newest_records(
    batches: list[list[Record]], count: int
) -> None:
    """Without those of records whose times are unknown."""
    log = EventLog()
    for batch in batches:
        log.extend(batch)
    everything = [record for batch in batches for record in batch]
    newest = everything[max(len(everything) - count, 0) :]
    expected = [lag for record in newest if (lag := record.lag_us) is not None]
    assert log.recent_lags(count).tolist() == expected


def test_recent_lags_of_a_bounded_log_are_of_kept_rows() -> None:
    """They do not count the rows that were forgotten."""
    log = EventLog(max_rows=100)
    for n in range(1000):
        log.extend([event(n)])
    log.df.tail()
    assert log.forgotten > 0
    assert log.recent_lags(1000).tolist() == [250_000] * (len(log) - log.forgotten)
    assert len(log.recent_lags(7)) == 7


def test_threads_may_append_and_look_at_once() -> None:
    """Every look sees whole batches, and at the end nothing is missing."""
    log, batches, writers = EventLog(), 200, 4

    def write() -> None:
        for n in range(batches):
            log.extend([event(n), event(n)])

    threads = [threading.Thread(target=write) for _ in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(log.df) % 2 == 0
    assert len(log.df) == 2 * batches * writers


def test_its_repr_is_short() -> None:
    """A number, not the rows."""
    log = EventLog()
    log.extend(event(n) for n in range(1234))
    assert repr(log) == "EventLog(1,234 rows)"


@pytest.mark.parametrize("many_bytes", [0, 1 << 20])
def test_a_bounded_log_keeps_the_newest_rows(
    many_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under their old numbers; what was given out stays as it was, and so do names."""
    monkeypatch.setattr(columns, "_MANY_BYTES", many_bytes)
    log, plain = EventLog(max_rows=10_000), EventLog()
    held = None
    for start in range(0, 60_000, 500):
        records = [numbered(n) for n in range(start, start + 500)]
        log.extend(records)
        plain.extend(records)
        if start == 9_500:
            held = log.df
    assert held is not None
    frame = log.df
    assert (len(log), len(held)) == (60_000, 10_000)
    assert 10_000 <= len(frame) <= 12_500
    assert log.forgotten == frame.index[0] == frame.attrs["forgotten"] == 60_000 - len(frame)
    pd.testing.assert_frame_equal(frame, plain.df.loc[log.forgotten :], check_categorical=False)
    pd.testing.assert_frame_equal(held, plain.df.loc[:9_999], check_categorical=False)
    assert log.tail(1).index.tolist() == [59_999]


def test_a_log_bounded_in_bytes_stays_within_them() -> None:
    """However long the texts are."""
    log = EventLog(max_bytes=1_000_000)
    for start in range(0, 40_960, 4096):
        log.extend([numbered(n, b'"%s"' % (b"x" * 150)) for n in range(start, start + 4096)])
    assert 500_000 < log.nbytes <= 1_000_000
    assert log.df.index[-1] == 40_959


def numbered(n: int, params: bytes = b"{}") -> Event:
    """The n-th event of a capture; some lack this or that."""
    sent = None if n % 7 == 0 else 1_790_000_000 + n / 1000
    command = None if n % 11 == 0 else f"c{n % 300}"
    return Event(f"{n:026}", "m", command, params, sent, arrival=Arrival(n, "shared", "polling"))


def named(number: int, size: int = 0, params: bytes = b"{}") -> Event:
    """Return an event with a command and a sender that no other has; each tenth has none."""
    command = None if number % 10 == 0 else f"{number:x<{size}}"
    return Event(str(number), "m", command, params, None, f"client-{number}")


def test_a_bounded_log_forgets_the_names_of_forgotten_rows() -> None:
    """A client may send a new command each time, for weeks."""
    log = EventLog(max_rows=1000)
    for start in range(0, 60_000, 500):
        log.extend([named(n) for n in range(start, start + 500)])
        held = log.df
    assert all(len(held[name].cat.categories) <= 10_000 for name in ("command", "sender"))
    assert held["command"].cat.codes.dtype == "int16"
    expected = [named(n) for n in held.index]
    assert held["sender"].tolist() == [one.sender for one in expected]
    assert held["command"].astype(object).where(held["command"].notna(), None).tolist() == [
        one.command for one in expected
    ]


def test_a_dataframe_from_before_keeps_its_names() -> None:
    """The names are counted again in memory of their own."""
    log = EventLog(max_rows=1000)
    log.extend([named(n) for n in range(900)])
    held = log.df
    before = held["sender"].tolist()
    for start in range(900, 30_000, 900):
        log.extend([named(n) for n in range(start, start + 900)])
        log.df.tail()
    assert held["sender"].tolist() == before == [f"client-{n}" for n in range(900)]


def test_the_bytes_of_names_count() -> None:
    """Long commands that differ take more than the codes of their rows."""
    log = EventLog(max_bytes=10_000_000)
    for number in range(1, 400):
        log.extend([named(number, 100_000)])
        assert len(log.df) == len(log) - log.forgotten
    assert log.nbytes < 10_200_000
    assert 50 < len(log.df) < 100


def test_both_bounds_hold_at_once() -> None:
    """More rows than `max_rows` are dropped where `max_bytes` asks for it."""
    log = EventLog(max_rows=5000, max_bytes=1_000_000)
    for start in range(0, 40_000, 8192):
        log.extend([named(n, params=b'"' + b"x" * 1000 + b'"') for n in range(start, start + 8192)])
        assert log.nbytes <= 1_000_000


def test_large_events_do_not_wait_for_thousands_of_others() -> None:
    """The bounds hold without `df`, whose reading writes what waits."""
    log = EventLog(max_bytes=20_000_000)
    for n in range(1000):
        log.extend([event(n), Event(str(n), "m", "c", b'"' + b"x" * 100_000 + b'"')])
    assert len(log) == 2000
    assert log.forgotten > 1000
