"""What every conversation with a listener needs, in one hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from bxpull_nb.sandbox.push.authentication import Authentication
from bxpull_nb.sandbox.push.binary_requests import BinaryRequests
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Connection, Connections
from bxpull_nb.sandbox.push.error import PushRefusal
from bxpull_nb.sandbox.push.faults import WireFaults
from bxpull_nb.sandbox.push.presence import Presence
from bxpull_nb.sandbox.push.rpc import RpcRequests
from bxpull_nb.sandbox.push.service_messages import ServiceMessages
from bxpull_nb.sandbox.server import Peer
from bxpull_nb.sandbox.settings import Settings

__all__ = ["HEADERS", "TEXT_HEADERS", "PushContext", "peer_of"]

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Last-Message-Id",
}
"""What every answer of a push server says."""
TEXT_HEADERS = {"Content-Type": "text/plain", **HEADERS}


@dataclass(frozen=True)
class PushContext:
    """The rooms behind the push server's doors."""

    settings: Settings
    authentication: Authentication
    broker: Broker
    connections: Connections
    presence: Presence
    faults: WireFaults
    requests: BinaryRequests
    rpc: RpcRequests
    service: ServiceMessages
    cut: Callable[[Iterable[Peer]], None]
    """Breaks the connections to these peers, as a fallen line would."""

    def enter(self, connection: Connection) -> None:
        """Somebody listens now; the oldest on a channel that is full must leave."""
        full = PushRefusal(4029)
        for oldest in self.connections.add(connection):
            oldest.close(full.code, str(full))
        self.presence.come(connection.subscriber.user_id)

    def leave(self, connection: Connection) -> None:
        """Somebody has gone."""
        self.connections.remove(connection)
        self.presence.go(connection.subscriber.user_id)


def peer_of(connection: HTTPConnection) -> Peer:
    """The other end of the connection."""
    client = connection.client
    return (client.host, client.port) if client else ("", 0)
