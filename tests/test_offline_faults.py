"""Readers of the offline queue are killed; the long run is `python -m tests.faults.offline`."""

import pytest

from tests.faults.offline import STEPS, kill_readers

pytestmark = pytest.mark.slow

SEED = 20261127
"""The same faults each time; the command draws others, and prints their seed."""


def test_killed_readers_lose_and_double_nothing() -> None:
    """Once at each step between the queue, the note, the journal and the clearing."""
    outcome = kill_readers(400, len(STEPS), SEED)
    assert outcome.is_clean, outcome
    assert outcome.rows > 100
