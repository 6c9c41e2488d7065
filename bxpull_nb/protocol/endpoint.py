"""The rules about addresses: which URL to connect to, for which config and transport."""

from ipaddress import ip_address
from urllib.parse import urlencode, urlsplit

from bxpull_nb.errors import ChannelMissing, MissingField, TransportUnavailable
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.portal_address import portal_url

__all__ = ["FULL_HISTORY", "connection_url", "is_loopback", "portal_url"]

FULL_HISTORY = "0" * 26
"""The least mid there is: resuming from it returns everything that is still stored."""

_ADDRESSES = {
    "websocket": ("websocket_secure", "websocket"),
    "polling": ("long_polling_secure", "long_polling"),
}
_REVISION = 19  # the protocol revision this client speaks


def connection_url(
    config: PullConfig,
    *,
    transport: str,
    channel: str | None,
    mid: str | None = None,
    secure: bool = True,
    as_text: bool = False,
) -> str:
    """Return the full address to listen at, with channel or token, dialect and position.

    `channel` None is for a jwt, which decides the channels itself. `secure` prefers the
    wss/https address; the plain one is used where the config has no other. `as_text`
    asks for the text dialect, which does not name senders. The order of the
    query values is the official client's. Raises ChannelMissing, MissingField and
    TransportUnavailable. The result holds a secret: mask it before showing it.
    """
    query = [_identity(config, channel), *([] if as_text else _dialect(config.server.version))]
    if config.server.mode == "shared":
        query.append(("clientId", _client_id(config)))
    if config.server.hostname:
        query.append(("hostname", config.server.hostname))
    if mid:
        query.append(("mid", mid))
    query.append(("revision", str(_REVISION)))
    base = _base(config, transport, secure)
    return f"{base}{'&' if '?' in base else '?'}{urlencode(query)}"


def _identity(config: PullConfig, channel: str | None) -> tuple[str, str]:
    if channel is not None:
        return "CHANNEL_ID", config.channel(channel).id
    if config.jwt is None:
        raise ChannelMissing(
            "the connection config has neither channels nor a token (jwt). Ask again with "
            "fetch_config(portal, cache=False); if it stays so, the portal's pull module needs "
            "its administrator."
        )
    return "token", config.jwt


def _dialect(version: int) -> list[tuple[str, str]]:
    if version >= 5:
        return [("jsonRpc", "true")]
    return [("binaryMode", "true")] if version == 4 else []


def _client_id(config: PullConfig) -> str:
    if config.client_id is None:
        raise MissingField(
            "the push server runs in shared mode, but the connection config lacks 'clientId', "
            "without which it cannot tell the accounts apart. Ask again with "
            "fetch_config(portal, cache=False); if it stays so, tell the portal's administrator.",
            method="pull.application.config.get",
            field="clientId",
        )
    return config.client_id


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


def is_loopback(url: str) -> bool:
    """Whether the address is this machine itself: it must not go through a proxy."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
