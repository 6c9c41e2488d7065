"""Faults of REST calls and logins, on demand."""

from collections import defaultdict, deque
from threading import Lock

from bxpull_nb.sandbox.rest.error import RestRefusal

__all__ = ["HTML", "RestFaults"]

_DESCRIPTIONS = {
    "QUERY_LIMIT_EXCEEDED": "Too many requests",
    "OPERATION_TIME_LIMIT": "Method is blocked due to operation time limit.",
    "OVERLOAD_LIMIT": "REST API is blocked due to overload.",
    "INTERNAL_SERVER_ERROR": "Internal server error",
    "ERROR_UNEXPECTED_ANSWER": "Server returned an unexpected answer",
    "PORTAL_DELETED": "Portal was deleted",
    "EXPIRED_TOKEN": "The access token provided has expired.",
    "INVALID_TOKEN": "Unable to get application by token",
    "NO_AUTH_FOUND": "Wrong authorization data",
    "ACCESS_DENIED": "Access denied!",
    "WRONG_LICENSE": "REST is available only on commercial plans.",
    "INVALID_REQUEST": "Https required.",
}
HTML = RestRefusal("", "")
"""Result of `next` for an answer that is to be an HTML page."""


class RestFaults:
    """Faults of the next calls, in the order of the requests; any thread may use it."""

    def __init__(self) -> None:
        self.moved_to: str | None = None
        """Scheme and host that every REST call is redirected to with HTTP 302."""
        self.logins_denied = 0
        """Number of logins to come that are denied."""
        self._next: deque[RestRefusal] = deque()
        self._of_method: dict[str, deque[RestRefusal]] = defaultdict(deque)
        self._lock = Lock()

    def refuse(self, code: str, n: int, method: str | None = None) -> None:
        """Answer `n` requests with that error code, or `n` calls of one method."""
        refusal = RestRefusal(code, _DESCRIPTIONS.get(code.upper(), code))
        if method is None:
            self._extend(refusal, n)
            return
        with self._lock:
            self._of_method[method.lower()].extend([refusal] * n)

    def check(self, method: str) -> None:
        """Raise the fault of this call of a method, in lower case, if it has one."""
        with self._lock:
            waiting = self._of_method.get(method)
            refusal = waiting.popleft() if waiting else None
        if refusal is not None:
            raise refusal

    def answer_html(self, n: int) -> None:
        """Answer `n` calls with an HTML page."""
        self._extend(HTML, n)

    def next(self) -> RestRefusal | None:
        """Return the fault of this call; None if it is answered as usual."""
        with self._lock:
            return self._next.popleft() if self._next else None

    def take_denied_login(self) -> bool:
        """Whether this login is denied; counts it."""
        with self._lock:
            denied = self.logins_denied > 0
            self.logins_denied -= denied
        return denied

    def _extend(self, refusal: RestRefusal, n: int) -> None:
        with self._lock:
            self._next.extend([refusal] * n)
