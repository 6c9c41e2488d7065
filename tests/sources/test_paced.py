"""The calls of all sources: never more than two a second."""

import asyncio
from typing import Any

from bxpull_nb.sources.paced import PacedClient


class Clock:
    """A clock that only sleeping moves; calls are noted with their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Move on by so much, and a little more."""
        await asyncio.sleep(0)
        self.now += seconds + 0.1  # a loop is never on time

    async def call(self, *_: Any) -> None:
        """Note a call, of which each takes no time."""
        self.calls.append(self.now)

    batch = call


def test_calls_of_many_sources_are_half_a_second_apart() -> None:
    """A batch is one call."""
    clock = Clock()
    client = PacedClient(clock, 2.0, monotonic=lambda: clock.now, sleep=clock.sleep)  # type: ignore[arg-type]

    async def source(count: int) -> None:
        for number in range(count):
            await (client.batch({}) if number % 2 else client.call("x"))

    async def scenario() -> None:
        await asyncio.gather(source(10), source(10), source(10))

    asyncio.run(scenario())
    assert len(clock.calls) == 30
    for at in clock.calls:
        assert sum(at <= other < at + 0.999 for other in clock.calls) <= 2
