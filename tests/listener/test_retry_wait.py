"""The wait before the next try, by a clock of the test's own."""

import asyncio

from bxpull_nb.listener import Timing
from bxpull_nb.listener.retry_wait import RetryWait


class Clock:
    """Seconds that the test sets, and sleeps that end when it asks for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        """Sleep until `slept` is set."""
        await self.slept.wait()


def wait_of(clock: Clock) -> RetryWait:
    """A wait by that clock."""
    return RetryWait(Timing(monotonic=lambda: clock.now, sleep=clock.sleep))


def test_it_counts_down_and_ends() -> None:
    """None before and after; never below zero."""

    async def scene() -> list[float | None]:
        clock = Clock()
        wait = wait_of(clock)
        seen = [wait.left]
        waiting = asyncio.create_task(wait.wait(10))
        await asyncio.sleep(0)
        for passed in (0.0, 4.0, 20.0):
            clock.now = 100 + passed
            seen.append(wait.left)
        clock.slept.set()
        await waiting
        return [*seen, wait.left]

    assert asyncio.run(scene()) == [None, 10.0, 6.0, 0.0, None]


def test_it_can_be_ended_and_waits_again() -> None:
    """An `end` without a wait does not shorten the next one."""

    async def scene() -> list[bool]:
        wait = wait_of(Clock())
        wait.end()
        first = asyncio.create_task(wait.wait(10))
        await asyncio.sleep(0.01)
        done = [first.done()]
        wait.end()
        await asyncio.sleep(0.01)
        return [*done, first.done()]

    assert asyncio.run(scene()) == [False, True]


def test_cancelling_it_leaves_no_task() -> None:
    """As when the feed is stopped meanwhile."""

    async def scene() -> tuple[int, float | None]:
        wait = wait_of(Clock())
        waiting = asyncio.create_task(wait.wait(10))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks()), wait.left

    assert asyncio.run(scene()) == (1, None)
