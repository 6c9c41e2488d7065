"""The parts of the push server that its routes and connections share, created together."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.push.authentication import SubscriberAuthentication
from bxpull_nb.sandbox.push.binary_requests import BinaryRequests
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Connection, Connections
from bxpull_nb.sandbox.push.error import PushRefusal
from bxpull_nb.sandbox.push.faults import WireFaults
from bxpull_nb.sandbox.push.presence import Presence
from bxpull_nb.sandbox.push.rpc import RpcRequests
from bxpull_nb.sandbox.push.service_messages import ServiceMessages
from bxpull_nb.sandbox.server import LoopbackServer, Peer
from bxpull_nb.sandbox.settings import Settings

__all__ = [
    "HEADERS",
    "OTHER_METHODS",
    "TEXT_HEADERS",
    "PushContext",
    "create_push_context",
    "not_found",
    "peer_of",
]

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Last-Message-Id",
}
"""Headers of every response of the push server."""
TEXT_HEADERS = {"Content-Type": "text/plain", **HEADERS}
OTHER_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""Methods of `not_found`, the last route of each path."""
_IDLE_CHECK = 0.1


@dataclass(frozen=True)
class PushContext:
    """The parts of one push server."""

    settings: Settings
    authentication: SubscriberAuthentication
    broker: Broker
    connections: Connections
    presence: Presence
    faults: WireFaults
    requests: BinaryRequests
    rpc: RpcRequests
    service: ServiceMessages
    cut: Callable[[Iterable[Peer]], None]
    """Breaks the connections to these peers, as a network failure does."""

    def register(self, connection: Connection) -> None:
        """Add a connection; the oldest on a channel that is full is closed."""
        full = PushRefusal(4029)
        for oldest in self.connections.add(connection):
            oldest.close(full.code, str(full))
        self.presence.connected(connection.subscriber.user_id)

    def unregister(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self.connections.remove(connection)
        self.presence.disconnected(connection.subscriber.user_id)

    async def cut_idle(self, seconds: float) -> None:
        """Cut connections after so many seconds without traffic, while that is the limit."""
        while self.faults.idle_limit == seconds:
            newest = time.monotonic() - seconds
            self.cut([c.peer for c in self.connections if c.last_traffic <= newest])
            await asyncio.sleep(min(seconds / 10, _IDLE_CHECK))


def create_push_context(
    settings: Settings,
    server: LoopbackServer,
    signer: Signer,
    channels: Channels,
    personal: Channels,
    application: str,
) -> PushContext:
    """Create the push server for channels of the application and of the web interface."""
    now, version = settings.now, settings.server_version
    broker = Broker(
        now=now,
        wake=server.call_soon,
        version=version,
        history_limit=settings.history_limit,
        backlog_limit=settings.backlog_limit,
    )
    service = ServiceMessages(broker, channels, personal, application, settings.channel_kinds, now)
    connections, faults = Connections(), WireFaults()
    presence = Presence(now, service.status if version >= 5 else lambda *_: None)
    return PushContext(
        settings=settings,
        authentication=SubscriberAuthentication(signer, (channels, personal), now, version),
        broker=broker,
        connections=connections,
        presence=presence,
        faults=faults,
        requests=BinaryRequests(signer, broker, connections, now),
        rpc=RpcRequests(signer, channels, broker, presence, now, faults.fail_requests.take),
        service=service,
        cut=server.cut,
    )


async def not_found(_request: Request) -> Response:
    """Return a 404 that a browser may read, for methods that a path does not have."""
    return Response(status_code=404, headers=TEXT_HEADERS)


def peer_of(connection: HTTPConnection) -> Peer:
    """Return the other end of the connection."""
    client = connection.client
    return (client.host, client.port) if client else ("", 0)
