"""A clock that counts only the time for which the process ran."""

import asyncio

import pytest

from bxpull_nb.listener.awake_clock import AwakeClock
from tests.support.stepped_loop import SteppedLoop


@pytest.mark.parametrize("slept", [0.0, 0.1, 7200.0])
def test_a_sleep_of_the_machine_counts_a_quarter_of_a_second_at_most(slept: float) -> None:
    """Whenever it begins; all other time counts."""
    loop, asleep = SteppedLoop(), [0.0]
    clock = AwakeClock(lambda: loop.time() + asleep[0])
    running = loop.create_task(clock.run())
    loop.step(10.1)
    assert clock() == pytest.approx(10.1, abs=0.01)
    asleep[0] = slept
    assert clock() == pytest.approx(10.1 + min(slept, 0.15), abs=0.01)
    loop.step(10.0)
    assert clock() == pytest.approx(20.1 + min(slept, 0.15), abs=0.26)
    running.cancel()
    loop.run_until_complete(asyncio.wait([running]))
    loop.close()
