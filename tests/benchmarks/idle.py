"""The CPU that a quiet feed takes: 25 events a second, against a bare client of the same.

Once without a panel, and once with one that repaints five times a second.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from websockets.asyncio.client import connect

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.feed import Feed
from bxpull_nb.listener import Listener
from bxpull_nb.models import PullConfig
from tests.benchmarks.measure import Benchmark, Line, Sample, Size, in_a_process, within
from tests.benchmarks.panel import open_panel
from tests.benchmarks.sender import sending
from tests.benchmarks.way import capture, config_for

__all__ = ["BENCHMARKS"]

_RATE = 25  # events/s
_SECONDS = 12
_MINUTE = 60
_REPAINT = 0.2  # seconds, as the panel does
Work = Callable[[str, int], Coroutine[Any, Any, object]]
_WARM = 5  # events of a run whose time is taken off: connecting is no idling


async def by_hand(url: str, count: int) -> list[str | bytes]:
    """The frames in a list, undecoded."""
    frames: list[str | bytes] = []
    async with connect(url, max_size=None, compression=None) as connection:
        while len(frames) < count:
            frames.append(await connection.recv())
    return frames


async def with_panel(url: str, count: int) -> None:
    """A feed on its own thread, as in a notebook, with its panel in the page."""
    loop, done, bridge = asyncio.get_running_loop(), asyncio.Event(), LoopThread()

    async def fetch() -> PullConfig:
        return config_for(url)

    def tap(_: object) -> None:
        if len(feed) >= count:
            loop.call_soon_threadsafe(done.set)

    feed = Feed(partial(_driver, fetch), bridge)
    feed._hub.taps.append(tap)
    with open_panel(feed, repaint=_REPAINT):
        await feed.start_async(["shared"], "websocket", timeout=0.1)
        await done.wait()
        await feed.stop_async()
    bridge.stop()


def _driver(fetch: Callable[[], Awaitable[PullConfig]], target: Any, **settings: Any) -> Listener:
    return Listener(fetch, target, secure=False, **settings)


def _cpu_of(work: Work, count: int) -> float:
    """CPU seconds a minute of this process while the events come; starting is taken off."""
    _spent(work, _WARM)  # loads what is loaded once
    starting = _spent(work, _WARM)
    return (_spent(work, count + _WARM) - starting) * _MINUTE * _RATE / count


def _spent(work: Work, count: int) -> float:
    with sending(count, per_frame=1, rate=_RATE) as url:
        begun = time.process_time()
        asyncio.run(work(url, count))
        return time.process_time() - begun


def idle(work: Work, what: str, size: Size) -> Sequence[Line]:
    """Both sides in turn, in processes of their own, for twelve seconds of events each."""
    count = (2 if size.quick else _SECONDS) * _RATE
    ours, theirs = partial(_cpu_of, work), partial(_cpu_of, by_hand)
    pairs = [
        (in_a_process(ours, count), in_a_process(theirs, count)) for _ in range(size.long_rounds)
    ]
    mine, other = (Sample(values) for values in zip(*pairs, strict=True))
    what = f"CPU of {what} with 25 events/s, for a minute"
    return [Line(what, "s", mine, within(1.5), "websockets, frames in a list", other)]


BENCHMARKS = (
    Benchmark("idle", partial(idle, capture, "a feed")),
    Benchmark("idle-panel", partial(idle, with_panel, "a feed and its panel")),
)
