"""Demo traffic put on the channels in time."""

import asyncio
from collections.abc import Callable, Iterator

from bxpull_nb.sandbox.demo_traffic import DemoEvent

__all__ = ["play"]

_LARGEST_LAG = 1.0
_BREATH = 64


async def play(
    events: Iterator[DemoEvent], gaps: Iterator[float], publish: Callable[[DemoEvent], object]
) -> None:
    """Publish each event when its gap has passed; it never ends by itself.

    A loop that was late catches up, but only a second's worth: a computer that slept must not
    wake to a night's traffic at once.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    for number, (event, gap) in enumerate(zip(events, gaps, strict=False)):
        due = max(due + gap, clock() - _LARGEST_LAG)
        wait = due - clock()
        # Behind its time it goes on at once, but lets the loop breathe now and then.
        if wait > 0 or number % _BREATH == 0:
            await asyncio.sleep(max(wait, 0))
        publish(event)
