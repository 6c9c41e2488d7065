"""DuckDB as all questions share it: each has its own tables, and no query breaks the next."""

import os
import subprocess
import sys
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
    monkeypatch.setattr(engine, "_databases", [])
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
    monkeypatch.setattr(engine, "_databases", [broken])
    for _ in range(2):
        with opened() as connection:
            assert connection.execute("SELECT 1").fetchall() == [(1,)]


_FORKED = """
import os, sys
from bxpull_nb.params.engine import opened
def answer():
    with opened() as connection:
        return connection.sql("select 1").fetchall()
answer()
child = os.fork()
answer()
if not child:
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_opens_a_database_of_its_own_and_ends() -> None:
    """With an inherited one it would wait at its end for threads that it does not have."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORKED],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.stdout, ended.stderr) == ("7\n", "")
