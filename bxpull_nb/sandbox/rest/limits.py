"""Limits of a portal: requests a second, and working time per method (protocol 1.4)."""

from collections.abc import Callable
from typing import Any

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.rest.error import RestRefusal

__all__ = ["OperatingTime", "RequestLimit"]

_WINDOW = 600  # seconds


class RequestLimit:
    """A leaky bucket that every request fills by one; it leaks `rate` a second, holds `burst`.

    A portal has one per source address, the sandbox one in all. With `rate` None there is no limit.
    """

    def __init__(self, rate: float | None, burst: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._level = 0.0
        self._seen = now()

    def take(self) -> None:
        """Count one request; raises RestRefusal if the bucket would overflow."""
        if self._rate is None:
            return
        moment = self._now()
        leaked = max(moment - self._seen, 0) * self._rate
        self._level, self._seen = max(self._level - leaked, 0), moment
        if self._level + 1 > self._burst:
            raise RestRefusal("QUERY_LIMIT_EXCEEDED", "Too many requests")
        self._level += 1


class OperatingTime:
    """The working time of each method, counted in windows of 10 minutes."""

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._spent: dict[str, tuple[float, float]] = {}  # method -> (window's start, seconds)

    def check(self, method: str, moment: float) -> None:
        """Raise RestRefusal for a method without time left, until `operating_reset_at`.

        `moment` is seconds since 1970.
        """
        if self._limit is not None and self._window(method, moment)[1] >= self._limit:
            raise RestRefusal(
                "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit."
            )

    def spend(self, method: str, start: float, seconds: float) -> None:
        """Add the working time of one call that began at `start`."""
        since, spent = self._window(method, start)
        self._spent[method] = (since, spent + seconds)

    def block(self, method: str, start: float, finish: float) -> dict[str, Any]:
        """Return the `time` of an answer to `method`; moments are seconds since 1970."""
        since, spent = self._window(method, start)
        return {
            "start": start,
            "finish": finish,
            "duration": finish - start,
            "processing": finish - start,
            "date_start": iso_time(int(start)),
            "date_finish": iso_time(int(finish)),
            "operating_reset_at": int(since + _WINDOW),
            "operating": spent,
        }

    def _window(self, method: str, moment: float) -> tuple[float, float]:
        since, spent = self._spent.get(method, (moment, 0.0))
        return (since, spent) if moment < since + _WINDOW else (moment, 0.0)
