"""One portal for a user: its REST interface, and the feeds that listen to it."""

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.driver import OpenDriver
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import ChannelMissing, SettingsError
from bxpull_nb.listener import Listener, Timing
from bxpull_nb.locks import fork_safe
from bxpull_nb.masking import quoted
from bxpull_nb.models import CHANNEL_TYPES, PublicChannel, PullConfig
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.models.html import html_table
from bxpull_nb.privacy import Pseudonyms, checked_pseudonyms
from bxpull_nb.rest import PORTAL_LIMIT, BatchResult, Page, RestClient
from bxpull_nb.rest.auth import Auth
from bxpull_nb.rest.pages import first_page, following_page, page_params
from bxpull_nb.rest.params import checked_users
from bxpull_nb.rest.publish import message_body, publish
from bxpull_nb.sources import SHARED_QUEUE, Sources, SourcesDriver
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    from bxpull_nb.sandbox import Sandbox

__all__ = ["Portal", "checked_portal", "known_or_new"]

_open: "weakref.WeakValueDictionary[tuple[object, ...], Portal]" = weakref.WeakValueDictionary()
"""Portals by address and credentials, to find them again; none is kept alive by it."""
_opening = fork_safe(threading.Lock(), 0)


class Portal:
    """A Bitrix24 portal, or the sandbox: made by `connect()`.

    `sandbox` is the embedded one that stops with this portal. `limit` is the number of calls a
    second, and of calls at once, sent to it (Enterprise portals take (5, 250); None = no limit).
    `timing` holds the clocks and delays of its feeds. Use `close()` or `with` to end everything
    at once; otherwise it ends with the interpreter.
    """

    def __init__(
        self,
        auth: Auth,
        *,
        sandbox: "Sandbox | None" = None,
        limit: tuple[float, float] | None = PORTAL_LIMIT,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self.rest = RestClient(auth, limit=limit, clock=partial(_now, self._timing))
        self.bridge = LoopThread()
        self.feeds: list[Feed] = []
        self._sources: dict[Feed, Sources] = {}
        self.sandbox = sandbox
        self.closed = False
        self.name = "sandbox" if sandbox else urlsplit(auth.portal).netloc
        if sandbox is not None:
            weakref.finalize(self, sandbox.stop).atexit = False  # its thread is a daemon

    @property
    def url(self) -> str:
        """The portal's address, without any secret."""
        return self.rest.auth.portal

    def fetch_config(self, *, cache: bool = True, reopen: bool = True) -> PullConfig:
        """Return how to connect to the push server (`pull.application.config.get`), fresh."""
        return self.bridge.run(self.rest.fetch_config(cache=cache, reopen=reopen))

    def send_event(
        self,
        command: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        module_id: str = "application",
        user_id: int | None = None,
    ) -> None:
        """Publish an event (`pull.application.event.add`) to all listeners, this one too.

        `params` are a dict, or a list. Without `user_id` it goes to the application's shared
        channel, with your own id to your private one. Identical events in one request are merged
        by the portal: put a number into test events. Raises EventRefused for a command, params or
        module the portal refuses.

        >>> portal.send_event("greeting", {"n": 1})
        """
        self.bridge.run(self.rest.send_event(command, params, module_id=module_id, user_id=user_id))

    def call(self, method: str, /, **params: Any) -> Any:
        """Return the `result` of any REST method: `portal.call("app.info")`.

        An expired token is renewed, and a call to a busy portal is repeated. Raises
        SettingsError for parameters JSON cannot hold, PortalUnreachable, UnexpectedAnswer, or
        the ApiError that fits the portal's code.

        >>> portal.call("profile")
        """
        return self.bridge.run(self.rest.call(method, params))

    def call_page(
        self, method: str, params: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Page:
        """Return one page of a list, with `next` and `total`: `portal.call_page("user.get")`.

        Its rows come by iterating, and `result` is what `call` returns.
        """
        return self.bridge.run(self.rest.call_page(method, page_params(params, more)))

    def pages(
        self, method: str, params: Mapping[str, Any] | None = None, /, **more: Any
    ) -> Iterator[Page]:
        """Yield every page of a list, within the limits: fifty rows a call.

        All rows: `[row for page in portal.pages("crm.deal.list") for row in page]`. A `start`
        begins later; order by an id, so that rows added meanwhile are not missed. Raises
        SettingsError for a `start` below 0, UnexpectedAnswer for a portal that does not move on,
        and what `call` raises. `portal.rest.pages` is the async form.
        """
        first = first_page(method, page_params(params, more))
        return self._pages(method, first)

    def _pages(self, method: str, params: dict[str, Any] | None) -> Iterator[Page]:
        while params is not None:
            page = self.bridge.run(self.rest.call_page(method, params))
            yield page
            params = following_page(page, params)

    def batch(
        self, calls: Mapping[str, tuple[str, Mapping[str, Any]]], *, halt: bool = False
    ) -> BatchResult:
        """Return results and errors by name: `portal.batch({"me": ("profile", {})})["me"]`.

        Fifty calls are one request; more are split into several. One failure does not hide the
        others; `halt` ends at the first, and the rest is in `skipped`. The parameters arrive at
        the portal as texts.
        """
        return self.bridge.run(self.rest.batch(calls, halt=halt))

    def public_channels(self, users: Iterable[int]) -> dict[int, PublicChannel]:
        """Return the public channels of these users, by user id, for others to publish to.

        Users without one are left out: portals give an application those of the config's
        `publicChannels` only.
        """
        return self.bridge.run(self.rest.public_channels(users))

    def publish(
        self,
        users: Iterable[int],
        command: str,
        params: Mapping[str, Any] | None = None,
        *,
        module_id: str = "application",
    ) -> None:
        """Send a message to the public channels of these users, without the portal.

        The push server must be of version 4 and allow it, and the application needs a private
        channel; `send_event` works everywhere. Raises ChannelMissing for a user without public
        channel, TransportUnavailable, PublishRefused or ConnectionFailed.
        """
        self.bridge.run(self._publish(checked_users(users), command, params, module_id))

    async def _publish(
        self, users: list[int], command: str, params: Mapping[str, Any] | None, module_id: str
    ) -> None:
        config = await self.rest.fetch_config()
        channels = await self.rest.public_channels(users, config)
        lacking = [user for user in users if user not in channels]
        if lacking:
            raise ChannelMissing(
                f"user {lacking[0]} is not in the config's publicChannels, so there is no public "
                f"channel to publish to. Check the user's id, and that the push server's version "
                f"is 4; send_event() works without."
            )
        message = message_body(command, params, module_id)
        receivers = [channels[user] for user in users]
        await publish(config, receivers, message, secure=self.url.startswith("https:"))

    def feed(
        self,
        channels: Sequence[str] | str = CHANNEL_TYPES,
        transport: str = "auto",
        *,
        log: EventLog | None = None,
        sources: Sources | None = None,
        privacy: Pseudonyms | None = None,
    ) -> Feed:
        """Return the feed with these settings, not started if it is new.

        A second call returns the same one, so re-running a cell makes no second listener. `log`
        takes the events of a new one. `sources` are those besides the channels. With `privacy` it
        is a feed of its own, for each key.
        """
        chosen = Sources() if sources is None else sources
        if not isinstance(chosen, Sources):
            raise SettingsError(f"sources={quoted(sources)}: give listen() the names of events.")
        wanted = checked_channels(channels), checked_transport(transport), chosen
        private = checked_pseudonyms(privacy)
        for feed in self.feeds:
            same = (feed.channels, feed.transport, self._sources[feed]) == wanted
            if same and feed.privacy == private:
                return feed
        driver = self._open_driver(chosen)
        feed = Feed(driver, self.bridge, name=self.name, log=log, privacy=private)
        feed.channels, feed.transport, _ = wanted
        self._warn_of_readers(feed, chosen)
        self.feeds.append(feed)
        self._sources[feed] = chosen
        return feed

    def _open_driver(self, sources: Sources) -> OpenDriver:
        """Return what makes the driver of a feed: a listener, perhaps with other sources."""
        secure = self.url.startswith("https:")
        listener = partial(Listener, self.rest.fetch_config, secure=secure, timing=self._timing)
        if not sources:
            return listener
        return partial(SourcesDriver, listener, self.rest, sources, self._timing)

    def _warn_of_readers(self, feed: Feed, sources: Sources) -> None:
        """Log when another feed of this portal reads the same queue."""
        for other in self.feeds:
            shared = sources.shared_with(self._sources[other])
            if shared and other.running:
                feed.note("queue_shared", f"{other!r} reads {shared} too. {SHARED_QUEUE}")

    def listen(
        self,
        channels: Sequence[str] | str = CHANNEL_TYPES,
        transport: str = "auto",
        *,
        events: Sequence[str] | str | None = None,
        chat: bool = False,
        enrich: bool = False,
        auth_connector: str | None = None,
        unbind: bool = False,
        backfill: bool = False,
        journal: str | Path | Journal | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        privacy: Pseudonyms | None = None,
    ) -> Feed:
        """Do as `bx.listen(portal, ...)`."""
        sources = Sources.of(
            events, chat=chat, enrich=enrich, auth_connector=auth_connector, unbind=unbind
        )
        feed = self.feed(channels, transport, sources=sources, privacy=privacy)
        return feed.start(
            backfill=backfill, journal=journal, max_rows=max_rows, max_bytes=max_bytes
        )

    async def listen_async(
        self,
        channels: Sequence[str] | str = CHANNEL_TYPES,
        transport: str = "auto",
        *,
        events: Sequence[str] | str | None = None,
        chat: bool = False,
        enrich: bool = False,
        auth_connector: str | None = None,
        unbind: bool = False,
        backfill: bool = False,
        journal: str | Path | Journal | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        privacy: Pseudonyms | None = None,
    ) -> Feed:
        """Do as `bx.listen`, for a coroutine on any event loop; `feed.stream()` has the events.

        Cancelling it stops the feed again, unless it ran before.

        ```python
        feed = await portal.listen_async("shared")
        async with feed.stream("dealUpdate") as events:
            async for event in events:
                print(event.params)
        ```
        """
        sources = Sources.of(
            events, chat=chat, enrich=enrich, auth_connector=auth_connector, unbind=unbind
        )
        return await self.feed(channels, transport, sources=sources, privacy=privacy).start_async(
            backfill=backfill, journal=journal, max_rows=max_rows, max_bytes=max_bytes
        )

    def close(self) -> None:
        """Stop every feed and the embedded sandbox; captured events stay in their feeds."""
        self.closed = True
        for feed in self.feeds:
            feed.stop()
            feed.handlers.close()
        self.bridge.run(self.rest.aclose())
        self.bridge.stop()
        if self.sandbox is not None:
            self.sandbox.stop()

    def __enter__(self) -> "Portal":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        count = len(self.feeds)
        feeds = "1 feed" if count == 1 else f"{count} feeds"
        return f"Portal({self.name}, {self.rest.auth!r}, {feeds})"

    def _repr_html_(self) -> str:
        rows = [("portal", self.url), ("authorization", repr(self.rest.auth))]
        return html_table([*rows, *(("feed", repr(feed)) for feed in self.feeds)])


def checked_portal(portal: object) -> Portal:
    """Return the portal; raises SettingsError for anything else, such as its address."""
    if not isinstance(portal, Portal):
        raise SettingsError(f"{quoted(portal)} is no portal. Make one by connect().")
    return portal


def known_or_new(key: tuple[object, ...], new: Callable[[], Portal]) -> Portal:
    """Return the open portal of this key in this process, or a new one."""
    key = (os.getpid(), *key)  # a forked child cannot use its parent's connections
    with _opening:
        known = _open.get(key)
        if known is None or known.closed:
            known = _open[key] = new()
        return known


def _now(timing: Timing) -> datetime:
    return datetime.fromtimestamp(timing.clock() / 1e9, UTC)
