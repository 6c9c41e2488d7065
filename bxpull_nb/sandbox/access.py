"""Who is calling the REST interface, and with what right (protocol 1.1, 1.4)."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bxpull_nb.sandbox.refusal import Refusal

__all__ = ["USER_ID", "Access", "Caller"]

USER_ID = 1
"""The sandbox's only user, an administrator."""


@dataclass(frozen=True)
class Caller:
    """Somebody the portal knows."""

    user_id: int
    is_webhook: bool
    """A webhook acts for its user, but belongs to no application."""


class Access:
    """The access token and the webhook of one run of the sandbox."""

    def __init__(self, now: Callable[[], float], token_ttl: float | None) -> None:
        self.token = secrets.token_hex(35)  # 70 digits, as a portal's are
        self.webhook_secret = secrets.token_hex(8)
        self._now = now
        self._token_end = None if token_ttl is None else now() + token_ttl

    def webhook_caller(self, user: str, secret: str) -> Caller:
        """Who calls by the webhook's path; raises Refusal for a wrong user or secret."""
        if user == str(USER_ID) and _equal(secret, self.webhook_secret):
            return Caller(USER_ID, is_webhook=True)
        raise Refusal(401, "INVALID_CREDENTIALS", "Invalid request credentials")

    def token_caller(self, authorization: str, params: Mapping[str, Any]) -> Caller:
        """Who calls with a token: as Bearer, or as field `auth` or `access_token`."""
        token = _presented(authorization, params)
        if not token:
            raise Refusal(401, "NO_AUTH_FOUND", "Wrong authorization data")
        if not _equal(token, self.token):
            raise Refusal(401, "invalid_token", "Unable to get application by token")
        if self._token_end is not None and self._now() >= self._token_end:
            raise Refusal(401, "expired_token", "The access token provided has expired.")
        return Caller(USER_ID, is_webhook=False)


def _presented(authorization: str, params: Mapping[str, Any]) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return next((str(params[name]) for name in ("auth", "access_token") if params.get(name)), "")


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
