"""A clock that is set while others read it."""

import time

__all__ = ["SettableClock"]


class SettableClock:
    """The clock of this machine, as `Timing.clock` takes it; `jump` sets it."""

    def __init__(self) -> None:
        self._ahead = 0

    def __call__(self) -> int:
        """Return Unix nanoseconds."""
        return time.time_ns() + self._ahead

    def jump(self, seconds: float) -> None:
        """Set the clock so much forward, or back for a negative number."""
        self._ahead += round(seconds * 1e9)

    def now_us(self) -> int:
        """Return Unix microseconds."""
        return self() // 1000
