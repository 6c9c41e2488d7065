"""The sandbox's application and its OAuth tokens: grants, rotation, expiry (protocol 1.5).

It has no I/O; `oauth_routes` has the addresses.
"""

import hmac
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from bxpull_nb.masking import mask
from bxpull_nb.sandbox.rest.error import RestRefusal

__all__ = ["CODE_TTL", "Application", "GrantRefusal", "Tokens"]

CODE_TTL = 30.0
"""Seconds that an authorization code lives."""
_REFRESH_TTL = 180 * 86400.0
_ENDLESS_TTL = 3600  # `expires_in` of a token that lives as long as the sandbox
_MOST = 1000  # tokens kept of each kind; the oldest are deleted


class GrantRefusal(Exception):  # noqa: N818 - an answer of the token server
    """The token server gives no tokens; `status` is the HTTP status."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.status = status
        self.code = code
        self.description = description


@dataclass(frozen=True)
class Tokens:
    """The tokens of one grant."""

    access: str
    refresh: str
    expires: int
    """End of the access token as the answer gives it, in seconds since 1970."""
    expires_in: int

    def __repr__(self) -> str:
        return f"Tokens(access={mask(self.access)!r}, refresh={mask(self.refresh)!r})"


class Application:
    """The one application installed on the portal. Every method may be called from any thread.

    With `token_ttl` None a token lives as long as the sandbox.
    """

    def __init__(
        self, now: Callable[[], float], token_ttl: float | None, scope: Iterable[str]
    ) -> None:
        digits = secrets.randbelow(10**8)
        self.client_id = f"local.{secrets.token_hex(7)}.{digits:08}"
        self.client_secret = secrets.token_urlsafe(38)[:50]
        self.member_id = secrets.token_hex(16)
        self.scope = tuple(scope)
        self._now = now
        self._ttl = token_ttl
        self._lock = Lock()
        self._access: dict[str, float] = {}  # token -> its end
        self._refresh: dict[str, float] = {}
        self._codes: dict[str, float] = {}
        self.tokens = self._issue()

    def new_code(self) -> str:
        """Return an authorization code, valid once, for 30 seconds."""
        code = secrets.token_hex(35)
        with self._lock:
            _store(self._codes, code, self._now() + CODE_TTL)
        return code

    def redeem_code(self, code: str) -> Tokens:
        """Return the tokens for an authorization code; raises GrantRefusal."""
        return self._redeem(self._codes, code)

    def refresh(self, refresh_token: str) -> Tokens:
        """Return new tokens for a refresh token, which ends with it; raises GrantRefusal.

        Access tokens issued before stay valid until they expire.
        """
        return self._redeem(self._refresh, refresh_token)

    def check_client(self, client_id: str, client_secret: str) -> None:
        """Raise GrantRefusal unless it is this application with its own secret."""
        if not _equal(client_id, self.client_id):
            raise GrantRefusal(200, "wrong_client", "Unknown client_id")
        if not _equal(client_secret, self.client_secret):
            raise GrantRefusal(400, "invalid_client", "Wrong client_secret")

    def check_access(self, token: str) -> float:
        """Return the access token's end; raises RestRefusal for an unknown or expired one."""
        with self._lock:
            end = self._access.get(token)
        if end is None:
            raise RestRefusal("invalid_token", "Unable to get application by token")
        if self._now() >= end:
            raise RestRefusal("expired_token", "The access token provided has expired.")
        return end

    def expire(self) -> None:
        """End every access token issued so far; refresh tokens stay valid."""
        with self._lock:
            self._access = dict.fromkeys(self._access, self._now())

    def revoke(self) -> None:
        """Invalidate all tokens and codes, as when the user withdraws the consent."""
        with self._lock:
            self._access, self._refresh, self._codes = {}, {}, {}

    def _redeem(self, known: dict[str, float], given: str) -> Tokens:
        with self._lock:
            end = known.pop(given, None)
            if end is None or self._now() >= end:
                raise GrantRefusal(400, "invalid_grant", "The grant is unknown, used or expired")
            self.tokens = self._issue()
            return self.tokens

    def _issue(self) -> Tokens:
        moment = self._now()
        life = _ENDLESS_TTL if self._ttl is None else self._ttl
        tokens = Tokens(
            secrets.token_hex(35), secrets.token_hex(35), int(moment + life), int(life)
        )  # 70 digits, as a portal's are
        end = float("inf") if self._ttl is None else moment + self._ttl
        _store(self._access, tokens.access, end)
        _store(self._refresh, tokens.refresh, moment + _REFRESH_TTL)
        return tokens


def _store(known: dict[str, float], name: str, end: float) -> None:
    known[name] = end
    if len(known) > _MOST:
        del known[next(iter(known))]


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
