"""Authentication of REST calls, by webhook or token (protocol 1.1, 1.4)."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bxpull_nb.sandbox.rest.application import Application
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.settings import USER_ID

__all__ = ["Caller", "CallerAuthentication"]


@dataclass(frozen=True)
class Caller:
    """An authenticated caller and its rights."""

    user_id: int
    is_webhook: bool
    """A webhook acts for its user, but belongs to no application."""
    is_admin: bool = True
    scope: tuple[str, ...] = ()
    """Scopes granted to the application or the webhook when it was installed."""
    token_end: float | None = None
    """End of the access token in seconds since 1970; None for a webhook."""


class CallerAuthentication:
    """Checks the credentials of the application and of the webhook."""

    def __init__(self, application: Application, *, admin: bool) -> None:
        self.application = application
        self.webhook_secret = secrets.token_hex(8)
        self._admin = admin

    def webhook_caller(self, user: str, secret: str) -> Caller:
        """Return the caller of the webhook's path; raises RestRefusal for a wrong one."""
        if user == str(USER_ID) and _equal(secret, self.webhook_secret):
            return Caller(USER_ID, True, self._admin, self.application.scope)
        raise RestRefusal("INVALID_CREDENTIALS", "Invalid request credentials")

    def token_caller(self, authorization: str, params: Mapping[str, Any]) -> Caller:
        """Return the caller with a token: Bearer, or field `auth` or `access_token`."""
        token = _presented(authorization, params)
        if not token:
            raise RestRefusal("NO_AUTH_FOUND", "Wrong authorization data")
        end = self.application.check_access(token)
        return Caller(USER_ID, False, self._admin, self.application.scope, end)


def _presented(authorization: str, params: Mapping[str, Any]) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return next((str(params[name]) for name in ("auth", "access_token") if params.get(name)), "")


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
