"""A clock that a test sets."""

from dataclasses import dataclass

__all__ = ["Clock"]


@dataclass
class Clock:
    """Returns `now`, in seconds, until the test sets another time."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now
