"""The CPU that a quiet feed takes: 25 events a second, against a bare client of the same."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from websockets.asyncio.client import connect

from tests.benchmarks.measure import Benchmark, Line, Sample, Size, in_a_process, within
from tests.benchmarks.sender import sending
from tests.benchmarks.way import capture

__all__ = ["BENCHMARKS"]

_RATE = 25  # events/s
_SECONDS = 12
_MINUTE = 60
Work = Callable[[str, int], Coroutine[Any, Any, object]]
_WARM = 5  # events of a run whose time is taken off: connecting is no idling


async def by_hand(url: str, count: int) -> list[str | bytes]:
    """The frames in a list, undecoded."""
    frames: list[str | bytes] = []
    async with connect(url, max_size=None, compression=None) as connection:
        while len(frames) < count:
            frames.append(await connection.recv())
    return frames


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


def idle(size: Size) -> Sequence[Line]:
    """Both sides in turn, in processes of their own, for twelve seconds of events each."""
    count = _SECONDS * _RATE if not size.quick else 10
    ours, theirs = partial(_cpu_of, capture), partial(_cpu_of, by_hand)
    pairs = [
        (in_a_process(ours, count), in_a_process(theirs, count)) for _ in range(size.long_rounds)
    ]
    mine, other = (Sample(values) for values in zip(*pairs, strict=True))
    what = "CPU of a feed with 25 events/s, for a minute"
    return [Line(what, "s", mine, within(1.5), "websockets, frames in a list", other)]


BENCHMARKS = (Benchmark("idle", idle),)
