"""An access token with the refresh token that brings the next one."""

from hashlib import sha256

import msgspec

from bxpull_nb.masking import mask

__all__ = ["TokenPair", "origin_of"]


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """What the token server gives; both tokens are secrets and masked in the repr."""

    access_token: str
    """Good for an hour; empty when only the refresh token is known."""
    refresh_token: str
    """Good for 180 days, and for one use: every refresh brings another."""
    origin: str = ""
    """A fingerprint of the refresh token a person gave, from which this pair descends."""
    user_id: int | None = None
    """Who logged in."""
    scope: str = ""
    """What the application may do, as the portal writes it."""
    member_id: str = ""
    """The portal's own id; it stays when the portal is renamed."""

    def __repr__(self) -> str:
        return f"TokenPair({mask(self.access_token)!r}, refresh {mask(self.refresh_token)!r})"


def origin_of(refresh_token: str) -> str:
    """A fingerprint that tells two refresh tokens apart and gives neither away."""
    return sha256(refresh_token.encode()).hexdigest()[:16]
