"""What is around the log: CSV, the panel, the import."""

import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from bxpull_nb.storage.export import to_csv
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.material import events
from tests.benchmarks.measure import (
    Benchmark,
    Line,
    Sample,
    Size,
    at_most,
    faster,
    in_a_process,
    in_turn,
    resident,
    within,
)

__all__ = ["BENCHMARKS"]

_MILLION = 1_000_000
_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"


def csv_file(size: Size) -> Sequence[Line]:
    """A million rows to a CSV file, by ours and by pandas, with the same values in the file.

    pandas is given the spellings it needs for that, and as columns, not row by row.
    """
    frame = filled_log(size.of(_MILLION)).df
    with tempfile.TemporaryDirectory() as folder:
        mine_at, other_at = Path(folder, "ours.csv"), Path(folder, "theirs.csv")

        def by_pandas() -> None:
            spelled = frame.assign(lag=frame["lag"].astype("int64") / 1e6)
            spelled.to_csv(other_at, index=False, date_format=_ISO)

        mine, other = in_turn(
            3 if not size.quick else 1, lambda: to_csv(frame, mine_at), by_pandas, unit=1
        )
        ours, theirs = (pd.read_csv(path, dtype=str) for path in (mine_at, other_at))
        pd.testing.assert_frame_equal(ours.tail(1000), theirs.tail(1000))
    grown = Sample((in_a_process(_csv_memory, size.of(_MILLION)),))
    what = "to_csv of 1 000 000 rows"
    return [
        Line(what, "s", mine, faster(4), "DataFrame.to_csv", other),
        Line(f"{what}: memory against the frame's", "times", grown, at_most(1.3, "times")),
    ]


def _csv_memory(rows: int) -> float:
    """By how much of the frame's own memory the process grows while the file is written."""
    frame = filled_log(rows).df
    with tempfile.TemporaryDirectory() as folder:
        grown = _growth(lambda: to_csv(frame, Path(folder, "events.csv")))
    return grown / float(frame.memory_usage(deep=True).sum())


def _growth(work: Callable[[], object]) -> float:
    """Bytes by which the process grew at most while this ran."""
    before, most, done = resident(), [1], threading.Event()

    def watch() -> None:
        import psutil

        process = psutil.Process()
        while not done.wait(0.002):
            most.append(process.memory_info().rss - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()
    return float(max(most))


def panel(size: Size) -> Sequence[Line]:
    """One refresh of the live table by 100 new rows, at a thousand rows and a million."""
    from bxpull_nb.jupyter.widgets import LiveTable
    from tests.support.fake_comm import from_page, record_comms

    few, rows = events(0, 100), (size.of(1000), size.of(_MILLION))
    taken: list[list[float]] = [[], []]
    with pytest.MonkeyPatch.context() as patch:
        record_comms(patch)
        logs = [filled_log(count) for count in rows]
        tables = [LiveTable(log) for log in logs]
        for table in tables:
            from_page(table, {"kind": "hello", "page": "p", "epoch": -1, "end": 0})
        for turn in range(20 * size.rounds):
            for which in (0, 1) if turn % 2 else (1, 0):
                logs[which].extend(few)
                begun = time.perf_counter()
                assert tables[which].flush() == len(few)
                taken[which].append((time.perf_counter() - begun) * 1e3)
    small, big = (Sample(tuple(times[5:])) for times in taken)
    what = "panel refresh of 100 rows, at 1 000 000 rows"
    return [Line(what, "ms", big, within(1.2), "the same at 1000", small)]


def importing(size: Size) -> Sequence[Line]:
    """Importing the package, in a fresh interpreter each time, less what starting that takes."""
    mine, other = (
        Sample(tuple(_import_seconds(name) for _ in range(size.rounds)))
        for name in ("bxpull_nb", "pandas")
    )
    return [
        Line(
            "import bxpull_nb",
            "ms",
            mine.times(1e3),
            within(0.3),
            "import pandas",
            other.times(1e3),
        ),
    ]


def _import_seconds(module: str) -> float:
    code = (
        f"import time; begun = time.perf_counter(); import {module}; "
        f"print(time.perf_counter() - begun)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(run.stdout)


BENCHMARKS = (
    Benchmark("csv", csv_file),
    Benchmark("panel", panel),
    Benchmark("import", importing),
)
