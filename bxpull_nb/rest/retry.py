"""Decide whether a call is repeated, and after how long; nothing waits here."""

from collections.abc import Callable
from random import random

from bxpull_nb.rest.error_codes import Recovery, code_of
from bxpull_nb.rest.responses import RestAnswer

__all__ = ["RetryBudget", "operating_wait", "retry_delay"]

_DELAYS = {
    "QUERY_LIMIT_EXCEEDED": (1.0, 2.0, 4.0, 8.0, 16.0),
    "INTERNAL_SERVER_ERROR": (1.0, 4.0),
    "ERROR_UNEXPECTED_ANSWER": (1.0, 4.0),
}
_LONGEST = 600.0  # the portal counts operating time over ten minutes
_RENEWALS = 3
_RESETS = 2


def retry_delay(code: str, failures: int, jitter: Callable[[], float] = random) -> float | None:
    """Return seconds to wait after so many failures with that code; None to give up.

    Up to 20 % are added, so that many callers do not return together.
    """
    delays = _DELAYS.get(code.upper(), ())
    return delays[failures - 1] * (1 + 0.2 * jitter()) if failures <= len(delays) else None


def operating_wait(answer: RestAnswer, longest: float = _LONGEST) -> float | None:
    """Return seconds until the method's operating time is reset, by the portal's own clock.

    None when the answer does not hold it, or when it is longer than `longest`.
    """
    if answer.reset_at is None or answer.portal_time is None:
        return None
    seconds = max(0.0, answer.reset_at - answer.portal_time.timestamp())
    return seconds + 1.0 if seconds <= longest else None


class RetryBudget:
    """Counts the failures of one call, so that its repetition ends."""

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self._failures: dict[str, int] = {}

    def may_renew(self) -> bool:
        """Count one more renewal of the token; return whether it is allowed."""
        return self._count("renewals") <= _RENEWALS

    @property
    def renewed(self) -> bool:
        """Whether there was a renewal before the one just counted."""
        return self._failures.get("renewals", 0) > 1

    def wait(self, code: str, answer: RestAnswer) -> float | None:
        """Return seconds until the call may be repeated; None when it must not be."""
        recovery, failures = code_of(code).recovery, self._count(code.upper())
        if recovery is Recovery.RETRY:
            return retry_delay(code, failures, self._jitter)
        if recovery is Recovery.WAIT and failures <= _RESETS:
            return operating_wait(answer)
        return None

    def _count(self, name: str) -> int:
        self._failures[name] = self._failures.get(name, 0) + 1
        return self._failures[name]
