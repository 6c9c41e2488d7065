"""One portal as a user holds it: its REST interface, and the feeds that listen to it."""

import weakref
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bxpull_nb.auth import Auth
from bxpull_nb.bridge import LoopThread
from bxpull_nb.feed import Feed, checked_channels, checked_transport
from bxpull_nb.models import CHANNEL_TYPES, PullConfig
from bxpull_nb.rest import RestClient

if TYPE_CHECKING:
    from bxpull_nb.sandbox import Sandbox

__all__ = ["Portal"]


class Portal:
    """A Bitrix24 portal, or the sandbox: made by `connect()`.

    `sandbox` is the embedded one that stops with this portal. Use `close()` or `with` to end
    everything at once; otherwise it ends with the interpreter.
    """

    def __init__(self, auth: Auth, *, sandbox: "Sandbox | None" = None) -> None:
        self.rest = RestClient(auth)
        self.bridge = LoopThread()
        self.feeds: list[Feed] = []
        self.sandbox = sandbox
        self.name = "sandbox" if sandbox else urlsplit(auth.portal).netloc
        if sandbox is not None:
            weakref.finalize(self, sandbox.stop).atexit = False  # its thread is a daemon

    @property
    def url(self) -> str:
        """The portal's address, without any secret."""
        return self.rest.auth.portal

    def fetch_config(self, *, cache: bool = True, reopen: bool = True) -> PullConfig:
        """How to connect to the push server (`pull.application.config.get`), fresh."""
        return self.bridge.run(self.rest.fetch_config(cache=cache, reopen=reopen))

    def send_event(
        self,
        command: str,
        params: Mapping[str, Any] | None = None,
        *,
        module_id: str = "application",
        user_id: int | None = None,
    ) -> None:
        """Publish an event (`pull.application.event.add`); it comes back to all who listen.

        Without `user_id` it goes to the application's shared channel, with your own id to your
        private one. Identical events in one request are merged by the portal: put a number into
        test events. Raises EventRefused for a command, params or module the portal refuses.
        """
        self.bridge.run(self.rest.send_event(command, params, module_id=module_id, user_id=user_id))

    def feed(self, channels: Sequence[str] | str = CHANNEL_TYPES, transport: str = "auto") -> Feed:
        """The feed with these settings, not started if it is new.

        Asking twice gives the same one, so re-running a cell makes no second listener.
        """
        wanted = checked_channels(channels), checked_transport(transport)
        for feed in self.feeds:
            if (feed.channels, feed.transport) == wanted:
                return feed
        feed = Feed(
            self.rest.fetch_config,
            self.bridge,
            name=self.name,
            secure=self.url.startswith("https:"),
        )
        feed.channels, feed.transport = wanted
        self.feeds.append(feed)
        return feed

    def close(self) -> None:
        """Stop every feed and the embedded sandbox; captured events stay in their feeds."""
        for feed in self.feeds:
            feed.stop()
        self.bridge.run(self.rest.aclose())
        self.bridge.stop()
        if self.sandbox is not None:
            self.sandbox.stop()

    def __enter__(self) -> "Portal":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Portal({self.name}, {self.rest.auth!r}, {len(self.feeds)} feeds)"
