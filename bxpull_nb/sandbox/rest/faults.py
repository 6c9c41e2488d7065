"""What goes wrong with REST calls when it is told to."""

from collections import deque
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
"""What `next` gives for an answer that is to be an HTML page."""


class RestFaults:
    """The next calls' misfortunes, in the order they were asked for. From any thread."""

    def __init__(self) -> None:
        self.moved_to: str | None = None
        """Scheme and host every REST call is sent to with HTTP 302."""
        self.logins_denied = 0
        """How many of the next logins come back without a code."""
        self._next: deque[RestRefusal] = deque()
        self._lock = Lock()

    def refuse(self, code: str, n: int) -> None:
        """Answer n calls with that error code."""
        refusal = RestRefusal(code, _DESCRIPTIONS.get(code.upper(), code))
        self._extend(refusal, n)

    def answer_html(self, n: int) -> None:
        """Answer n calls with a page."""
        self._extend(HTML, n)

    def next(self) -> RestRefusal | None:
        """What happens to this call; None when it is answered as usual."""
        with self._lock:
            return self._next.popleft() if self._next else None

    def take_denied_login(self) -> bool:
        """Whether this login is one of those that are denied."""
        with self._lock:
            denied = self.logins_denied > 0
            self.logins_denied -= denied
        return denied

    def _extend(self, refusal: RestRefusal, n: int) -> None:
        with self._lock:
            self._next.extend([refusal] * n)
