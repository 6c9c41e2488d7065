"""The portal's leaky bucket, counted here too so that it never overflows there."""

from collections.abc import Callable
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = ["LeakyBucket"]


class LeakyBucket:
    """Lets `burst` calls through at once, and then `rate` a second.

    `clock` gives seconds that never go backwards.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        if not (rate > 0 and burst >= 1):
            raise SettingsError(
                f"limit=({rate}, {burst}): give calls a second and calls at once, like (2, 50)."
            )
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = 0.0
        self._updated = clock()

    @classmethod
    def of(cls, limit: Any, clock: Callable[[], float]) -> "LeakyBucket":
        """Return the bucket of two numbers; raises SettingsError for anything else."""
        try:
            rate, burst = map(float, limit)
        except Exception:  # noqa: BLE001 - any `__iter__` and `__float__`
            raise SettingsError(
                f"limit={quoted(limit)}: give calls a second and calls at once, like (2, 50)."
            ) from None
        return cls(rate, burst, clock)

    def take(self) -> float:
        """Count one more call, and return the seconds to wait before it."""
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._updated) * self._rate) + 1
        self._updated = now
        return max(0.0, (self._level - self._burst) / self._rate)
