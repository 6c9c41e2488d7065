"""Where requests of the binary protocol are handled, whichever way they come (protocol 2.11)."""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.sandbox.channels import Signer
from bxpull_nb.sandbox.push.binary_codec import (
    LIMITS,
    PublishedMessage,
    channel_ids,
    channel_stats,
    parse_request,
    published_messages,
    server_stats,
)
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Connections
from bxpull_nb.sandbox.push.error import PushRefusal

__all__ = ["BinaryAnswer", "BinaryRequests"]


class BinaryAnswer(NamedTuple):
    """What a request is answered with, and what is to be published once that is out."""

    binary: bytes = b""
    text: str = ""
    """The same for who did not ask in binary mode."""
    published_messages: Sequence[PublishedMessage] = ()


class BinaryRequests:
    """Takes requests of back ends (`public` None) and of clients, who have a public part."""

    def __init__(
        self, signer: Signer, broker: Broker, connections: Connections, now: Callable[[], float]
    ) -> None:
        self._signer = signer
        self._broker = broker
        self._connections = connections
        self._now = now

    def from_client(self, data: bytes | None, public: str | None) -> BinaryAnswer:
        """The answer to a client's request; `data` is None for what is none.

        Raises PushRefusal.
        """
        if public is None:
            raise PushRefusal(4012)
        if data is None:
            raise PushRefusal(4013)
        return self._answer(parse_request(data, trusted=False), trusted=False)

    def from_backend(self, data: bytes) -> BinaryAnswer:
        """The answer to a request of the trusted side; raises PushRefusal."""
        return self._answer(parse_request(data, trusted=True), trusted=True)

    def publish(self, to_publish: Sequence[PublishedMessage], public: str | None) -> None:
        """Publish in the name of a client, or of the trusted side."""
        sender = ("client", public) if public else ("backend", "")
        for published in to_publish:
            self._broker.publish(
                published.body, published.channels, published.expiry, self._now(), sender
            )

    def infos(self, channels: Sequence[str]) -> str:
        """Which of the private channels are online, in the order asked, as JSON."""
        online = filter(self._broker.is_online, channels)
        infos = [{"channel": channel, "subscribers": 1} for channel in online]
        return msgspec.json.encode({"infos": infos}).decode()

    def statistics(self) -> list[dict[str, Any]]:
        """One item a process, as `/server-stat/` tells; here there is one process."""
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
            return BinaryAnswer(
                published_messages=published_messages(request, self._signer, trusted=trusted)
            )
        if command == "serverStats":
            stats = self.statistics()
            return BinaryAnswer(server_stats(stats), msgspec.json.encode(stats).decode())
        asked = channel_ids(request, self._signer, trusted=trusted)
        online = [self._broker.is_online(key) for key, _ in asked]
        private = [key for key, _ in asked if not key.startswith("public:")]
        return BinaryAnswer(channel_stats(asked, online), self.infos(private))
