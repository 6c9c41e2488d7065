"""Complete a push server's address that lacks its scheme or its host, as some portals write it."""

import re
from typing import Any
from urllib.parse import urlsplit

from bxpull_nb.models.inputs import bare

__all__ = ["completed"]

_DOMAIN = re.compile(r"((?:[a-z]+:)?//)#DOMAIN#(?=[:/?]|$)", re.IGNORECASE)
_SECURE = ("https", "wss")


def completed(address: Any, scheme: str, portal: str | None) -> Any:
    """Return the address with what it lacks: its scheme, and the portal's host.

    `scheme` is the one that its field means. `#DOMAIN#` in the place of the host is the portal's
    host, and a path is on the portal. Other addresses are returned as they are, without blanks and
    marks around them, and all without a `portal`.

    >>> completed("//rt.example/sub/", "wss", "https://acme.example")
    'wss://rt.example/sub/'
    >>> completed("/bitrix/subws/", "wss", "https://acme.example")
    'wss://acme.example/bitrix/subws/'
    """
    if portal is None or not isinstance(address, str):
        return address
    text = bare(address)
    found = _DOMAIN.match(text)
    if found is not None:
        rest = text[found.end() :]
        start = found[1] if ":" in found[1] else f"{scheme}://"
        host = _host(portal, start.partition(":")[0].lower(), has_port=rest.startswith(":"))
        return f"{start}{host}{rest}"
    if text.startswith("//") and not text.startswith("///"):
        return f"{scheme}:{text}"
    if text.startswith("/") and "#" not in text:
        return f"{scheme}://{_host(portal, scheme)}{text}" if text[1:2] != "/" else text
    return text


def _host(portal: str, scheme: str, *, has_port: bool = False) -> str:
    """Return the portal's host; with its port if the address has none, and both have TLS or not."""
    parts = urlsplit(portal)
    is_alike = (parts.scheme in _SECURE) == (scheme in _SECURE)
    if is_alike and not has_port:
        return parts.netloc
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host
