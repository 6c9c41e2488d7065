"""The next step for each error of the doctor's checks, in one sentence."""

import re

from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    ChannelMissing,
    ChannelRefused,
    GrantRefused,
    LimitReached,
    MissingField,
    NetworkSettingsError,
    PortalDeleted,
    PortalUnreachable,
    PushServerNotConfigured,
    SettingsError,
    TokenRefused,
    UnexpectedAnswer,
    WrongAuthType,
)
from bxpull_nb.rest.auth import Auth, OAuthApp, Webhook

__all__ = ["advice", "is_unauthenticated", "missing_scope", "of_network", "reason"]

_CERTIFICATE = (
    "The server's certificate is not trusted here: name the file of its authority in "
    "SSL_CERT_FILE (a company's proxy often has one of its own), then start Python again."
)
_STEPS: dict[type[Exception], str] = {
    GrantRefused: "Sign the application in again: bxpull login.",
    NetworkSettingsError: "Correct the environment's variable or unset it, then start again.",
    SettingsError: "Sign the application in: bxpull login.",
    AccessRefused: "Ask an administrator of the portal to allow it to this user and application.",
    WrongAuthType: "Connect with an application's OAuth token: bx.connect(url, token=...).",
    PushServerNotConfigured: (
        "An administrator of the portal switches the push server on, in the settings of the "
        "Push & Pull module."
    ),
    LimitReached: "Wait ten minutes, call the portal less often, then try again.",
    PortalDeleted: "Check the address: this portal exists no more.",
    MissingField: "Show this to the portal's administrator: its pull module answers incompletely.",
    UnexpectedAnswer: (
        "Check the address: a login page, a proxy or another program answers in the portal's place."
    ),
    ChannelRefused: (
        "Try again in a minute; if it stays so, portal and push server disagree about their "
        "signature key, which is for the administrator to set."
    ),
    ChannelMissing: "Use the token of a user; an application alone has no private channel.",
    ApiError: "Look the code up in the documentation of the portal's REST interface.",
}
_CODES = {
    "APPLICATION_NOT_FOUND": "Install the application on this portal first.",
    "INVALID_REQUEST": "Write the portal's address with https://.",
    "OVERLOAD_LIMIT": "Ask Bitrix24's support: they have blocked this portal's REST by hand.",
    "USER_ACCESS_ERROR": "Use the token of a user who may use the application.",
    "WRONG_LICENSE": "Ask the portal's administrator for a plan that has REST.",
}
_NETWORK = (
    (
        r"the proxy ",
        "Check that the proxy runs, correct its variable, or list the host in NO_PROXY.",
    ),
    (r"CERTIFICATE|certificate", _CERTIFICATE),
    (r"WRONG_VERSION|record layer", "Write the address with http:// if the portal has no TLS."),
    (r"Name or service|getaddrinfo|nodename|resolution", "Check the spelling of the address."),
    (r"[Rr]efused|connection attempts", "Check the address and its port: nothing listens there."),
    (r"", "Check the network: a firewall, a proxy or a VPN may stand between here and there."),
)


def reason(error: Exception) -> str:
    """Return the message of the error without the advice that follows in it."""
    if isinstance(error, ApiError):
        return f"{error.method}: {error.code} ({error.description})"
    return " ".join(str(error).split()).partition(". ")[0].rstrip(".")


def is_unauthenticated(error: Exception) -> bool:
    """Whether the portal did not recognise the caller."""
    if isinstance(error, NetworkSettingsError):
        return False
    wrong_webhook = isinstance(error, ApiError) and error.code.upper() == "INVALID_CREDENTIALS"
    return wrong_webhook or isinstance(error, TokenRefused | SettingsError)


def advice(error: Exception, auth: Auth) -> str:
    """Return one sentence about the error, for a user with that authorization."""
    code = error.code.upper() if isinstance(error, ApiError) else ""
    if code == "INSUFFICIENT_SCOPE":
        return missing_scope("pull", auth)
    if code in _CODES:
        return _CODES[code]
    if is_unauthenticated(error) and not isinstance(error, GrantRefused | SettingsError):
        return _fresh_token(auth)
    for kind in type(error).__mro__:
        if kind in _STEPS:
            return _STEPS[kind]
    if isinstance(error, PortalUnreachable):
        return of_network(str(error))
    return "Try again; if it stays so, show this to the portal's administrator."


def of_network(message: str) -> str:
    """Return the next step for a missing answer, by the words of the system's message."""
    return next(step for pattern, step in _NETWORK if re.search(pattern, message))


def missing_scope(scope: str, auth: Auth) -> str:
    """Return how to get a scope that was not granted."""
    if isinstance(auth, Webhook):
        return f"Tick '{scope}' in the webhook's settings (Developer resources), and save it."
    return (
        f"Tick '{scope}' in the application's settings, reinstall it on the portal, and log in "
        f"again: a token keeps the scope it was given."
    )


def _fresh_token(auth: Auth) -> str:
    if isinstance(auth, Webhook):
        return "Copy the webhook's address again, whole: it was deleted, changed or cut short."
    if isinstance(auth, OAuthApp):
        return "Sign the application in again: bxpull login."
    return (
        "Log in again for a fresh token, which lives an hour; with `bxpull login` it is renewed "
        "automatically."
    )
