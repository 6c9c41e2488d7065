"""A flood with a handler that sleeps."""

from pathlib import Path

import pytest

from tests.faults.flood import flood

pytestmark = pytest.mark.slow


def test_a_flood_is_received_whatever_a_handler_does(tmp_path: Path) -> None:
    """All of it, in the journal too; only the slow handler misses some, and that is told."""
    seen = flood(tmp_path, seconds=3, megabytes=10)
    assert seen.published > 1_000
    assert seen.received == seen.journaled == seen.published
    assert seen.dropped > 0
    assert seen.reconnects == 0
    assert seen.grown < 400
