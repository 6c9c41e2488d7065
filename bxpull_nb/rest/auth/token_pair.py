"""A token pair: an access token, and the refresh token for the next pair."""

from hashlib import sha256

import msgspec

from bxpull_nb.masking import mask

__all__ = ["TokenPair", "origin_of"]


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one application on one portal; the repr masks both."""

    access_token: str
    """Valid for an hour; empty when only the refresh token is known."""
    refresh_token: str
    """Valid for 180 days, and for one use: every refresh brings another."""
    origin: str = ""
    """A fingerprint of the refresh token a person gave, from which this pair descends."""
    user_id: int | None = None
    """The user who logged in."""
    scope: str = ""
    """The granted scopes, as the portal writes them."""
    member_id: str = ""
    """The portal's own id; it stays when the portal is renamed."""

    def __repr__(self) -> str:
        return f"TokenPair({mask(self.access_token)!r}, refresh {mask(self.refresh_token)!r})"


def origin_of(refresh_token: str) -> str:
    """Return a fingerprint that distinguishes refresh tokens without showing them."""
    return sha256(refresh_token.encode()).hexdigest()[:16]
