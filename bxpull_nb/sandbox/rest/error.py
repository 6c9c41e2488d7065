"""Refusals of REST calls: error codes and HTTP statuses (protocol 1.4).

The official guide and the portals' own code disagree about statuses; so there are two profiles.
"""

from typing import Any

from bxpull_nb.sandbox.settings import PROFILES

__all__ = ["RestRefusal", "argument_error", "status_of", "wrong_license"]

_STATUSES: dict[str, tuple[int, int]] = {
    "EXPIRED_TOKEN": (401, 401),
    "INVALID_TOKEN": (401, 401),
    "NO_AUTH_FOUND": (401, 401),
    "AUTHORIZATION_ERROR": (401, 401),
    "APPLICATION_NOT_FOUND": (401, 401),
    "INSUFFICIENT_SCOPE": (403, 401),
    "INVALID_CREDENTIALS": (403, 401),
    "USER_ACCESS_ERROR": (403, 401),
    "ACCESS_DENIED": (403, 403),
    "ACCESS_ERROR": (403, 403),
    "WRONG_LICENSE": (403, 403),
    "WRONG_AUTH_TYPE": (403, 403),
    "INVALID_REQUEST": (400, 401),
    "ERROR_METHOD_NOT_FOUND": (404, 404),
    "QUERY_LIMIT_EXCEEDED": (503, 503),
    "OPERATION_TIME_LIMIT": (429, 429),
    "OVERLOAD_LIMIT": (503, 401),
    "INTERNAL_SERVER_ERROR": (500, 500),
    "ERROR_UNEXPECTED_ANSWER": (500, 500),
    "SERVER_ERROR": (200, 500),
    "PORTAL_DELETED": (500, 403),
    "ERROR_BATCH_LENGTH_EXCEEDED": (400, 400),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": (405, 405),
}
"""Code in capitals -> HTTP status in each profile; 400 for other codes."""


class RestRefusal(Exception):  # noqa: N818 - an answer of the portal, not a fault of the sandbox
    """A REST answer with an error code; the status follows from the code."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description

    def answer(self) -> dict[str, Any]:
        """Return the body of the answer, without its time."""
        return {"error": self.code, "error_description": self.description}


def argument_error(description: str) -> RestRefusal:
    """Return the refusal of a parameter."""
    return RestRefusal("ERROR_ARGUMENT", description)


def wrong_license(feature: str) -> RestRefusal:
    """Return the refusal of a feature that the portal's plan lacks."""
    return RestRefusal(
        "WRONG_LICENSE", f"This feature is not enabled for the current license: {feature}"
    )


def status_of(code: str, profile: str) -> int:
    """Return the HTTP status of the error code in that profile."""
    return _STATUSES.get(code.upper(), (400, 400))[PROFILES.index(profile)]
