"""The portal's error codes, each with its error class, its advice and its recovery.

Codes are compared without case; the HTTP status differs from portal to portal.
"""

from enum import Enum
from typing import NamedTuple

from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    EventRefused,
    LimitReached,
    PortalDeleted,
    PushServerNotConfigured,
    TokenRefused,
    WrongAuthType,
)

__all__ = ["Code", "Recovery", "code_of"]


class Recovery(Enum):
    """The client's reaction to a code."""

    STOP = "stop"
    RENEW = "renew the token, then repeat"
    RETRY = "repeat after a growing delay"
    WAIT = "repeat when the portal's counter is reset"


class Code(NamedTuple):
    """One error code: our error, the advice for a person, and the client's reaction."""

    error: type[ApiError]
    advice: str
    recovery: Recovery = Recovery.STOP


_RENEW = (
    "Get a fresh token (they live one hour), or check the webhook, and connect again; with "
    "refresh_token, client_id and client_secret the token is renewed automatically."
)
_SCOPE = "Give the application or the webhook the scope it lacks ('pull'), then connect again."
_SLOWER = "Call less often: the portal takes two calls a second, fifty at once; use batch()."
_LATER = "The portal has troubles of its own; try again later."
_UNKNOWN = Code(ApiError, "Look the code up in the method's page.")

_CODES: dict[str, Code] = {
    "EXPIRED_TOKEN": Code(TokenRefused, _RENEW, Recovery.RENEW),
    "INVALID_TOKEN": Code(TokenRefused, _RENEW, Recovery.RENEW),
    "NO_AUTH_FOUND": Code(TokenRefused, _RENEW),
    "AUTHORIZATION_ERROR": Code(TokenRefused, _RENEW),
    "APPLICATION_NOT_FOUND": Code(TokenRefused, "Install the application on this portal first."),
    "INSUFFICIENT_SCOPE": Code(AccessRefused, _SCOPE),
    "INVALID_CREDENTIALS": Code(AccessRefused, _SCOPE),
    "USER_ACCESS_ERROR": Code(AccessRefused, "Use the token of a user who has the application."),
    "ACCESS_DENIED": Code(AccessRefused, "Use the token of an administrator."),
    "WRONG_LICENSE": Code(AccessRefused, "The portal's plan has no REST; ask its administrator."),
    "WRONG_AUTH_TYPE": Code(
        WrongAuthType,
        "Today's portals give an application's channels only to its OAuth token, not to a "
        "webhook: connect(url, token=...).",
    ),
    "INVALID_REQUEST": Code(AccessRefused, "The portal wants https: write its address so."),
    "ERROR_METHOD_NOT_FOUND": Code(
        ApiError, "Check the method's name, and that the scope it belongs to is granted."
    ),
    "SERVER_ERROR": Code(
        PushServerNotConfigured,
        "An administrator switches it on in the settings of the Push & Pull module.",
    ),
    "QUERY_LIMIT_EXCEEDED": Code(LimitReached, _SLOWER, Recovery.RETRY),
    "OPERATION_TIME_LIMIT": Code(
        LimitReached, "This method has used its 480 s of work in ten minutes; wait.", Recovery.WAIT
    ),
    "OVERLOAD_LIMIT": Code(
        LimitReached, "The portal has blocked its REST by hand; ask Bitrix24's support."
    ),
    "INTERNAL_SERVER_ERROR": Code(ApiError, _LATER, Recovery.RETRY),
    "ERROR_UNEXPECTED_ANSWER": Code(ApiError, _LATER, Recovery.RETRY),
    "PORTAL_DELETED": Code(PortalDeleted, "Check the address: this portal exists no more."),
    "ERROR_BATCH_LENGTH_EXCEEDED": Code(ApiError, "A batch holds fifty calls at most."),
    "ERROR_BATCH_METHOD_NOT_ALLOWED": Code(ApiError, "Call this method outside of a batch."),
    "COMMAND_ERROR": Code(EventRefused, "A command is made of A-Z a-z 0-9 _ : | . -"),
    "PARAMS_ERROR": Code(EventRefused, "PARAMS must be a JSON object or list, a dict or list."),
    "MODULE_ID_ERROR": Code(EventRefused, "A module id is made of a-z 0-9 . _"),
    "USER_ID_ACCESS_ERROR": Code(EventRefused, "Only an administrator may name other users."),
}


def code_of(code: str) -> Code:
    """Return the entry of the code; an unknown one is an ApiError that stops."""
    return _CODES.get(code.upper(), _UNKNOWN)
