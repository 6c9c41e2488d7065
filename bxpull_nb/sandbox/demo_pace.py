"""The pace of the demo traffic: how long it waits before each event, and the waiting."""

import asyncio
from collections.abc import Callable, Iterator
from random import Random

from bxpull_nb.sandbox.demo_event import DemoEvent

__all__ = ["demo_gaps", "play"]

_LARGEST_DELAY = 1.0
_YIELD_EVERY = 64


def demo_gaps(rate: float, seed: int = 0) -> Iterator[float]:
    """Yield the seconds before each event, in bursts and lulls.

    The mean is `rate` events a second. A burst is about 200 events at 2.5 times the rate, a lull
    about 50 in the remaining time.
    """
    rng = Random(seed)  # noqa: S311 - plausible traffic, no secrets
    burst, lull = 2.5 * rate, 50 / 170 * rate  # 200 / 2.5 + 50 * 170 / 50 = 250 mean gaps
    while True:
        for _ in range(rng.randint(100, 300)):
            yield rng.expovariate(burst)
        for _ in range(rng.randint(25, 75)):
            yield rng.expovariate(lull)


async def play(
    events: Iterator[DemoEvent], gaps: Iterator[float], publish: Callable[[DemoEvent], object]
) -> None:
    """Publish each event when its gap has passed, as long as there are events.

    A late loop catches up with one second at most: a computer that slept must not publish the
    events of a night at once.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    for number, (event, gap) in enumerate(zip(events, gaps, strict=False)):
        due = max(due + gap, clock() - _LARGEST_DELAY)
        wait = due - clock()
        # When late it does not wait, but lets other tasks of the loop run now and then.
        if wait > 0 or number % _YIELD_EVERY == 0:
            await asyncio.sleep(max(wait, 0))
        publish(event)
