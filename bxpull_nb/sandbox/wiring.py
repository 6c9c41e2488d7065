"""One run of the sandbox: its parts, created and connected."""

import os
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from bxpull_nb.errors import SettingsError
from bxpull_nb.locks import check_process
from bxpull_nb.sandbox.body import answer_disconnected
from bxpull_nb.sandbox.channels import Channels, Signer
from bxpull_nb.sandbox.clock import DateHeader
from bxpull_nb.sandbox.company import Company
from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.demo_pace import demo_gaps, play
from bxpull_nb.sandbox.demo_truth import DemoRecord
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
    company: Company
    certificate: Certificate | None
    process: int = field(default_factory=os.getpid)
    """The process that serves it."""

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked from the one that serves it."""
        return self.process != os.getpid()

    def check_process(self) -> None:
        """Raise WrongProcessError in a forked child, which does not serve it."""
        check_process(
            self.process,
            "while the sandbox ran: its server is its parent's. Make a sandbox here, in the "
            "child, with Sandbox().",
        )


class Controls:
    """Base of the classes that control a running portal."""

    _portal: RunningPortal | None

    @property
    def _running(self) -> RunningPortal:
        self._started.check_process()
        return self._started

    @property
    def _started(self) -> RunningPortal:
        """The portal, of which a forked child may read how to connect to it."""
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
    company = Company(settings, publisher, server.spawn)
    pull = PullMethods(settings, ConfigAnswer(settings, host, signer.account), channels, personal)
    methods = _all_methods(settings, pull, application, url, company)
    authentication = CallerAuthentication(application, admin=settings.admin)
    rest = RestRoutes(settings, authentication, methods, publisher, company.offline.doorbell)
    oauth = OAuthRoutes(application, rest.faults, url, settings.redirect_uri)
    app = _web_application([*rest.routes(), *oauth.routes()], push)
    server.start(DateHeader(app, settings.now), push.broker.close, certificate)
    if settings.demo:
        server.spawn(_publish_demo(settings, publisher, demo, company))
    secret = authentication.webhook_secret
    return RunningPortal(
        url, server, application, secret, push.broker, publisher, push, rest, company, certificate
    )


def _bind(server: LoopbackServer, port: int, certificate: Certificate | None) -> int:
    """Take the port and return its number; on failure delete the certificate."""
    try:
        return server.bind(port)
    except SettingsError:
        if certificate:
            certificate.remove()
        raise


def _web_application(routes: list[Route], push: PushContext) -> Starlette:
    """Return the application with these routes, and those of the push server."""
    app = Starlette(
        routes=[*routes, *PublishRoutes(push).routes(), *SubscribeRoutes(push).routes()],
        exception_handlers={404: page_not_found, ClientDisconnect: answer_disconnected},
    )
    app.router.redirect_slashes = False
    return app


def _all_methods(
    settings: Settings, pull: PullMethods, application: Application, url: str, company: Company
) -> Methods:
    """Return every REST method of the portal at `url`."""
    methods = Methods(settings.now, settings.operating_limit, connectors=settings.offline_extended)
    methods.add(pull.table())
    methods.add(AccountMethods(settings, application, methods, url).table())
    methods.add(_company_methods(settings, company))
    methods.add(BatchMethod(methods, strict=settings.profile == "guide").table())
    return methods


def _company_methods(settings: Settings, company: Company) -> dict[str, Method]:
    """Return the methods of objects and chats, and of the events that their changes make."""
    objects, offline = company.objects, company.offline
    return {
        **CrmMethods.table(objects, settings.now),
        **TaskMethods(objects.tasks, settings.now).table(),
        **user_methods(),
        **EventMethods(offline.bindings, strict=settings.event_rules == "portal").table(),
        **OfflineMethods(offline.queue, extended=settings.offline_extended).table(),
        **ChatMethods(company.chats.queue).table(),
    }


async def _publish_demo(
    settings: Settings, publisher: Publisher, demo: DemoRecord, company: Company
) -> None:
    """Make each demo event's changes, then publish it."""

    def publish(event: DemoEvent) -> None:
        kind = event.channel if event.channel in settings.channel_kinds else "shared"
        moment = settings.now()
        company.apply(event, moment)
        content = (event.module_id, event.command, event.params)
        demo.add(publisher.publish(*content, [kind], moment=moment), moment)

    await play(demo.events(), demo_gaps(settings.rate, settings.seed), publish)
