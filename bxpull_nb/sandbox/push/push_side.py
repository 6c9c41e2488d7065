"""The push server of one run: its rooms, made for each other."""

from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.push.authentication import Authentication
from bxpull_nb.sandbox.push.binary_requests import BinaryRequests
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Connections
from bxpull_nb.sandbox.push.context import PushContext
from bxpull_nb.sandbox.push.faults import WireFaults
from bxpull_nb.sandbox.push.presence import Presence
from bxpull_nb.sandbox.push.rpc import RpcRequests
from bxpull_nb.sandbox.push.service_messages import ServiceMessages
from bxpull_nb.sandbox.server import LoopbackServer
from bxpull_nb.sandbox.settings import Settings

__all__ = ["open_push_server"]


def open_push_server(
    settings: Settings,
    server: LoopbackServer,
    signer: Signer,
    channels: Channels,
    personal: Channels,
    application: str,
) -> PushContext:
    """The push server for the application's channels and those of the web interface."""
    now, version = settings.now, settings.server_version
    broker = Broker(
        now=now,
        wake=server.call_soon,
        names_channels=version < 4,
        history_limit=settings.history_limit,
        backlog_limit=settings.backlog_limit,
    )
    service = ServiceMessages(broker, channels, personal, application, settings.channel_kinds, now)
    connections, faults = Connections(), WireFaults()
    presence = Presence(now, service.status if version >= 5 else lambda *_: None)
    return PushContext(
        settings=settings,
        authentication=Authentication(signer, (channels, personal), now, version),
        broker=broker,
        connections=connections,
        presence=presence,
        faults=faults,
        requests=BinaryRequests(signer, broker, connections, now),
        rpc=RpcRequests(signer, channels, broker, presence, now, faults.failing.take),
        service=service,
        cut=server.cut,
    )
