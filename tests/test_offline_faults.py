"""Readers of the offline queue are killed; the long run is `python -m tests.faults.offline`."""

from random import SystemRandom

import pytest

from tests.faults.offline import STEPS, kill_readers

pytestmark = pytest.mark.slow

SEED = SystemRandom().randrange(2**31)


def test_killed_readers_lose_and_double_nothing() -> None:
    """Once at each step between the queue, the note, the journal and the clearing."""
    outcome = kill_readers(400, len(STEPS), SEED)
    assert outcome.is_clean, outcome
    assert outcome.rows > 100
