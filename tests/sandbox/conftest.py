"""A sandbox for each test, and the clock of its portal."""

from collections.abc import Iterator

import pytest

from tests.support.clock import Clock
from tests.support.visitor import Visitor, visiting


@pytest.fixture
def clock() -> Clock:
    """Return a portal's clock that a test sets."""
    return Clock(1_795_800_000.0)


@pytest.fixture
def visitor() -> Iterator[Visitor]:
    """Open a sandbox with default options."""
    with visiting() as visitor:
        yield visitor
