"""Reading back: journals, a replay at full speed, one partition of a dataset."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pandas as pd

import bxpull_nb as bx
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.replay import Replay
from bxpull_nb.models import Batch
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import to_parquet
from bxpull_nb.storage.journal import Journal, read_journal
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.learning import write_days
from tests.benchmarks.material import ARRIVAL, frames
from tests.benchmarks.measure import Benchmark, Line, Size, in_turn, within

__all__ = ["BENCHMARKS"]

_LEFT_OUT = 40_000
_MILLION = 1_000_000


def write_left_out(folder: Path, count: int) -> None:
    """Write a frame whose messages are all left out but the last, as a resume makes them."""
    frame = "".join(map(str, frames(TextCodec(), count)))
    records = TextCodec().decode(frame, ARRIVAL)
    left_out = tuple(range(len(records) - 1))
    with Journal(folder, "os") as journal:
        journal.write(Batch(records.without(left_out), frame, "text", (), left_out))


def linear(size: Size) -> Sequence[Line]:
    """Read four times as many left-out messages: it takes four times as long, not sixteen."""
    count = size.of(_LEFT_OUT)
    with TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        write_left_out(few, count // 4)
        write_left_out(many, count)
        ours, theirs = in_turn(
            size.rounds, lambda: list(read_journal(many)), lambda: list(read_journal(few)), per=1
        )
    what = f"journal, {count:,} messages left out of a frame"
    return [Line(what, "µs", ours, within(6), "a quarter of them", theirs)]


def replayed(size: Size) -> Sequence[Line]:
    """A million recorded rows, played at once into a log, as a feed does it."""
    count = size.of(_MILLION)
    with TemporaryDirectory() as name:
        file = Path(name, "events.parquet")
        to_parquet(filled_log(count).df, file)

        def ours() -> None:
            log = EventLog()
            asyncio.run(Replay(file, EventHub(log), speed=math.inf).run())
            assert len(log.df) == count

        mine, other = in_turn(size.long_rounds, ours, lambda: pd.read_parquet(file), unit=1)
    what = "replay at speed=inf, 1 000 000 rows to the log"
    return [Line(what, "s", mine, within(4), "pd.read_parquet", other)]


def partition(size: Size) -> Sequence[Line]:
    """Two columns of one day, of two million rows in four days."""
    day = "2026-01-02"
    with TemporaryDirectory() as name, duckdb.connect() as connection:
        write_days(Path(name), size.of(2 * _MILLION), days=4)
        query = (
            f"select server_time, command from read_parquet('{name}/**/*.parquet', "
            f"hive_partitioning=true) where date = '{day}'"
        )
        where, columns = [("date", "==", day)], ["server_time", "command"]
        mine, other = in_turn(
            size.rounds,
            lambda: bx.read_events(name, where=where, columns=columns),
            lambda: connection.sql(query).df(),
            unit=1,
        )
    what = "read_events of 2 000 000 rows: one day of four, two columns"
    return [Line(what, "s", mine, within(2), "DuckDB on the files", other)]


BENCHMARKS = [
    Benchmark("journal with left-out messages", linear),
    Benchmark("replay", replayed),
    Benchmark("partition", partition),
]
