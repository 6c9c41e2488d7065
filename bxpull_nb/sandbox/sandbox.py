"""The embedded portal: a Bitrix24 of your own on one loopback address."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.models.html import html_table
from bxpull_nb.sandbox.push.publisher import EVENT_EXPIRY
from bxpull_nb.sandbox.push_controls import PushControls
from bxpull_nb.sandbox.rest_controls import RestControls
from bxpull_nb.sandbox.settings import DEFAULT_SCOPE, USER_ID, Settings
from bxpull_nb.sandbox.wiring import RunningPortal, open_portal

__all__ = ["Sandbox"]


class Sandbox(RestControls, PushControls):
    """A portal to try things on: REST, push server and demo traffic, on 127.0.0.1 only.

    ```python
    with Sandbox(demo=True) as sandbox:
        print(sandbox.url)
    ```

    It runs on a thread of its own, so a busy notebook does not hold it up, and everything in it
    (tokens, channels, history) is new with each `start()`.

    `demo` lets events of several modules flow, on average `rate` a second; the same `seed` gives
    the same events. `port` 0 takes any free one. `edition` is `current` (what portals answer
    today: applications only) or `seed` (what the method's page says: webhooks too).
    `websocket=False` leaves long polling only, `configured=False` a portal without push server,
    `private=False` an application without a private channel. `server_version` is the push
    server's protocol: 3 (text frames), 4 (protobuf) or 5 (JSON-RPC and tokens); with
    `mode="shared"` it is one in the cloud, and the config has a `clientId`.

    Times are in seconds: `buffer` joins the messages that follow one another into one WebSocket
    frame (real servers take 0.25-0.4; 0 gives each a frame of its own), `poll_hold` is how long a
    poll waits, `rpc_ping` how often a version 5 server says `ping` (clients expect one in 20),
    `channel_ttl` how long channels live, `token_ttl` the token (None = always).

    The REST side: `scope` is what the application and the webhook were allowed, `admin=False`
    makes their user an ordinary one, `redirect_uri` is where a login comes back to.
    `status_profile` is `guide` or `portal`, which disagree about the HTTP status of errors (None:
    `guide` in the seed edition, else `portal`). `rest_limit` requests a second are answered once
    `rest_burst` have come at once; a portal takes 2 and 50, here the limit is so high that only a
    runaway loop meets it, and None is none. A method works `operating_limit` seconds in 10
    minutes. `tls=True` is https and wss with a certificate of its own (see `ca_path`); it needs
    the extra `tls`.

    `history_limit` messages are kept for resuming, and at most 256 Mi characters of them.
    `backlog_limit` characters may wait for one subscriber that does not read; then it is cut off.
    `now` is the portal's clock. Raises SettingsError for values that cannot be used.
    """

    def __init__(
        self,
        *,
        demo: bool = False,
        rate: float = 25.0,
        seed: int = 0,
        port: int = 0,
        edition: str = "current",
        server_version: int = 3,
        mode: str = "personal",
        websocket: bool = True,
        configured: bool = True,
        private: bool = True,
        buffer: float = 0.02,
        rpc_ping: float = 10.0,
        poll_hold: float = 40.0,
        channel_ttl: float = 43205.0,
        token_ttl: float | None = None,
        status_profile: str | None = None,
        scope: str | Sequence[str] = DEFAULT_SCOPE,
        admin: bool = True,
        redirect_uri: str | None = None,
        rest_limit: float | None = 100.0,
        rest_burst: float = 2000,
        operating_limit: float | None = 480.0,
        tls: bool = False,
        history_limit: int = 200_000,
        backlog_limit: int = 64 * 1024 * 1024,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = Settings(
            demo=demo,
            rate=rate,
            seed=seed,
            port=port,
            edition=edition,
            server_version=server_version,
            mode=mode,
            websocket=websocket,
            configured=configured,
            private=private,
            buffer=buffer,
            rpc_ping=rpc_ping,
            poll_hold=poll_hold,
            channel_ttl=channel_ttl,
            token_ttl=token_ttl,
            status_profile=status_profile,
            scope=scope,
            admin=admin,
            redirect_uri=redirect_uri,
            rest_limit=rest_limit,
            rest_burst=rest_burst,
            operating_limit=operating_limit,
            tls=tls,
            history_limit=history_limit,
            backlog_limit=backlog_limit,
            now=now,
        )
        self._portal: RunningPortal | None = None

    def start(self) -> "Sandbox":
        """Itself, now accepting connections; raises SettingsError when the port is taken."""
        if self._portal is None:
            self._portal = open_portal(self._settings)
        return self

    def stop(self) -> None:
        """Cut every connection without a word, as a stopped push server does, and end the thread.

        Stopping twice does nothing, and `start()` begins anew.
        """
        portal, self._portal = self._portal, None
        if portal is not None:
            portal.server.stop()
            if portal.certificate:
                portal.certificate.remove()

    @property
    def url(self) -> str:
        """The portal's address, `http://127.0.0.1:PORT`, or `https://…` with TLS."""
        return self._running.url

    @property
    def webhook(self) -> str:
        """An incoming webhook's address. Its last part is a secret, of the sandbox only."""
        return f"{self.url}/rest/{USER_ID}/{self._running.access.webhook_secret}/"

    @property
    def configured(self) -> bool:
        """Whether the portal has a push server; may be switched while it runs."""
        return self._settings.configured

    @configured.setter
    def configured(self, value: bool) -> None:
        self._settings.configured = value

    def publish(
        self,
        command: str,
        params: Any = None,
        *,
        module_id: str = "application",
        channel: str | Sequence[str] = "shared",
        expiry: int = EVENT_EXPIRY,
    ) -> str:
        """The message id (26 digits) of an event that is now stored and on its way.

        From any thread, thousands a second. `params` is anything JSON can hold; `channel` is
        `shared`, `private`, or both as a list; `expiry` is how many seconds the push server
        stores the event for listeners that resume (0 = not at all).

        Raises SettingsError when the sandbox is not running, for params that are not JSON, and
        for a channel it does not have.
        """
        kinds = [channel] if isinstance(channel, str) else list(dict.fromkeys(channel))
        content = {} if params is None else params
        return self._running.publisher.publish(module_id, command, content, kinds, expiry)

    @property
    def _running(self) -> RunningPortal:
        if self._portal is None:
            raise SettingsError(
                "the sandbox is not running. Call sandbox.start(), or open it with "
                "`with Sandbox() as sandbox:`."
            )
        return self._portal

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({', '.join(f'{name} {value}' for name, value in self._shown().items())})"

    def _repr_html_(self) -> str:
        return html_table(self._shown().items())

    def _shown(self) -> dict[str, Any]:
        """What may be seen of it: no token, no webhook, no channel."""
        portal, settings = self._portal, self._settings
        shown = {
            "at": portal.url if portal else "no address (stopped)",
            "edition": settings.edition,
            "push server": f"version {settings.server_version}",
        }
        if settings.demo:
            shown["demo"] = f"{settings.rate:g} events/s"
        if portal:
            shown["listeners"] = str(len(portal.push.connections))
            shown["published"] = str(portal.broker.published)
        return shown
