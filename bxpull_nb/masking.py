"""Mask secrets in texts that people see.

Channel ids, tokens and webhook secrets give access to a portal's events for as long as they
live, so the package never prints them in full unless the caller sets `reveal=True`.
"""

import re

__all__ = ["mask", "mask_text", "mask_url"]

_SECRET_QUERY = re.compile(
    r"(?i)\b(CHANNEL_ID|token|auth|access_token|refresh_token|client_secret)=([^&\s]+)"
)
_CHANNEL_ID = re.compile(r"(?i)\b[0-9a-f]{32}\b(?:[.:][0-9a-f]{32,40}\b)*")
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")
_WEBHOOK_PATH = re.compile(r"(/rest/+\d+/+)([^/?\s]+)")


def mask(secret: str) -> str:
    """Return the first four and last three characters; only dots for a short secret."""
    return f"{secret[:4]}…{secret[-3:]}" if len(secret) >= 16 else "…"


def mask_url(url: str) -> str:
    """Return `url` with the webhook secret and the secret query values masked."""
    masked = _WEBHOOK_PATH.sub(lambda m: m[1] + mask(m[2]), url)
    return _SECRET_QUERY.sub(lambda m: f"{m[1]}={mask(m[2])}", masked)


def mask_text(text: str) -> str:
    """Return `text` with everything like a channel id, jwt or URL secret masked."""
    masked = _CHANNEL_ID.sub(lambda m: mask(m[0]), mask_url(text))
    return _JWT.sub(lambda m: mask(m[0]), masked)
