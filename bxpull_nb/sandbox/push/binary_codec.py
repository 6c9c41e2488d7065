"""Requests of the binary protocol, decoded and checked, and their responses (protocol 2.5, 2.11).

It has no I/O: a RequestBatch becomes publications and questions, and results become bytes.
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
    "Publication",
    "channel_ids",
    "channel_stats",
    "parse_request",
    "publications",
    "server_stats",
]

LIMITS = {
    "maxPayload": 1024 * 1024,
    "maxConnPerChannel": 100,
    "maxMessagesPerRequest": 100,
    "maxChannelsPerRequest": 100,
}
"""Limits of the server, as its statistics list them."""

_Ids = Sequence[pb.Receiver] | Sequence[pb.ChannelId]


class Publication(NamedTuple):
    """One message to publish."""

    body: str
    channels: list[str]
    """The broker's names, one per receiver, with repetitions."""
    expiry: int


def parse_request(data: bytes, *, trusted: bool) -> pb.Request:
    """Return the first request of a RequestBatch, the only one used; raises PushRefusal."""
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


def publications(request: pb.Request, signer: Signer, *, trusted: bool) -> list[Publication]:
    """Return the messages of the request; raises PushRefusal unless all are allowed."""
    messages = request.incomingMessages.messages
    if len(messages) > LIMITS["maxMessagesPerRequest"]:
        raise PushRefusal(4016)
    return [
        Publication(
            message.body.decode(errors="replace"),
            [_key(channel) for channel in _allowed(message.receivers, signer, trusted=trusted)],
            message.expiry,
        )
        for message in messages
    ]


def channel_ids(request: pb.Request, signer: Signer, *, trusted: bool) -> list[tuple[str, bytes]]:
    """Return the channels asked about: the broker's name and the bytes of the id.

    Raises PushRefusal unless all are allowed.
    """
    asked = _allowed(request.channelStats.channels, signer, trusted=trusted)
    return [(_key(channel), channel.id) for channel in asked]


def channel_stats(asked: Iterable[tuple[str, bytes]], online: Iterable[bool]) -> bytes:
    """Return the encoded response: which channels are online, in the order of the question."""
    channels = [
        pb.ChannelStats(id=raw, isPrivate=not key.startswith("public:"), isOnline=is_online)
        for (key, raw), is_online in zip(asked, online, strict=True)
    ]
    stats = pb.ChannelStatsResponse(channels=channels)
    return pb.ResponseBatch(responses=[pb.Response(channelStats=stats)]).SerializeToString()


def server_stats(stats: object) -> bytes:
    """Return the encoded response with the statistics, which are JSON in an envelope."""
    content = pb.JsonResponse(json=msgspec.json.encode(stats).decode())
    return pb.ResponseBatch(responses=[pb.Response(serverStats=content)]).SerializeToString()


def _allowed(channels: _Ids, signer: Signer, *, trusted: bool) -> _Ids:
    """Return the channels; raises PushRefusal unless all may be published to or asked about."""
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
