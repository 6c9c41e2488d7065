"""Wait for a condition, for a bounded time."""

import time
from collections.abc import Callable

__all__ = ["eventually"]


def eventually(reached: Callable[[], object], seconds: float = 30) -> None:
    """Return when the condition holds; fail when it does not within the time."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
