"""JSON Web Tokens for push servers of version 5; HS256 only."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import msgspec

__all__ = ["TOKEN_LIFE", "read_token", "write_token"]

TOKEN_LIFE = 12 * 3600
"""Seconds a token lives."""
_HEAD = urlsafe_b64encode(b'{"typ":"JWT","alg":"HS256"}').rstrip(b"=").decode()


def write_token(key: bytes, claims: dict[str, Any]) -> str:
    """Return a token with the claims, signed with the key."""
    signed = f"{_HEAD}.{_encoded(msgspec.json.encode(claims))}"
    return f"{signed}.{_signature(key, signed)}"


def read_token(key: bytes, token: str, moment: float) -> dict[str, Any] | None:
    """Return the claims of a valid, unexpired token; None for any other text."""
    signed, _, signature = token.rpartition(".")
    head, _, body = signed.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, signed).encode()):
        return None
    try:
        algorithm = msgspec.json.decode(_decoded(head)).get("alg")
        claims = msgspec.json.decode(_decoded(body), type=dict[str, Any])
    except (ValueError, AttributeError):
        return None
    ends = claims.get("exp")
    alive = isinstance(ends, int | float) and moment < ends
    return claims if algorithm == "HS256" and alive else None


def _signature(key: bytes, signed: str) -> str:
    return _encoded(hmac.digest(key, signed.encode(), "sha256"))


def _encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
