"""One run of the sandbox: its rooms, made for each other and wired together."""

import secrets
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.body import answer_nobody
from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.clock import DateHeader
from bxpull_nb.sandbox.demo import play
from bxpull_nb.sandbox.demo_traffic import DemoEvent, demo_events, demo_gaps
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.context import PushContext
from bxpull_nb.sandbox.push.publish_routes import PublishServer
from bxpull_nb.sandbox.push.publisher import Publisher
from bxpull_nb.sandbox.push.push_side import open_push_server
from bxpull_nb.sandbox.push.subscribe_routes import PushServer
from bxpull_nb.sandbox.rest.application import Application
from bxpull_nb.sandbox.rest.authentication import Access
from bxpull_nb.sandbox.rest.config_answer import ConfigAnswer
from bxpull_nb.sandbox.rest.oauth_routes import OAuthServer
from bxpull_nb.sandbox.rest.pull_methods import PullMethods
from bxpull_nb.sandbox.rest.rest_methods import all_methods
from bxpull_nb.sandbox.rest.routes import RestInterface, page_not_found
from bxpull_nb.sandbox.server import HOST, LoopbackServer
from bxpull_nb.sandbox.settings import Settings
from bxpull_nb.sandbox.tls import Certificate

__all__ = ["RunningPortal", "open_portal"]


@dataclass
class RunningPortal:
    """A running portal; everything secret or counted is new with each one."""

    host: str
    """Address and port."""
    server: LoopbackServer
    access: Access
    broker: Broker
    publisher: Publisher
    push: PushContext
    rest: RestInterface
    certificate: Certificate | None

    @property
    def url(self) -> str:
        """Scheme, address and port."""
        return f"{'https' if self.certificate else 'http'}://{self.host}"


def open_portal(settings: Settings) -> RunningPortal:
    """A portal that answers; raises SettingsError when the port is taken."""
    certificate = Certificate.new() if settings.tls else None
    server = LoopbackServer()
    host = f"{HOST}:{_bound(server, settings.port, certificate)}"
    signer = Signer(secrets.token_bytes(32))
    channels, personal = (
        Channels(signer, settings.channel_ttl, settings.now, settings.server_version)
        for _ in range(2)
    )
    url = f"{'https' if settings.tls else 'http'}://{host}"
    application = Application(settings.now, settings.token_ttl, settings.scopes)
    access = Access(application, admin=settings.admin)
    push = open_push_server(settings, server, signer, channels, personal, application.client_id)
    publisher = Publisher(push.broker, channels, settings.channel_kinds, settings.now)
    config = ConfigAnswer(settings, host, signer.account)
    pull = PullMethods(settings, config, channels, personal)
    methods = all_methods(settings, pull, application, url)
    rest = RestInterface(settings, access, methods, publisher)
    oauth = OAuthServer(application, rest.faults, url, settings.redirect_uri)
    listening = [*PublishServer(push).routes(), *PushServer(push).routes()]
    app = Starlette(
        routes=[*rest.routes(), *oauth.routes(), *listening],
        exception_handlers={404: page_not_found, ClientDisconnect: answer_nobody},
    )
    app.router.redirect_slashes = False
    server.start(DateHeader(app, settings.now), push.broker.close, certificate)
    if settings.demo:
        server.spawn(_demo(settings, publisher))
    return RunningPortal(host, server, access, push.broker, publisher, push, rest, certificate)


def _bound(server: LoopbackServer, port: int, certificate: Certificate | None) -> int:
    """The port that is now taken; where that fails, no certificate is left behind."""
    try:
        return server.bind(port)
    except SettingsError:
        if certificate:
            certificate.remove()
        raise


async def _demo(settings: Settings, publisher: Publisher) -> None:
    def publish(event: DemoEvent) -> None:
        kind = event.channel if event.channel in settings.channel_kinds else "shared"
        publisher.publish(event.module_id, event.command, event.params, [kind])

    events = demo_events(settings.seed)
    await play(events, demo_gaps(settings.rate, settings.seed), publish)
