"""Work that a timer repeats."""

import asyncio
from collections.abc import Callable

__all__ = ["every"]


async def every(seconds: float, work: Callable[[], object]) -> None:
    """Call `work` every so many seconds, until cancelled; raise what it raises.

    A loop around `asyncio.sleep` wakes a task each time, which costs twice the processor time of
    a timer: much for a feed that is quiet.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()
    timer: asyncio.TimerHandle

    def tick() -> None:
        nonlocal timer
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised to the caller
            if not ended.done():
                ended.set_exception(error)
            return
        timer = loop.call_later(seconds, tick)

    timer = loop.call_later(seconds, tick)
    try:
        await ended
    finally:
        timer.cancel()
