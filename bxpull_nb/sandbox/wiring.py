"""One run of the sandbox: its parts, created and connected."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.body import answer_disconnected
from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.chat.chats import Chats
from bxpull_nb.sandbox.chat.queue import ChatQueue
from bxpull_nb.sandbox.clock import DateHeader
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_traffic import demo_gaps, play
from bxpull_nb.sandbox.demo_truth import DemoRecord
from bxpull_nb.sandbox.objects.demo_objects import DemoObjects
from bxpull_nb.sandbox.objects.portal_objects import PortalObjects
from bxpull_nb.sandbox.offline.doorbell import Doorbell
from bxpull_nb.sandbox.offline.events import OfflineEvents
from bxpull_nb.sandbox.publisher import Publisher
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.context import PushContext, create_push_context
from bxpull_nb.sandbox.push.publish_routes import PublishRoutes
from bxpull_nb.sandbox.push.subscribe_routes import SubscribeRoutes
from bxpull_nb.sandbox.rest.account_methods import AccountMethods
from bxpull_nb.sandbox.rest.application import Application
from bxpull_nb.sandbox.rest.authentication import CallerAuthentication
from bxpull_nb.sandbox.rest.batch_method import BatchMethod
from bxpull_nb.sandbox.rest.chat_methods import ChatMethods
from bxpull_nb.sandbox.rest.config_answer import ConfigAnswer
from bxpull_nb.sandbox.rest.crm_methods import CrmMethods
from bxpull_nb.sandbox.rest.event_methods import EventMethods
from bxpull_nb.sandbox.rest.methods import Method, Methods
from bxpull_nb.sandbox.rest.oauth_routes import OAuthRoutes
from bxpull_nb.sandbox.rest.offline_methods import OfflineMethods
from bxpull_nb.sandbox.rest.pull_methods import PullMethods
from bxpull_nb.sandbox.rest.routes import RestRoutes, page_not_found
from bxpull_nb.sandbox.rest.task_methods import TaskMethods
from bxpull_nb.sandbox.rest.user_methods import user_methods
from bxpull_nb.sandbox.server import HOST, LoopbackServer
from bxpull_nb.sandbox.settings import Settings
from bxpull_nb.sandbox.tls import Certificate

__all__ = ["Controls", "RunningPortal", "open_portal"]


@dataclass
class RunningPortal:
    """A running portal; its secrets and counters are new with each one."""

    url: str
    """Scheme, address and port."""
    server: LoopbackServer
    application: Application
    webhook_secret: str = field(repr=False)
    broker: Broker
    publisher: Publisher
    push: PushContext
    rest: RestRoutes
    objects: PortalObjects
    offline: OfflineEvents
    chats: Chats
    certificate: Certificate | None


class Controls:
    """Base of the classes that control a running portal."""

    _portal: RunningPortal | None

    @property
    def _running(self) -> RunningPortal:
        if self._portal is None:
            raise SettingsError(
                "the sandbox is not running. Call sandbox.start(), or open it with "
                "`with Sandbox() as sandbox:`."
            )
        return self._portal


def open_portal(settings: Settings, demo: DemoRecord) -> RunningPortal:
    """Open a portal and return it once it answers; raises SettingsError for a taken port.

    `demo` has the demo events, and notes those that were published.
    """
    certificate = Certificate.new() if settings.tls else None
    server = LoopbackServer()
    host = f"{HOST}:{_bind(server, settings.port, certificate)}"
    url = f"{'https' if certificate else 'http'}://{host}"
    signer = Signer(settings.new_signature_key())
    channels, personal = (
        Channels(signer, settings.channel_ttl, settings.now, settings.server_version, owner)
        for owner in ("application", "portal")
    )
    application = Application(settings.now, settings.token_ttl, settings.scopes)
    push = create_push_context(settings, server, signer, channels, personal, application.client_id)
    publisher = Publisher(push.broker, channels, settings.channel_kinds, settings.now)
    offline = _offline_events(settings, server, publisher)
    objects = PortalObjects(offline.record, demo=settings.demo)
    chats = Chats(ChatQueue(settings.now), settings.now)
    config = ConfigAnswer(settings, host, signer.account)
    methods = Methods(settings.now, settings.operating_limit, connectors=settings.offline_extended)
    methods.add(PullMethods(settings, config, channels, personal).table())
    methods.add(AccountMethods(settings, application, methods, url).table())
    methods.add(_object_methods(settings, objects, offline))
    methods.add(ChatMethods(chats.queue).table())
    methods.add(BatchMethod(methods, strict=settings.profile == "guide").table())
    authentication = CallerAuthentication(application, admin=settings.admin)
    rest = RestRoutes(settings, authentication, methods, publisher, offline.doorbell)
    oauth = OAuthRoutes(application, rest.faults, url, settings.redirect_uri)
    push_routes = [*PublishRoutes(push).routes(), *SubscribeRoutes(push).routes()]
    app = Starlette(
        routes=[*rest.routes(), *oauth.routes(), *push_routes],
        exception_handlers={404: page_not_found, ClientDisconnect: answer_disconnected},
    )
    app.router.redirect_slashes = False
    server.start(DateHeader(app, settings.now), push.broker.close, certificate)
    if settings.demo:
        changes = _demo_changes(objects, offline.doorbell, chats)
        server.spawn(_publish_demo(settings, publisher, demo, changes))
    return RunningPortal(
        url,
        server,
        application,
        authentication.webhook_secret,
        push.broker,
        publisher,
        push,
        rest,
        objects,
        offline,
        chats,
        certificate,
    )


def _bind(server: LoopbackServer, port: int, certificate: Certificate | None) -> int:
    """Take the port and return its number; on failure delete the certificate."""
    try:
        return server.bind(port)
    except SettingsError:
        if certificate:
            certificate.remove()
        raise


def _offline_events(
    settings: Settings, server: LoopbackServer, publisher: Publisher
) -> OfflineEvents:
    def ring(params: list[dict[str, Any]]) -> None:
        publisher.publish("rest", "event_offline", params, ["shared"])

    doorbell = Doorbell(settings, ring, server.spawn)
    return OfflineEvents(doorbell, skips_own=settings.event_rules == "portal")


def _object_methods(
    settings: Settings, objects: PortalObjects, offline: OfflineEvents
) -> dict[str, Method]:
    """Return the methods of objects, and of the events that their changes make."""
    strict = settings.event_rules == "portal"
    return {
        **CrmMethods.table(objects, settings.now),
        **TaskMethods(objects.tasks, settings.now).table(),
        **user_methods(),
        **EventMethods(offline.bindings, strict=strict).table(),
        **OfflineMethods(offline.queue, extended=settings.offline_extended).table(),
    }


def _demo_changes(
    objects: PortalObjects, doorbell: Doorbell, chats: Chats
) -> Callable[[DemoEvent, float], None]:
    """Return what makes the changes of one demo event, at that moment."""
    demo = DemoObjects(objects)

    def change(event: DemoEvent, moment: float) -> None:
        demo.apply(event, moment)
        chats.apply(event)
        doorbell.ring()

    return change


async def _publish_demo(
    settings: Settings,
    publisher: Publisher,
    demo: DemoRecord,
    change: Callable[[DemoEvent, float], None],
) -> None:
    """Make each demo event's changes, then publish it."""

    def publish(event: DemoEvent) -> None:
        kind = event.channel if event.channel in settings.channel_kinds else "shared"
        moment = settings.now()
        change(event, moment)
        content = (event.module_id, event.command, event.params)
        demo.add(publisher.publish(*content, [kind], moment=moment), moment)

    await play(demo.events(), demo_gaps(settings.rate, settings.seed), publish)
