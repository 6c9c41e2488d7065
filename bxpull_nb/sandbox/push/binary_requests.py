"""Handling of binary requests, from HTTP and from WebSockets (protocol 2.11)."""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.sandbox.channels import Signer
from bxpull_nb.sandbox.push.binary_codec import (
    LIMITS,
    Publication,
    channel_ids,
    channel_stats,
    parse_request,
    publications,
    server_stats,
)
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Connections
from bxpull_nb.sandbox.push.error import PushRefusal

__all__ = ["BinaryAnswer", "BinaryRequests"]


class BinaryAnswer(NamedTuple):
    """The response to a request, and the messages to publish after it is sent."""

    binary: bytes = b""
    publications: Sequence[Publication] = ()


class BinaryRequests:
    """Handles requests of back ends, and of clients, which have a public part."""

    def __init__(
        self, signer: Signer, broker: Broker, connections: Connections, now: Callable[[], float]
    ) -> None:
        self._signer = signer
        self._broker = broker
        self._connections = connections
        self._now = now

    def from_client(self, data: bytes | None, public: str | None) -> BinaryAnswer:
        """Return the answer to a client's request; `data` is None for a text message.

        Raises PushRefusal.
        """
        if public is None:
            raise PushRefusal(4012)
        if data is None:
            raise PushRefusal(4013)
        return self._answer(parse_request(data, trusted=False), trusted=False)

    def from_backend(self, data: bytes) -> BinaryAnswer:
        """Return the answer to a request of the trusted side; raises PushRefusal."""
        return self._answer(parse_request(data, trusted=True), trusted=True)

    def publish(self, messages: Sequence[Publication], public: str | None) -> None:
        """Publish messages of the client with that public part, or of the trusted side."""
        sender = ("client", public) if public else ("backend", "")
        for body, channels, expiry in messages:
            self._broker.publish(body, channels, expiry, self._now(), sender)

    def infos(self, channels: Sequence[str]) -> str:
        """Return the channels that are online, in the order of the question, as JSON."""
        online = filter(self._broker.is_online, channels)
        infos = [{"channel": channel, "subscribers": 1} for channel in online]
        return msgspec.json.encode({"infos": infos}).decode()

    def statistics(self) -> list[dict[str, Any]]:
        """Return the content of `/server-stat/`: one item per process, of which there is one."""
        websockets = self._connections.websockets
        return [
            {
                "pid": os.getpid(),
                "date": int(self._now() * 1000),
                "processUniqueId": os.getpid(),
                "channels": self._broker.online,
                "limits": LIMITS,
                "clusterMode": False,
                "websockets": websockets,
                "pollings": len(self._connections) - websockets,
                "published": self._broker.published,
            }
        ]

    def _answer(self, request: pb.Request, *, trusted: bool) -> BinaryAnswer:
        command = request.WhichOneof("command")
        if command == "incomingMessages":
            messages = publications(request, self._signer, trusted=trusted)
            return BinaryAnswer(publications=messages)
        if command == "serverStats":
            return BinaryAnswer(server_stats(self.statistics()))
        asked = channel_ids(request, self._signer, trusted=trusted)
        return BinaryAnswer(channel_stats(asked, [self._broker.is_online(key) for key, _ in asked]))
