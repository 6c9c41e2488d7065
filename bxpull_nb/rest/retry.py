"""How long to wait before a call is repeated: judgement without waiting."""

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
    """Seconds to wait after so many failures with that code; None when it is enough.

    Up to 20 % are added, so that many callers do not return together.
    """
    delays = _DELAYS.get(code.upper(), ())
    return delays[failures - 1] * (1 + 0.2 * jitter()) if failures <= len(delays) else None


def operating_wait(answer: RestAnswer, longest: float = _LONGEST) -> float | None:
    """Seconds until the method's operating time is counted anew, by the portal's own clock.

    None when the portal does not tell, or when it is longer than `longest`.
    """
    if answer.reset_at is None or answer.portal_time is None:
        return None
    wait = max(0.0, answer.reset_at - answer.portal_time.timestamp()) + 1.0
    return wait if wait <= longest else None


class RetryBudget:
    """What one call has been through, so that it does not go on for ever."""

    def __init__(self, jitter: Callable[[], float], longest: float = _LONGEST) -> None:
        self._jitter = jitter
        self._longest = longest
        self._failures: dict[str, int] = {}

    def may_renew(self) -> bool:
        """Whether the token may be renewed (once more) for this call."""
        return self._count("renewals") <= _RENEWALS

    @property
    def renewed(self) -> bool:
        """Whether a renewal was asked for before the one that is being counted."""
        return self._failures.get("renewals", 0) > 1

    def wait(self, code: str, answer: RestAnswer) -> float | None:
        """Seconds until the call may be repeated; None when it must not be."""
        then, failures = code_of(code).then, self._count(code.upper())
        if then is Recovery.RETRY:
            return retry_delay(code, failures, self._jitter)
        if then is Recovery.WAIT and failures <= _RESETS:
            return operating_wait(answer, self._longest)
        return None

    def _count(self, what: str) -> int:
        self._failures[what] = self._failures.get(what, 0) + 1
        return self._failures[what]
