"""Learning the paths of params: a million live rows, and a large dataset in little memory."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

import bxpull_nb as bx
from bxpull_nb.models import Event
from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.schema import SCHEMA, part_bytes
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.table import event_table
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.material import mid, sent_at
from tests.benchmarks.measure import (
    Benchmark,
    Line,
    Sample,
    Size,
    at_most,
    in_a_process,
    in_turn,
    resident,
    within,
)
from tests.support.peak_memory import peak_bytes

__all__ = ["BENCHMARKS", "write_days"]

_DAYS = 40
_MILLION = 1_000_000


def schema(size: Size) -> Sequence[Line]:
    """The catalogue of a million live rows."""
    df = filled_log(size.of(_MILLION)).df
    [mine] = in_turn(size.long_rounds, partial(bx.schema, df), unit=1)
    return [Line("bx.schema of 1 000 000 rows", "s", mine, at_most(6, "s"))]


def trace(size: Size) -> Sequence[Line]:
    """The life of one deal of 200 events among a million live rows, whose texts have its digits."""
    log = filled_log(size.of(_MILLION))
    stages = (b'{"id":15,"stage":"C%d:NEW","sum":%d}' % (n // 9, n // 2) for n in range(200))
    log.extend(
        [Event(mid(n), "crm", "dealMove", stage, sent_at(n)) for n, stage in enumerate(stages)]
    )
    df = log.df
    assert bx.trace(df, "deal", 15)["event"].nunique() == 200
    [mine] = in_turn(size.rounds, lambda: bx.trace(df, "deal", 15), unit=1)
    return [Line("bx.trace of one deal among 1 000 000 rows", "s", mine, at_most(0.5, "s"))]


def conditions(size: Size) -> Sequence[Line]:
    """Two million rows of a dataset by a value in params, and DuckDB on the same files."""
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        write_days(Path(folder), size.of(2 * _MILLION), days=4)
        files = f"{folder}/**/*.parquet"
        query = f"select * from read_parquet('{files}') where params->>'$.stage' = 'C1:NEW'"
        where = [("params.stage", "==", "C1:NEW")]
        mine, other = in_turn(
            size.long_rounds,
            lambda: bx.read_events(folder, where=where),
            lambda: connection.sql(query).to_arrow_table(),
            unit=1,
        )
    what = "read_events(where=params …), 2 000 000 rows"
    return [Line(what, "s", mine, within(1.5), "DuckDB on the files", other)]


def memory(size: Size) -> Sequence[Line]:
    """What the catalogue of 20 million rows in 40 days takes at most, in a process of its own."""
    peak = in_a_process(_peak, size.of(20 * _MILLION))
    what = "memory of bx.schema, dataset of 20 000 000 rows"
    return [Line(what, "GB", Sample((peak,)), at_most(1, "GB"))]


def _peak(rows: int) -> float:
    """Return the growth in GB of the most memory that this process ever had."""
    with tempfile.TemporaryDirectory() as folder:
        write_days(Path(folder), rows, days=_DAYS)
        before = resident()
        bx.schema(folder)
    return max(peak_bytes() - before, 1) / 1e9


def write_days(folder: Path, rows: int, *, days: int) -> None:
    """Write a dataset of so many rows, the same ones each day."""
    content = part_bytes(event_table(filled_log(rows // days).df).cast(SCHEMA))
    for number in range(days):
        name = Folder("portal.example", f"2026-{1 + number // 28:02}-{1 + number % 28:02}")
        Storage(folder).put(part_name(name, "bench", 1, number, content), content)


BENCHMARKS = (
    Benchmark("schema", schema),
    Benchmark("trace", trace),
    Benchmark("learn-memory", memory),
    Benchmark("where-params", conditions),
)
