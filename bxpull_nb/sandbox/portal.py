"""One run of the sandbox: its rooms, made for each other and wired together."""

import secrets
from dataclasses import dataclass

from starlette.applications import Starlette

from bxpull_nb.codec import codec_for
from bxpull_nb.sandbox.access import Access
from bxpull_nb.sandbox.broker import Broker
from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.clock import DateHeader
from bxpull_nb.sandbox.demo import play
from bxpull_nb.sandbox.methods import Methods
from bxpull_nb.sandbox.publisher import Publisher
from bxpull_nb.sandbox.push import PushServer
from bxpull_nb.sandbox.rest import RestInterface
from bxpull_nb.sandbox.server import HOST, LoopbackServer
from bxpull_nb.sandbox.settings import Settings
from bxpull_nb.sandbox.traffic import DemoEvent, demo_events, demo_gaps

__all__ = ["Portal", "open_portal"]


@dataclass
class Portal:
    """A running portal; everything secret or counted is new with each one."""

    host: str
    """Address and port."""
    server: LoopbackServer
    access: Access
    broker: Broker
    publisher: Publisher
    push: PushServer


def open_portal(settings: Settings) -> Portal:
    """A portal that answers; raises SettingsError when the port is taken."""
    server = LoopbackServer()
    host = f"{HOST}:{server.bind(settings.port)}"
    signer = Signer(secrets.token_bytes(32))
    channels = Channels(signer, settings.channel_ttl, settings.now)
    broker = _broker(settings, server)
    publisher = Publisher(broker, channels, settings.channel_kinds, settings.now)
    access = Access(settings.now, settings.token_ttl)
    rest = RestInterface(settings, access, Methods(settings, channels, publisher, host))
    push = PushServer(settings, signer, broker, server.cut)
    app = Starlette(routes=[*rest.routes(), *push.routes()])
    app.router.redirect_slashes = False
    server.start(DateHeader(app, settings.now), broker.close)
    if settings.demo:
        server.spawn(_demo(settings, publisher))
    return Portal(host, server, access, broker, publisher, push)


def _broker(settings: Settings, server: LoopbackServer) -> Broker:
    return Broker(
        codec_for(settings.server_version),
        now=settings.now,
        wake=server.call_soon,
        history_limit=settings.history_limit,
        backlog_limit=settings.backlog_limit,
    )


async def _demo(settings: Settings, publisher: Publisher) -> None:
    def publish(event: DemoEvent) -> None:
        kind = event.channel if event.channel in settings.channel_kinds else "shared"
        publisher.publish(event.module_id, event.command, event.params, [kind])

    events = demo_events(settings.seed)
    await play(events, demo_gaps(settings.rate, settings.seed), publish)
