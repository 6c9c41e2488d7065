"""Short storms and a capture that is killed: the long ones are commands (see tests/faults)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.killed import kill_and_resume
from tests.faults.kinds import HARMLESS
from tests.faults.storm import storm
from tests.support.listening import EVERYWHERE

pytestmark = pytest.mark.slow

SEED = 20261127
"""The same faults each time; the command draws others, and prints their seed."""


def test_a_storm_loses_and_doubles_nothing() -> None:
    """In every version, by WebSocket and by polling, all six at once.

    The report's claim is true meanwhile and at the end.
    """
    with ThreadPoolExecutor(len(EVERYWHERE)) as pool:
        storms = [
            pool.submit(storm, *where, events=1500, faults=40, seed=SEED, rate=200.0)
            for where in EVERYWHERE
        ]
        outcomes = [one.result() for one in storms]
    for outcome in outcomes:
        print(outcome)  # noqa: T201 - pytest shows it for a storm that failed
    assert [outcome for outcome in outcomes if not outcome.is_clean] == []
    assert {(outcome.published, outcome.faults.total()) for outcome in outcomes} == {(1500, 40)}


@pytest.mark.parametrize("version", [3, 4, 5])
def test_faults_that_cost_nothing_raise_no_alarm(version: int) -> None:
    """The report claims that no stored event is missing, and names no risk."""
    outcome = storm(
        version, "websocket", events=1000, faults=20, seed=SEED, rate=400.0, kinds=HARMLESS
    )
    assert outcome.is_clean, (outcome, outcome.wrong)
    assert outcome.report.risk.startswith("No stored event ")


@pytest.mark.parametrize(("version", "transport"), [(3, "websocket"), (5, "polling")])
def test_a_capture_that_is_killed_ten_times_is_whole(version: int, transport: str) -> None:
    """Nothing that was in the journal is lost, and nothing is in it twice."""
    killed = kill_and_resume(version, transport, 10, SEED)
    assert killed.is_clean, killed
    assert killed.published > 500
