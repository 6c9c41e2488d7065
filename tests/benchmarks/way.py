"""The whole way: from a push server's send, over a WebSocket, to the row in the log."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import numpy as np
import pandas as pd
from websockets.asyncio.client import connect

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.listener import Beginnings, CaptureTarget, Listener
from bxpull_nb.models import Batch, Channel, LogEntry, PullConfig, PullServer
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Journal
from tests.benchmarks.byhand import DECODERS, Row, text_rows
from tests.benchmarks.measure import (
    Benchmark,
    Line,
    Sample,
    Size,
    at_least,
    at_most,
    faster,
    in_turn,
    within,
)
from tests.benchmarks.sender import sending

__all__ = ["BENCHMARKS"]

_EVENTS = 300_000
_FEW = 100_000
_VERSIONS = {"text": 3, "protobuf": 4, "jsonrpc": 5}
_WAYS = (
    ("text", 1, 2.0),
    ("protobuf", 1, 2.0),
    ("jsonrpc", 1, 2.0),
    ("text", 5, 3.5),
    ("text", 50, 7.0),
)
"""Dialect, messages a frame, how many times faster than by hand."""
_MINUTE_RATE = 200_000
_LATENCY_RATE = 200
_CELL = 0.5  # seconds a cell of the kernel works before the loop gets its turn
_BETWEEN_CELLS = 0.02
_MILLION = 1_000_000


def config_for(url: str, version: int = 3) -> PullConfig:
    """The connection config that leads to the sender."""
    now = datetime.now(UTC)
    channel = Channel(type="shared", id="c" * 32, start=now, end=now + timedelta(hours=12))
    server = PullServer(version=version, websocket_enabled=True, websocket=url)
    return PullConfig(server=server, channels={"shared": channel}, portal_time=now)


class TapTarget:
    """A capture target that calls a function with each batch, and ignores all else."""

    def __init__(self, store: Callable[[Batch], None]) -> None:
        self.store = store

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Ignore it."""

    def is_safe(self) -> bool:
        """Return True: there is no disk."""
        return True

    def happened(self, entry: LogEntry) -> None:
        """Ignore it."""

    def changed(self) -> None:
        """Ignore it."""


