"""What the binary protocol asks of a push server: publish messages, tell who is online.

No input and no output: a RequestBatch in, what is to be done and answered out (protocol 2.5, 2.11).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from google.protobuf.message import DecodeError

from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.sandbox.channels import Signer, public_key
from bxpull_nb.sandbox.push.error import PushRefusal

__all__ = [
    "LIMITS",
    "PublishedMessage",
    "channel_ids",
    "channel_stats",
    "parse_request",
    "published_messages",
    "server_stats",
]

LIMITS = {
    "maxPayload": 1024 * 1024,
    "maxConnPerChannel": 100,
    "maxMessagesPerRequest": 100,
    "maxChannelsPerRequest": 100,
}
"""What the server allows, as it tells in its statistics."""

_Ids = Sequence[pb.Receiver] | Sequence[pb.ChannelId]


class PublishedMessage(NamedTuple):
    """One message to publish."""

    body: str
    channels: list[str]
    """As the broker calls them: one entry per receiver, doubles included."""
    expiry: int


def parse_request(data: bytes, *, trusted: bool) -> pb.Request:
    """The first request of a RequestBatch, the only one that counts; raises PushRefusal."""
    try:
        batch = pb.RequestBatch.FromString(data)
    except DecodeError:
        raise PushRefusal(4013) from None
    command = batch.requests[0].WhichOneof("command") if batch.requests else None
    if command is None:
        raise PushRefusal(4013)
    if command == "serverStats" and not trusted:
        raise PushRefusal(4014)
    return batch.requests[0]


def published_messages(
    request: pb.Request, signer: Signer, *, trusted: bool
) -> list[PublishedMessage]:
    """The messages of the request, once all of them are allowed; raises PushRefusal."""
    messages = request.incomingMessages.messages
    if len(messages) > LIMITS["maxMessagesPerRequest"]:
        raise PushRefusal(4016)
    return [
        PublishedMessage(
            message.body.decode(errors="replace"),
            [_key(channel) for channel in _allowed(message.receivers, signer, trusted=trusted)],
            message.expiry,
        )
        for message in messages
    ]


def channel_ids(request: pb.Request, signer: Signer, *, trusted: bool) -> list[tuple[str, bytes]]:
    """The channels asked about, in order: what the broker calls each, and the bytes of its id.

    Raises PushRefusal.
    """
    asked = _allowed(request.channelStats.channels, signer, trusted=trusted)
    return [(_key(channel), channel.id) for channel in asked]


def channel_stats(asked: Iterable[tuple[str, bytes]], online: Iterable[bool]) -> bytes:
    """The answer: online or not, in the order of the question."""
    channels = [
        pb.ChannelStats(id=raw, isPrivate=not key.startswith("public:"), isOnline=is_online)
        for (key, raw), is_online in zip(asked, online, strict=True)
    ]
    stats = pb.ChannelStatsResponse(channels=channels)
    return pb.ResponseBatch(responses=[pb.Response(channelStats=stats)]).SerializeToString()


def server_stats(stats: object) -> bytes:
    """The statistics as the binary protocol sends them: JSON in an envelope."""
    content = pb.JsonResponse(json=msgspec.json.encode(stats).decode())
    return pb.ResponseBatch(responses=[pb.Response(serverStats=content)]).SerializeToString()


def _allowed(channels: _Ids, signer: Signer, *, trusted: bool) -> _Ids:
    """The channels, if every one of them may be written to or asked about."""
    if not channels:
        raise PushRefusal(4017)
    if len(channels) > LIMITS["maxChannelsPerRequest"]:
        raise PushRefusal(4018)
    for channel in channels:
        if trusted and len(channel.id) != 16:
            raise PushRefusal(4019)
        if not trusted and channel.isPrivate:
            raise PushRefusal(4020)
        if not trusted and not signer.accepts_public(channel.id.hex(), channel.signature.hex()):
            raise PushRefusal(4021)
    return channels


def _key(channel: pb.Receiver | pb.ChannelId) -> str:
    name = channel.id.hex()
    return name if channel.isPrivate else public_key(name)
