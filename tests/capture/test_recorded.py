"""Recorded rows in columns: a log takes them as it takes their records."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bxpull_nb.capture.recorded import recorded_rows
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import EVENT_COLUMNS, BadFrame, Event, Record
from bxpull_nb.storage.eventlog import EventLog, StoredRows
from tests.support.rows import event, frame, records

TEXTS = [name for name, kind in EVENT_COLUMNS.items() if kind in ("str", "category")]


def log_of(*parts: Any) -> EventLog:
    """Return a log with these records, part after part."""
    log = EventLog()
    for part in parts:
        log.extend(part)
    return log


def text_column(texts: list[str | None], kind: str) -> "pd.Series[Any]":
    """Return the texts in a column of this kind."""
    if kind == "chunks":
        chunks = pa.chunked_array([texts[:1], texts[1:]], pa.large_string())
        return pd.Series(pd.array(chunks, dtype=pd.StringDtype("pyarrow", na_value=np.nan)))
    return pd.Series(texts, dtype=kind)


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Return rows of events as users may change them: other dtypes, missing and empty texts."""
    df = frame(*draw(st.lists(records, min_size=1, max_size=12)))
    for name in TEXTS:
        kind = draw(st.sampled_from(["as it is", "object", "category", "str", "chunks"]))
        if kind != "as it is":
            texts = [None if pd.isna(text) else text for text in df[name]]
            if name in ("mid", "params") and draw(st.booleans()):
                texts[draw(st.integers(0, len(df) - 1))] = draw(st.sampled_from([None, ""]))
            df[name] = text_column(texts, kind)
    return df.iloc[draw(st.integers(0, 3)) :]


@settings(max_examples=150, deadline=None)
@given(tables(), st.integers(0, 12))
def test_a_log_takes_columns_as_it_takes_their_records(df: pd.DataFrame, cut: int) -> None:
    """Texts, names in their order, and times are equal, also where rows wait before them."""
    rows = recorded_rows(df)
    parts = [rows.part(0, min(cut, len(rows))), rows.part(min(cut, len(rows)), len(rows))]
    before = [event(1), event(2, "dealAdd")]
    by_columns = log_of(before, *parts)
    by_records = log_of(before, list(rows))
    pd.testing.assert_frame_equal(by_columns.df, by_records.df)
    assert by_columns.recent(0) == by_records.recent(0)


@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=12))
def test_rows_are_a_sequence_of_their_records(recorded: list[Record]) -> None:
    """Each place, each slice and the loop give the records that were recorded."""
    stored = list(recorded_rows(frame(*recorded)))
    rows = recorded_rows(frame(*recorded))
    assert [rows[place] for place in range(len(rows))] == stored
    assert list(rows[1:3]) == stored[1:3]
    assert rows.bad_frames == sum(isinstance(record, BadFrame) for record in recorded)
    assert len(rows) == len(stored) == len(recorded)


def test_a_missing_text_may_have_bytes() -> None:
    """Arrow allows bytes under a missing value: they belong to no text."""
    df = frame(event(1), event(2), event(3))
    ends = pa.array([0, 1, 3, 4], pa.int64()).buffers()[1]
    texts, is_there = pa.py_buffer(b"abbc"), pa.py_buffer(b"\x05")
    array = pa.LargeStringArray.from_buffers(3, ends, texts, is_there)
    rows = recorded_rows(df)
    log = log_of(
        StoredRows(rows.times, rows.names, {**rows.texts, "mid": pa.chunked_array([array])})
    )
    assert log.df.mid.fillna("-").tolist() == ["a", "-", "c"]


def test_categories_without_a_row_are_no_categories_of_the_log() -> None:
    """A part of a recording has the categories of its rows, in the order of the rows."""
    df = frame(event(1, "a"), event(2, "b"), event(3, "c"), event(4, "b")).iloc[[3, 2]]
    log = log_of(recorded_rows(df))
    assert log.df.command.cat.categories.tolist() == ["b", "c"]


@pytest.mark.parametrize("dtype", ["category", "object", "str"])
def test_a_missing_source_is_a_channel(dtype: str) -> None:
    """As in files of before; the others keep theirs."""
    df = frame(event(1), event(2))
    df["source"] = pd.Series([None, "chat"], dtype=dtype)
    assert log_of(recorded_rows(df)).df["source"].tolist() == ["channel", "chat"]


def test_more_categories_than_a_byte_holds() -> None:
    """Codes get wider as names are added."""
    df = frame(*(event(n, f"command {n}") for n in range(700)))
    rows = recorded_rows(df)
    log = log_of(rows.part(0, 100), rows.part(100, 700))
    pd.testing.assert_frame_equal(log.df, df)


def test_far_times_are_missing_times() -> None:
    """A time after the year 9999 is out of range, from columns as from records."""
    df = frame(Event("1", "m", "c", b"{}", 1e9), Event("2", "m", "c", b"{}", None))
    df["server_time"] = pd.Series([9e17, None]).astype("Int64").astype("datetime64[us, UTC]")
    log = log_of(recorded_rows(df))
    assert log.df.server_time.isna().tolist() == [True, True]
    pd.testing.assert_frame_equal(log.df, log_of(list(recorded_rows(df))).df)


def test_text_that_is_not_utf8_is_refused() -> None:
    """A foreign file may hold any bytes; the error names the column and no content."""
    df = frame(event(1))
    ends = pa.array([0, 2], pa.int64()).buffers()[1]
    broken = pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(b"\xff\xfe"))
    df["params"] = pd.Series(pd.array(broken, dtype=pd.StringDtype("pyarrow", na_value=np.nan)))
    with pytest.raises(SettingsError, match=r"replay\(\): the column params holds text that is"):
        recorded_rows(df)


def test_a_bounded_log_forgets_the_oldest() -> None:
    """The bound of a log holds for columns too."""
    df = frame(*(event(n) for n in range(30)))
    log = EventLog(max_rows=10)
    for start in range(0, 30, 10):
        log.extend(recorded_rows(df).part(start, start + 10))
    assert log.forgotten == 20
    assert log.df.mid.tolist() == df.mid.tolist()[20:]
