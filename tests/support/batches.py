"""Requests of the binary protocol, as a back end or a client writes them."""

from collections.abc import Iterable
from typing import Any

from bxpull_nb.protocol.codec import push_pb2 as pb

__all__ = ["Named", "channel_question", "message_request", "public_name", "server_question"]

Named = dict[str, Any]
"""A receiver or a channel asked about: `id`, `isPrivate`, `signature`."""


def public_name(public_id: str) -> Named:
    """Return the receiver that a `public.signature` names."""
    public, _, signature = public_id.partition(".")
    return {"id": bytes.fromhex(public), "signature": bytes.fromhex(signature)}


def message_request(*bodies: str, to: Iterable[Named], expiry: int = 0) -> bytes:
    """Return a RequestBatch that publishes these bodies, each to all the receivers."""
    receivers = [pb.Receiver(**name) for name in to]
    messages = [
        pb.IncomingMessage(receivers=receivers, body=body.encode(), expiry=expiry)
        for body in bodies
    ]
    request = pb.Request(incomingMessages=pb.IncomingMessagesRequest(messages=messages))
    return pb.RequestBatch(requests=[request]).SerializeToString()


def channel_question(names: Iterable[Named]) -> bytes:
    """Return a RequestBatch that asks which channels are online."""
    channels = [pb.ChannelId(**name) for name in names]
    request = pb.Request(channelStats=pb.ChannelStatsRequest(channels=channels))
    return pb.RequestBatch(requests=[request]).SerializeToString()


def server_question() -> bytes:
    """Return a RequestBatch that asks for the server's statistics."""
    request = pb.Request(serverStats=pb.ServerStatsRequest())
    return pb.RequestBatch(requests=[request]).SerializeToString()
