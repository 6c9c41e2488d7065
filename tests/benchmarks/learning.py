"""Learning the paths of params: a million live rows, and a large dataset in little memory."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import bxpull_nb as bx
from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.schema import SCHEMA, part_bytes
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.export.table import event_table
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.measure import (
    Benchmark,
    Line,
    Sample,
    Size,
    at_most,
    in_a_process,
    in_turn,
    resident,
)

__all__ = ["BENCHMARKS"]

_DAYS = 40
_MILLION = 1_000_000


def schema(size: Size) -> Sequence[Line]:
    """The catalogue of a million live rows."""
    df = filled_log(size.of(_MILLION)).df
    [mine] = in_turn(size.long_rounds, partial(bx.schema, df), unit=1)
    return [Line("bx.schema of 1 000 000 rows", "s", mine, at_most(6, "s"))]


def memory(size: Size) -> Sequence[Line]:
    """What the catalogue of 20 million rows in 40 days takes at most, in a process of its own."""
    peak = in_a_process(_peak, size.of(20 * _MILLION))
    what = "memory of bx.schema, dataset of 20 000 000 rows"
    return [Line(what, "GB", Sample((peak,)), at_most(1, "GB"))]


def _peak(rows: int) -> float:
    """Return the growth in GB of the most memory that this process ever had."""
    import resource

    with tempfile.TemporaryDirectory() as folder:
        day = event_table(filled_log(rows // _DAYS).df).cast(SCHEMA)
        content = part_bytes(day)
        for number in range(_DAYS):
            name = Folder("portal.example", f"2026-{1 + number // 28:02}-{1 + number % 28:02}")
            Storage(Path(folder)).put(part_name(name, "bench", 1, number, content), content)
        del day, content
        before = resident()
        bx.schema(folder)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return max(most - before, 1) / 1e9


BENCHMARKS = (Benchmark("schema", schema), Benchmark("learn-memory", memory))
