"""The wait before the next try: how long it still takes, and a way to end it."""

import asyncio

from bxpull_nb.listener.settings import Timing

__all__ = ["RetryWait"]


class RetryWait:
    """One wait at a time, on the listener's loop."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._until: float | None = None
        self._ended = asyncio.Event()

    @property
    def left(self) -> float | None:
        """Seconds until the next try; None while nothing waits."""
        until = self._until
        return None if until is None else max(until - self._timing.monotonic(), 0.0)

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until `end` is called."""
        self._until = self._timing.monotonic() + seconds
        self._ended.clear()
        sleep, ended = self._timing.sleep(seconds), self._ended.wait()
        tasks = [asyncio.ensure_future(work) for work in (sleep, ended)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._until = None
            for task in tasks:
                task.cancel()

    def end(self) -> None:
        """End the wait now; without one nothing happens."""
        self._ended.set()
