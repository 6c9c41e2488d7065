"""A log that nothing can be written into from outside, and bounds that are checked."""

import gc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from bxpull_nb import errors
from bxpull_nb.models import EVENT_COLUMNS, Arrival, BadFrame, Event
from bxpull_nb.storage.eventlog import EventLog

ARRIVAL = Arrival(1767225600500000, "shared", "websocket")


def filled() -> EventLog:
    """A log with a value in every column."""
    log = EventLog()
    log.extend(
        Event(f"{n:026}", "m", f"c{n}", b"{}", 1767225600.0, "backend", ARRIVAL) for n in range(10)
    )
    log.extend([BadFrame("{", "torn", None, ARRIVAL)])
    return log


def buffers(array: Any) -> Iterator[pa.Buffer]:
    """All buffers of an Arrow array."""
    if isinstance(array, pa.DictionaryArray):
        yield from buffers(array.indices)
        yield from buffers(array.dictionary)
    else:
        yield from filter(None, array.buffers())


@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_writing_into_the_array_of_a_column_does_not_touch_the_log(column: str) -> None:
    """`Series.array` is not copied on write."""
    log = filled()
    before = log.df.copy(deep=True)
    array: Any = log.df[column].array
    with suppress(ValueError):
        array[3] = array[4]
    with suppress(ValueError):
        array[3] = None
    pd.testing.assert_frame_equal(log.df, before)


@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_no_flag_makes_the_memory_of_a_column_writable(column: str) -> None:
    """NumPy lets anyone set the flag of a view whose base can be written to."""
    log = filled()
    before = log.df.copy(deep=True)
    array: Any = log.df[column].array
    for name in ("_ndarray", "_codes", "asi8"):
        values = getattr(array, name, None)
        while isinstance(values, np.ndarray):
            with suppress(ValueError):
                values.setflags(write=True)
                values[:] = values[::-1].copy()
            values = values.base
    pd.testing.assert_frame_equal(log.df, before)


def test_writing_into_arrow_s_buffers_does_not_touch_the_log() -> None:
    """Tables share the memory of columns, and buffers may be written through numpy."""
    log = filled()
    before = log.df.copy(deep=True)
    table = pa.Table.from_pandas(log.df)
    for chunk in (chunk for column in table.columns for chunk in column.chunks):
        for buffer in buffers(chunk):
            content = np.frombuffer(buffer, dtype="uint8")
            if content.flags.writeable:
                content[:] ^= 1
    pd.testing.assert_frame_equal(log.df, before)


@pytest.mark.parametrize("more", [0, 1, 5000])
@pytest.mark.parametrize("column", EVENT_COLUMNS)
def test_what_is_held_can_be_written_to_whatever_the_log_did(column: str, more: int) -> None:
    """New names, longer buffers: the holder's copy is made when it is written."""
    log = filled()
    held, part = log.df, log.df[column]
    log.extend(Event(f"{n:026}", "m", f"new{n}", b"{}") for n in range(more))
    before = log.df.copy(deep=True)
    gc.collect()
    value: Any = part.iloc[4]
    held.loc[3, column] = part.iloc[3] = value
    assert part.iloc[3] == held[column].iloc[3] == value or pd.isna(value)
    pd.testing.assert_frame_equal(log.df, before)


def test_names_that_are_gone_from_sight_take_no_memory() -> None:
    """Each DataFrame after a new name kept one more index of all names: 3.6 GB for 8 000."""
    log = filled()
    for n in range(200):
        log.extend([Event(f"{n:026}", "m", f"new{n}", b"{}")])
        assert log.df["command"].iloc[-1] == f"new{n}"
    gc.collect()
    kept = [one for one in gc.get_objects() if type(one) is pd.CategoricalDtype]
    assert sum(one.categories is not None and len(one.categories) > 20 for one in kept) < 5


def test_half_a_character_in_names_costs_nothing_but_itself() -> None:
    """No text column can hold it; two such names are one."""
    log = EventLog()
    log.extend(
        Event(str(n), "m", name, b"{}") for n, name in enumerate(["a\ud800", "a\ud801", "a?"])
    )
    assert log.df["command"].tolist() == ["a?"] * 3


@pytest.mark.parametrize("bound", ["max_rows", "max_bytes"])
@pytest.mark.parametrize("value", ["1000", -1, 0, 2.5, float("nan"), [1]])
def test_a_bound_that_is_none_is_refused_at_once(bound: str, value: Any) -> None:
    """Not when the log is full."""
    with pytest.raises(errors.SettingsError, match=rf"{bound}=.*whole number, 1 or more"):
        EventLog(**{bound: value})
    log = EventLog()
    with pytest.raises(errors.SettingsError, match=bound):
        setattr(log, bound, value)
    assert getattr(log, bound) is None


def test_a_bound_may_be_a_number_of_numpy() -> None:
    """It is a whole number too."""
    assert EventLog(max_rows=np.int64(5)).max_rows == 5  # type: ignore[arg-type]
