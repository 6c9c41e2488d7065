"""The portal's address: one form for every spelling of it."""

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.inputs import bare

__all__ = ["WEBHOOK_PATH", "is_webhook", "portal_url", "split_portal"]

WEBHOOK_PATH = re.compile(r"/+rest/+(\d+)/+([\w.~-]+)(?=[/?#]|$)", re.IGNORECASE | re.ASCII)
"""The path of an inbound webhook: its user and its secret."""

_PARTS = re.compile(r"(?:(https?):)?(/*)([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BEFORE_REST = re.compile(r"/*[^?#/][^?#]*/rest(?:/|$)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_LONGEST_HOST = 253


class PortalAddress(NamedTuple):
    """An address that a person typed, in two parts."""

    url: str
    """`scheme://host[:port]`, in its one form."""
    rest: str
    """The path and the query: with a webhook they hold its secret."""


def portal_url(url: str) -> str:
    """Return the portal's address as `scheme://host[:port]`, one form for all its spellings.

    A bare host name means https. Upper case, the usual port, a last dot, credentials and the
    path of a page are left out; Cyrillic becomes punycode. Raises SettingsError for anything but
    a web address, and for a path before `/rest/`.

    >>> portal_url("HTTPS://Acme.Example.:443/crm/")
    'https://acme.example'
    """
    return split_portal(url).url


def split_portal(url: str) -> PortalAddress:
    """Return the portal's address in its one form, and what follows it; see `portal_url`."""
    text = bare(url).replace("\\", "/") if isinstance(url, str) else ""
    scheme, slashes, authority, rest = _PARTS.fullmatch(text).groups()  # type: ignore[union-attr]
    scheme = (scheme or "https").lower()
    try:
        place = authority.rpartition("@")[2] if slashes else authority  # no e-mail address
        network = _network(scheme, place, is_named=bool(slashes))
    except ValueError:
        network = ""
    if not network:
        raise SettingsError(
            f"{quoted(url, is_address=True)} is not a portal's address. Write it like "
            f"https://acme.bitrix24.com"
        )
    if _BEFORE_REST.match(rest):
        raise SettingsError(
            f"{quoted(url, is_address=True)} has a path before /rest/, but a portal is at the root "
            f"of its host. Write it like https://acme.bitrix24.com"
        )
    return PortalAddress(f"{scheme}://{network}", rest)


def is_webhook(url: object) -> bool:
    """Whether the address is that of an inbound webhook."""
    return isinstance(url, str) and bool(re.search(r"/rest/+\d+/+\w", url, re.IGNORECASE))


def _network(scheme: str, authority: str, *, is_named: bool) -> str:
    """Return `host[:port]` in its one form; an empty text, or ValueError, for what is none.

    A name without a dot is a portal's only after `//`: alone it may be anything.
    """
    parts = urlsplit(f"{scheme}://{authority}")
    host, port = _host(parts.hostname or ""), parts.port
    is_known = is_named or host == "localhost" or "." in host or ":" in host
    if port == 0 or host in _PORTS or not is_known or re.search(r"[\s@]|:$", authority):
        return ""
    shown = f"[{host}]" if ":" in host else host
    return shown if port in (None, _PORTS[scheme]) else f"{shown}:{port}"


def _host(host: str) -> str:
    """Return the host in its one form; raises ValueError for one that cannot be."""
    host = host.removesuffix(".")
    if ":" in host or re.fullmatch(r"[\d.]+", host):
        return str(ip_address(host))
    if not host.isascii() or "xn--" in host:
        import idna

        host = idna.encode(host, uts46=True).decode().removesuffix(".")
        idna.decode(host)  # both raise ValueErrors
    if len(host) > _LONGEST_HOST or not all(map(_LABEL.fullmatch, host.split("."))):
        raise ValueError
    return host
