"""Work that a timer repeats."""

import asyncio

import pytest

from bxpull_nb.listener.periodic import every
from tests.support.stepped_loop import SteppedLoop


def test_work_is_repeated_until_it_is_cancelled() -> None:
    """At equal distances, the first time after one."""
    loop, times = SteppedLoop(), list[float]()
    begun = loop.time()
    running = loop.create_task(every(0.25, lambda: times.append(loop.time() - begun)))
    loop.step(1.1)
    assert times == pytest.approx([0.25, 0.5, 0.75, 1.0])
    running.cancel()
    loop.run_until_complete(asyncio.wait([running]))
    loop.step(1.0)
    assert len(times) == 4
    loop.close()


def test_an_error_of_the_work_is_raised() -> None:
    """It is not repeated after it."""

    def fail() -> None:
        calls.append(None)
        raise ValueError("no")

    calls: list[None] = []
    loop = SteppedLoop()
    with pytest.raises(ValueError, match="no"):
        loop.run_until_complete(every(1.0, fail))
    loop.step(5.0)
    assert len(calls) == 1
    loop.close()
