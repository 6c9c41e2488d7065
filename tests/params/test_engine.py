"""DuckDB as all questions share it: each has its own tables, and no query breaks the next."""

import os
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from bxpull_nb.params import engine
from bxpull_nb.params.engine import offer, opened


def test_a_table_is_known_to_its_own_connection_only() -> None:
    """Also under a name that another connection uses."""
    with opened() as first, opened() as second:
        offer(first, "events", pa.table({"a": [1]}))
        with pytest.raises(duckdb.CatalogException):
            second.sql("from events")
        offer(second, "events", pa.table({"b": [2]}))
        assert first.sql("from events").fetchall() == [(1,)]
    with opened() as third, pytest.raises(duckdb.CatalogException):
        third.sql("from events")


def test_every_connection_is_in_utc_and_keeps_its_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that opens the database, and those that find it."""
    monkeypatch.setattr(engine, "_databases", {})
    for _ in range(2):
        with opened() as connection:
            assert connection.sql("select current_setting('TimeZone')").fetchall() == [("UTC",)]
            for change in ("SET TimeZone = 'Asia/Tokyo'", "SET enable_external_access = true"):
                with pytest.raises(duckdb.InvalidInputException):
                    connection.execute(change)


def test_a_database_that_an_internal_error_ended_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB refuses all queries after one."""
    broken = duckdb.connect(tmp_path / "broken.db")
    broken.execute("SET debug_checkpoint_abort = 'before_header'; CREATE TABLE t AS SELECT 1")
    with pytest.raises(duckdb.FatalException):
        broken.execute("CHECKPOINT")
    monkeypatch.setitem(engine._databases, os.getpid(), broken)
    for _ in range(2):
        with opened() as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


def test_a_forked_child_has_a_database_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inherited one is kept: its threads are missing, so that it cannot be closed either."""
    monkeypatch.setattr(engine, "_databases", {})
    opened().close()
    [(parent, inherited)] = engine._databases.items()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    opened().close()
    assert engine._databases.keys() == {parent, parent + 1}
    assert engine._databases[parent] is inherited
    assert engine._databases[parent + 1] is not inherited
