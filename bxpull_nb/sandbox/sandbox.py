"""The embedded portal: a Bitrix24 of your own on one loopback address."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.html import html_table
from bxpull_nb.sandbox.chat_controls import ChatControls
from bxpull_nb.sandbox.demo_truth import DemoRecord, Truth
from bxpull_nb.sandbox.object_controls import ObjectControls
from bxpull_nb.sandbox.publisher import EVENT_EXPIRY
from bxpull_nb.sandbox.push_controls import PushControls
from bxpull_nb.sandbox.rest_controls import RestControls
from bxpull_nb.sandbox.settings import USER_ID, Settings, options_text
from bxpull_nb.sandbox.wiring import RunningPortal, open_portal

__all__ = ["Sandbox"]


@dataclass(kw_only=True, eq=False, repr=False)
class Sandbox(Settings, RestControls, PushControls, ObjectControls, ChatControls):
    """A portal to try things on: REST, push server and demo traffic, on 127.0.0.1 only.

    ```python
    with Sandbox(demo=True) as sandbox:
        print(sandbox.url)
    ```

    It runs on a thread of its own, so a busy notebook does not delay it. Tokens and history are
    new with each `start()`, and so are channels without a `signature_key`. Raises SettingsError
    for options that cannot be used.
    """

    _portal: RunningPortal | None = field(default=None, init=False)
    _demo: DemoRecord | None = field(default=None, init=False)

    def start(self) -> "Sandbox":
        """Accept connections and return the sandbox; raises SettingsError for a taken port.

        In a forked child it opens a portal of its own.
        """
        if self._portal is None or self._portal.is_inherited:
            self._demo = DemoRecord(self.seed, self.drift_after)
            self._portal = open_portal(self, self._demo)
        return self

    def stop(self) -> None:
        """Cut every connection without a close frame, and end the thread.

        Stopping twice does nothing; `start()` opens a new portal. A forked child leaves its
        parent's alone.
        """
        portal, self._portal = self._portal, None
        if portal is not None and not portal.is_inherited:
            portal.server.stop()
            if portal.certificate:
                portal.certificate.remove()

    @property
    def url(self) -> str:
        """The portal's address, `http://127.0.0.1:PORT`, or `https://…` with TLS."""
        return self._started.url

    @property
    def webhook(self) -> str:
        """An incoming webhook's address. Its last part is a secret, of the sandbox only."""
        return f"{self.url}/rest/{USER_ID}/{self._started.webhook_secret}/"

    def publish(
        self,
        command: str,
        params: Any = None,
        *,
        module_id: str = "application",
        channel: str | Sequence[str] = "shared",
        expiry: int = EVENT_EXPIRY,
    ) -> str:
        """Publish an event and return its message id (26 digits).

        From any thread, thousands a second. `params` is anything JSON can hold; `channel` is
        `shared`, `private`, or both as a list; `expiry` is how many seconds the push server
        stores the event for listeners that resume (0 = not at all, on version 3 a day).

        Raises SettingsError when the sandbox is not running, for params that are not JSON, and
        for a channel it does not have.
        """
        content = {} if params is None else params
        kinds = _names(channel)
        return self._running.publisher.publish(module_id, command, content, kinds, expiry)

    def publish_raw(
        self,
        body: str,
        *,
        channel: str | Sequence[str] = "shared",
        expiry: int = EVENT_EXPIRY,
        sender: str = "backend",
    ) -> str:
        """Publish a body exactly as given, which need not be JSON, and return its message id.

        `sender` is `backend`, or `client` for a message that another user sent by way of a public
        channel; frames of version 3 do not name it. The rest is as in `publish`. Raises
        SettingsError for another sender, and for text that UTF-8 cannot encode.
        """
        return self._running.publisher.publish_raw(body, _names(channel), expiry, sender)

    def truth(self) -> Truth:
        """Return what the demo events so far really were: entities, stages, planted changes.

        Also after `stop()`, of the last run. Without `demo` the tables are empty. Raises
        SettingsError for a sandbox that was never started.

        ```python
        with Sandbox(demo=True, drift=True) as sandbox:
            print(sandbox.truth().stages)
        ```
        """
        if self._demo is None:
            raise SettingsError("the sandbox was never started: call sandbox.start() first.")
        return self._demo.truth()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Sandbox({', '.join(f'{name} {value}' for name, value in self._shown().items())})"

    def _repr_html_(self) -> str:
        return html_table(self._shown().items())

    def _shown(self) -> dict[str, Any]:
        """Return the facts that the reprs show: no token, no webhook, no channel."""
        portal = self._portal
        shown = {
            "at": portal.url if portal else "no address (stopped)",
            "edition": self.edition,
            "push server": f"version {self.server_version}",
        }
        if self.demo:
            shown["demo"] = f"{self.rate:g} events/s"
        if portal:
            shown["listeners"] = str(len(portal.push.connections))
            shown["published"] = str(portal.broker.published)
        return shown


def _names(channel: str | Sequence[str]) -> list[str]:
    try:
        return [channel] if isinstance(channel, str) else list(dict.fromkeys(channel))
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(
            f"channel={quoted(channel)}: give a name, or names in a list."
        ) from None


Sandbox.__doc__ = f"{inspect.getdoc(Sandbox)}\n\nOptions:\n\n{options_text()}"
