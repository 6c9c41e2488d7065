"""The portal's leaky bucket, counted here too so that it never overflows there."""

from collections.abc import Callable

from bxpull_nb.errors import SettingsError

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

    def take(self) -> float:
        """Count one more call, and return the seconds to wait before it."""
        now = self._clock()
        self._level = max(0.0, self._level - (now - self._updated) * self._rate) + 1
        self._updated = now
        return max(0.0, (self._level - self._burst) / self._rate)
