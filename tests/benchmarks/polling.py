"""Long polling, one message an answer: the whole bookkeeping against a loop of httpx."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx

from bxpull_nb.capture.hub import EventHub
from bxpull_nb.listener import Listener
from bxpull_nb.models import Channel, PullConfig, PullServer
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks.byhand import Row, text_rows
from tests.benchmarks.measure import Benchmark, Line, Size, faster, in_turn
from tests.benchmarks.poll_sender import polled
from tests.benchmarks.way import running

__all__ = ["BENCHMARKS"]

_EVENTS = 3000


async def capture(url: str, count: int) -> EventLog:
    """A log with `count` events, by the product's own listener."""
    now = datetime.now(UTC)
    channel = Channel(type="shared", id="c" * 32, start=now, end=now + timedelta(hours=12))
    server = PullServer(version=3, long_polling=url)
    config = PullConfig(server=server, channels={"shared": channel}, portal_time=now)

    async def fetch() -> PullConfig:
        return config

    log, done = EventLog(), asyncio.Event()
    hub = EventHub(log)
    hub.taps.append(lambda _: done.set() if len(log) >= count else None)
    work = Listener(
        fetch, hub, channels=["shared"], transport="polling", secure=False, backfill=True
    )
    async with running(work.run()):
        await done.wait()
    return log


async def by_hand(url: str, count: int) -> list[Row]:
    """A list with `count` rows: ask with the last message's id, read, ask again."""
    rows: list[Row] = []
    asked = {"CHANNEL_ID": "c" * 32}
    async with httpx.AsyncClient(timeout=60) as client:
        while len(rows) < count:
            response = await client.get(url, params=asked)
            response.raise_for_status()
            rows.extend(text_rows(response.text))
            asked["mid"] = rows[-1]["mid"]
    return rows


def polling(size: Size) -> Sequence[Line]:
    """As fast as the server answers; ours drops duplicates and keeps a position besides."""
    count = size.of(_EVENTS)
    with polled(count) as url:

        def ours() -> None:
            assert len(asyncio.run(capture(url, count)).df) == count

        def theirs() -> None:
            assert len(asyncio.run(by_hand(url, count))) == count

        mine, other = in_turn(size.long_rounds, ours, theirs, per=count)
    what = "long polling → log, 1 message an answer"
    return [Line(what, "µs/event", mine, faster(1), "httpx, regex, list of dicts", other)]


BENCHMARKS = (Benchmark("polling", polling),)
