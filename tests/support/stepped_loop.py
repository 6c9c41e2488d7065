"""An event loop without real time: its clock jumps to the next thing that is due."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["SteppedLoop"]

_ROUNDS = 50  # of the loop, more than one frame needs on its way through a listener
_BEGUN = 1000.0  # seconds; a monotonic clock begins anywhere


class SteppedLoop(asyncio.SelectorEventLoop):
    """A loop whose waits take no time: `time` is a number that each wait adds to.

    It has no sockets. What goes to another thread runs at once on this one, so that a run can be
    repeated step by step.
    """

    def __init__(self) -> None:
        self._waits = _Waits()
        super().__init__(self._waits)
        self.set_default_executor(_AtOnce())

    def time(self) -> float:
        """Return the seconds of all waits so far."""
        return self._waits.now

    def step(self, seconds: float) -> None:
        """Run for so many seconds of the loop's own time."""
        self.run_until_complete(_pass(seconds))


async def _pass(seconds: float) -> None:
    """Wait, and let everything happen that is due at that moment."""
    await asyncio.sleep(seconds)
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)


class _Waits(selectors.SelectSelector):
    """A selector that returns at once, and counts how long it was to wait."""

    now = _BEGUN

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("the loop waits for nothing that could come")
        self.now += max(timeout, 0.0)
        return []


class _AtOnce(ThreadPoolExecutor):
    """An executor that calls at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as exc:  # noqa: BLE001 - it is raised where the result is awaited
            future.set_exception(exc)
        return future
