"""The memory of a collector; the long run is `python -m tests.faults.memory`."""

import sys

import pytest

from tests.faults.memory import Growth, growth_of, run


def test_the_growth_is_that_of_a_straight_line() -> None:
    """Peaks of single uploads do not count as growth."""
    flat = [(float(n), 300.0 + 40.0 * (n % 10 == 5)) for n in range(600)]
    assert growth_of(flat).most == 340
    assert abs(growth_of(flat).per_minute) < 0.1
    rising = [(at, megabytes + at / 20) for at, megabytes in flat]
    assert growth_of(rising).per_minute == pytest.approx(3.0, abs=0.1)
    assert str(Growth(806.2, 3.456)) == "806 MB at most, +3.46 MB a minute"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_memory_of_a_collector_is_measured() -> None:
    """Some seconds are too short for more than that it runs."""
    assert 50 < run(seconds=4, rate=500, warm_up=1).most < 600
