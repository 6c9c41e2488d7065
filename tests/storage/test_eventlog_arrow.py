"""Other libraries take a feed and a log by Arrow's own interface."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

import bxpull_nb as bx
from bxpull_nb.models import EVENT_COLUMNS
from tests.support.rows import event, frame


def taken_by_duckdb(source: Any) -> Any:
    """Return what DuckDB takes of it."""
    with duckdb.connect() as connection:
        return connection.from_arrow(source).to_arrow_table()


TAKERS: dict[str, Callable[[Any], Any]] = {
    "pyarrow": pa.table,
    "polars": lambda source: pl.DataFrame(source).to_arrow(),
    "narwhals": lambda source: nw.from_arrow(source, backend=pa).to_arrow(),
    "duckdb": taken_by_duckdb,
}


@pytest.fixture(scope="module", params=["log", "feed"])
def source(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A log, and a feed that has played the same events."""
    rows = [event(n, "ab"[n % 2]) for n in range(100)]
    if request.param == "log":
        log = bx.EventLog()
        log.extend(rows)
        yield log
        return
    feed = bx.replay(frame(*rows), speed=float("inf"))
    feed.wait(100, timeout=10)
    yield feed
    feed.stop()


@pytest.mark.parametrize("name", TAKERS)
def test_a_library_takes_all_events(name: str, source: Any) -> None:
    """Every column, with its values."""
    taken = TAKERS[name](source)
    assert taken.column_names == list(EVENT_COLUMNS)
    for column in ("mid", "command", "params", "channel", "error"):
        found = [None if value is None else str(value) for value in taken[column].to_pylist()]
        expected = source.df[column].astype(object).where(source.df[column].notna(), None)
        assert found == expected.tolist(), column
    times = [value.timestamp() for value in taken["received_at"].to_pylist()]
    assert times == [value.timestamp() for value in source.df["received_at"]]


def test_an_empty_log_is_taken_too() -> None:
    """With its columns."""
    assert pa.table(bx.EventLog()).column_names == list(EVENT_COLUMNS)
    assert pl.DataFrame(bx.EventLog()).shape == (0, 12)
