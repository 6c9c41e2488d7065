"""Publish to public channels, directly at a push server of version 4."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from bxpull_nb.errors import (
    ConnectionFailed,
    PublishRefused,
    SettingsError,
    TransportUnavailable,
)
from bxpull_nb.http import http_client, no_answer, post, scrubbed
from bxpull_nb.masking import mask_foreign
from bxpull_nb.models import PublicChannel, PullConfig
from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.rest.params import as_json, checked_event_params

__all__ = ["message_body", "publish", "publish_url", "request_batch"]

_MOST = 100  # receivers in one message


async def publish(
    config: PullConfig,
    receivers: Sequence[PublicChannel],
    body: str,
    *,
    expiry: int | None = None,
    secure: bool = True,
    http: httpx.AsyncClient | None = None,
) -> None:
    """Send `body` (see `message_body`) to these channels; returns when the server accepted it.

    The server stores it `expiry` seconds for listeners that resume (default: not at all). Raises
    TransportUnavailable if the server accepts no messages of clients, ChannelMissing without a
    private channel of one's own, PublishRefused, ConnectionFailed.
    """
    url = httpx.URL(publish_url(config, secure=secure))
    content = request_batch(receivers, body, expiry=expiry)
    async with http or http_client(str(url)) as client:
        try:
            response = await post(client, url, content=content)
        except httpx.HTTPError as exc:
            text = no_answer(f"the push server {url.host}", exc, "take the message")
            # What the exception keeps of the request must not hold the own channel's id.
            request = httpx.Request("POST", url.copy_with(query=None))
            raise ConnectionFailed(text) from scrubbed(exc, request)
    if response.status_code != 200:
        raise PublishRefused(
            f"the push server refused the message (HTTP {response.status_code}: "
            f"{mask_foreign(response.text[:100].strip()) or 'no words'}). Fetch the config and "
            "the public channels again: both end after twelve hours.",
            status=response.status_code,
        )


def publish_url(config: PullConfig, *, secure: bool = True) -> str:
    """Return where this config's owner may publish; mask it: it holds the own channel id.

    Raises TransportUnavailable and ChannelMissing.
    """
    server = config.server
    addresses = (server.publish_secure, server.publish)
    base = next(filter(None, addresses if secure else reversed(addresses)), None)
    if server.version != 4 or not server.publish_enabled or not base:
        raise TransportUnavailable(
            f"this push server (version {server.version}) takes no messages of clients here. Use "
            f"send_event(), which goes by the portal."
        )
    own = quote(config.channel("private").id, safe=":.")
    return f"{base}{'&' if '?' in base else '?'}CHANNEL_ID={own}&binaryMode=true"


def request_batch(
    receivers: Sequence[PublicChannel], body: str, *, expiry: int | None = None
) -> bytes:
    """Return the RequestBatch with one message; raises SettingsError for ids that are not hex."""
    if not 1 <= len(receivers) <= _MOST:
        raise SettingsError(f"{len(receivers)} receivers: give 1 to {_MOST} public channels.")
    message = pb.IncomingMessage(
        receivers=[_receiver(channel) for channel in receivers], body=body.encode(), expiry=expiry
    )
    command = pb.Request(incomingMessages=pb.IncomingMessagesRequest(messages=[message]))
    return pb.RequestBatch(requests=[command]).SerializeToString()


def message_body(
    command: str,
    params: Mapping[str, Any] | Sequence[Any] | None = None,
    module_id: str = "application",
) -> str:
    """Return the JSON text of an event for listeners; raises SettingsError like any call."""
    sent = checked_event_params(params)
    content = {"module_id": module_id, "command": command, "params": sent}
    return as_json("publish", content).decode()


def _receiver(channel: PublicChannel) -> pb.Receiver:
    try:
        return pb.Receiver(
            id=bytes.fromhex(channel.public_id), signature=bytes.fromhex(channel.signature)
        )
    except ValueError:
        raise SettingsError(
            f"the public channel of user {channel.user_id} is damaged: its id or signature is not "
            f"hexadecimal. Ask for it again with public_channels()."
        ) from None