def listener(url: str, target: CaptureTarget, dialect: str = "text") -> Listener:
    """The product's own listener, with nothing left out."""

    async def fetch() -> PullConfig:
        return config_for(url, _VERSIONS[dialect])

    return Listener(fetch, target, channels=["shared"], transport="websocket", secure=False)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    """The coroutine at work in the background while the block runs."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def capture(
    url: str, count: int, journal: Journal | None = None, dialect: str = "text"
) -> EventLog:
    """A log with `count` events, by ours; with a journal, they are on disk first."""
    log, done = EventLog(), asyncio.Event()
    hub = EventHub(log)
    hub.journal = journal
    hub.taps.append(lambda _: done.set() if len(log) >= count else None)
    async with running(listener(url, hub, dialect).run()):
        await done.wait()
    return log


async def by_hand(url: str, count: int, dialect: str = "text") -> list[Row]:
    """A list with `count` rows, by the loop that one writes on the first day."""
    rows: list[Row] = []
    rows_of = DECODERS[dialect]
    async with connect(url, max_size=None, compression=None) as connection:
        async for frame in connection:
            came = list(rows_of(frame))
            rows += came
            if dialect == "jsonrpc":  # the protocol wants each message acknowledged
                for row in came:
                    await connection.send(f"mack:{row['mid']}")
            if len(rows) >= count:
                break
    return rows


def throughput(dialect: str, per_frame: int, times: float, size: Size) -> Sequence[Line]:
    """As fast as it is taken, from the connect to the last row; ours drops duplicates besides."""
    count = size.of(_EVENTS if per_frame > 1 else _FEW)
    with sending(count, per_frame=per_frame, dialect=dialect) as url:

        def ours() -> None:
            assert len(asyncio.run(capture(url, count, dialect=dialect)).df) == count

        def theirs() -> None:
            assert len(asyncio.run(by_hand(url, count, dialect))) == count

        mine, other = in_turn(size.long_rounds, ours, theirs, per=count)
    what = f"server → WebSocket → decode → dedupe → log: {dialect}, {per_frame} a frame"
    hand = "websockets, json.loads, list of dicts"
    return [Line(what, "µs/event", mine, faster(times), hand, other)]


def journaled(per_frame: int, size: Size) -> Sequence[Line]:
    """The same with every frame on disk before its events count."""
    count = size.of(_EVENTS if per_frame > 1 else _FEW)
    with sending(count, per_frame=per_frame) as url:

        def ours() -> None:
            with tempfile.TemporaryDirectory() as folder, Journal(folder) as journal:
                assert len(asyncio.run(capture(url, count, journal)).df) == count

        def without() -> None:
            assert len(asyncio.run(capture(url, count)).df) == count

        mine, other = in_turn(size.long_rounds, ours, without, per=count)
    what = f'with the journal (`durability="second"`), {per_frame} a frame'
    return [Line(what, "µs/event", mine, within(1.3), "the same without", other)]


def minute(size: Size) -> Sequence[Line]:
    """Sixty seconds of 200 000 events each: what did not arrive, and at what rate the rest did.

    The log begins again every million rows, to need less memory.
    """
    count = size.of(60 * _MINUTE_RATE)
    logs: list[EventLog] = [EventLog()]
    arrived = [0]

    async def listen(url: str) -> float:
        done, begun = asyncio.Event(), time.perf_counter()

        def store(batch: Batch) -> None:
            if len(logs[0]) >= _MILLION:
                logs[0] = EventLog()
            logs[0].extend(batch.records)
            arrived[0] += len(batch.records)
            if arrived[0] >= count:
                done.set()

        async with running(listener(url, TapTarget(store)).run()):
            await asyncio.wait_for(done.wait(), 300)
        return time.perf_counter() - begun

    with sending(count, rate=_MINUTE_RATE) as url:
        taken = asyncio.run(listen(url))
    lost = Sample((float(count - arrived[0]),))
    return [
        Line("a minute of 200 000 events/s: lost", "events", lost, at_most(0, "events")),
        Line(
            "a minute of 200 000 events/s: held",
            "events/s",
            Sample((count / taken,)),
            at_least(0.97 * _MINUTE_RATE, "events/s"),
        ),
    ]


def resume(size: Size) -> Sequence[Line]:
    """A backlog of 100 000 messages, which comes as one frame: from the connect to the rows."""
    count = size.of(100_000)
    with sending(count, per_frame=count) as url:

        def ours() -> None:
            assert len(asyncio.run(capture(url, count)).df) == count

        def theirs() -> None:
            assert len(asyncio.run(by_hand(url, count))) == count

        mine, other = in_turn(size.long_rounds, ours, theirs, unit=1)
    hand = "websockets, regex, json.loads, list of dicts"
    return [Line("resume of 100 000 events", "s", mine, at_most(1.5, "s"), hand, other)]


def latency(work: Callable[[float], None], size: Size, *, limit: float, times: float) -> list[Line]:
    """99 % of the events are in the log after so many milliseconds, while the main thread works.

    By hand: the same client on the kernel's own loop, as in a notebook that awaits in cells; a
    cell holds it up for half a second at a time.
    """
    duration = 0.2 if size.quick else 6.0
    count = int(_LATENCY_RATE * duration)
    mine, other = [], []
    with sending(count, per_frame=1, rate=_LATENCY_RATE) as url:
        for _ in range(1 if size.quick else 5):
            mine.append(_percentile(_beside_work(url, count, work)))
            other.append(_percentile(asyncio.run(_between_cells(url, count, work))))
    ours, theirs = Sample(tuple(mine)), Sample(tuple(other))
    what = f"send → row, 99 %, main thread in {work.__name__.strip('_').replace('_', ' ')}"
    return [
        Line(what, "ms", ours, at_most(limit, "ms")),
        Line(what, "ms", ours, faster(times), "a client on the kernel's loop", theirs),
    ]


def _beside_work(url: str, count: int, work: Callable[[float], None]) -> list[float]:
    """The delays, in ms, of a listener on its own thread."""
    log, delays = EventLog(), list[float]()

    def store(batch: Batch) -> None:
        log.extend(batch.records)
        now = time.time()
        delays.extend((now - (record.server_time_unix or now)) * 1e3 for record in batch.records)

    async def listen() -> None:
        async with running(listener(url, TapTarget(store)).run()):
            await done.wait()

    async def end() -> None:
        done.set()

    bridge, done = LoopThread(), asyncio.Event()
    task = bridge.submit(listen())
    until = time.monotonic() + 30
    while len(delays) < count and time.monotonic() < until:
        work(_CELL)
    bridge.run(end())
    task.result()
    bridge.stop()
    return delays


async def _between_cells(url: str, count: int, work: Callable[[float], None]) -> list[float]:
    """The delays, in ms, of a client that shares its loop with the cells."""
    delays: list[float] = []

    async def listen() -> None:
        rows: list[Row] = []
        async with connect(url, max_size=None, compression=None) as connection:
            async for frame in connection:
                assert isinstance(frame, str)
                for row in text_rows(frame):
                    rows.append(row)
                    delays.append((time.time() - row["server_time"].timestamp()) * 1e3)

    async with running(listen()):
        until = time.monotonic() + 30
        while len(delays) < count and time.monotonic() < until:
            await asyncio.sleep(_BETWEEN_CELLS)
            work(_CELL)
    return delays


def pandas_calls(seconds: float) -> None:
    """What an explorer runs: a mix of pandas calls on 500 000 rows."""
    frame = _frame()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        frame.groupby("key", observed=True)["value"].mean()
        frame[frame["value"] > 0.5]
        frame["key"].value_counts()
        frame.sort_values("value")


def a_pure_python_loop(seconds: float) -> None:
    """Nothing but bytecode: the interpreter hands over every 5 ms."""
    until, total = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        for n in range(10_000):
            total += n * n


@cache
def _frame() -> pd.DataFrame:
    numbers, rows = np.random.default_rng(0), 500_000
    key = pd.Categorical(np.array(list("abcdefg"))[numbers.integers(0, 7, rows)])
    return pd.DataFrame({"key": key, "value": numbers.random(rows)})


def _percentile(delays: Sequence[float]) -> float:
    return float(np.percentile(delays, 99))


BENCHMARKS = (
    *(
        Benchmark(
            f"whole-way-{dialect}-{per_frame}", partial(throughput, dialect, per_frame, times)
        )
        for dialect, per_frame, times in _WAYS
    ),
    *(Benchmark(f"journal-{n}", partial(journaled, n)) for n in (1, 50)),
    Benchmark("minute", minute),
    Benchmark("resume", resume),
    Benchmark("latency-pandas", partial(latency, pandas_calls, limit=5, times=50)),
    Benchmark("latency-python", partial(latency, a_pure_python_loop, limit=25, times=20)),
)
