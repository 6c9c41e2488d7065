"""Where to connect: all the rules about addresses, and nothing that uses them."""

from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from bxpull_nb.errors import SettingsError, TransportUnavailable
from bxpull_nb.models import PullConfig

__all__ = ["FULL_HISTORY", "connection_url", "is_loopback", "portal_url"]

FULL_HISTORY = "0" * 26
"""The mid that stands before every other: resuming from it returns all that is still stored."""

_ADDRESSES = {
    "websocket": ("websocket_secure", "websocket"),
    "polling": ("long_polling_secure", "long_polling"),
}
_REVISION = 19  # the protocol revision this client speaks


def connection_url(
    config: PullConfig,
    *,
    transport: str,
    channel: str,
    mid: str | None = None,
    secure: bool = True,
) -> str:
    """The full address to listen at: base, channel, and where to resume.

    `secure` prefers the wss/https address; the other one is taken where the config has only
    that. The order of the query values is the official client's. Raises ChannelMissing and
    TransportUnavailable. The result holds the channel id: mask it before showing it.
    """
    query: list[tuple[str, str | int]] = [("CHANNEL_ID", config.channel(channel).id)]
    if config.client_id and config.server.mode != "personal":
        query.append(("clientId", config.client_id))
    if config.server.hostname:
        query.append(("hostname", config.server.hostname))
    if mid:
        query.append(("mid", mid))
    query.append(("revision", _REVISION))
    base = _base(config, transport, secure)
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query)}"


def _base(config: PullConfig, transport: str, secure: bool) -> str:
    server = config.server
    if transport == "websocket" and not server.websocket_enabled:
        raise TransportUnavailable(
            "the portal's push server has WebSockets switched off (websocket_enabled is false). "
            "Use transport='polling', or 'auto' to let the config decide."
        )
    addresses = [getattr(server, field) for field in _ADDRESSES[transport]]
    chosen = next(filter(None, addresses if secure else reversed(addresses)), None)
    if not chosen:
        raise TransportUnavailable(
            f"the connection config holds no address for {transport}. Use transport='auto', or "
            f"ask the portal's administrator whether the push server is set up."
        )
    return str(chosen)


def portal_url(url: str) -> str:
    """The portal's address as `scheme://host[:port]`, from what a person typed.

    A bare host name means https. Raises SettingsError for what is no web address.
    """
    typed = url.strip()
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            f"{url!r} is not a portal's address. Write it like https://acme.bitrix24.com"
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_loopback(url: str) -> bool:
    """Whether the address is this machine itself: no proxy may stand in between."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
