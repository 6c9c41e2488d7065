"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
import threading
from collections.abc import Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.checks import checked_count, checked_journal, checked_seconds
from bxpull_nb.capture.driver import OpenDriver
from bxpull_nb.capture.feed_stats import FeedStats, feed_stats
from bxpull_nb.capture.followed import FollowedEvents
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.lookup import all_from
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.models import PullConfig
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.models.counted import counted
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    from bxpull_nb.capture.replay import Replay

__all__ = ["Feed", "FeedStats"]


class Feed(FollowedEvents):
    """A live capture: `df` grows while it runs, and stays when it is stopped.

    `listen()` or `replay()` makes it; any thread may use it. `open_driver` makes its driver,
    `name` is the portal's name in the repr, `log` takes the events. `recorded`: it plays a
    recording, of which every handler and every stream gets all events. `privacy` replaces
    personal data before anything is stored.

    Here is how it starts, stops and is doing. `CapturedEvents` has what can be read of its events,
    `FeedQuestions` what can be asked about them, `AwaitedEvents` waits, `FollowedEvents` streams
    and callbacks.
    """

    def __init__(
        self,
        open_driver: OpenDriver,
        bridge: LoopThread,
        *,
        name: str = "portal",
        log: EventLog | None = None,
        recorded: bool = False,
        recording: str = "",
        privacy: Pseudonyms | None = None,
    ) -> None:
        log = EventLog() if log is None else log
        hub = EventHub(log, recent=partial(all_from, log) if recorded else None)
        super().__init__(
            hub, CaptureRun(open_driver, hub, name, privacy), bridge, recorded=recorded
        )
        self.name = name
        self.recording = recording
        """The file, folder or DataFrame that it plays; empty for a live feed."""
        self.privacy = privacy
        self._starting = 0  # calls of start_async under way

    def start(
        self,
        channels: Sequence[str] | str | None = None,
        transport: str | None = None,
        *,
        backfill: bool = False,
        journal: str | Path | Journal | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        timeout: float = 15.0,
    ) -> "Feed":
        """Listen, and return the feed itself once its connections are accepted.

        Starting a running feed the same way again changes nothing; starting it another way
        ends the old connections first. A stopped feed continues where it stopped, and the log
        continues too. `backfill` begins with everything the server still stores. `journal` is a
        folder, or a Journal: every event is on disk before it counts, and the next process
        continues where this one stops. None keeps the journal of before, if there was one.
        `max_rows` and `max_bytes` bound what is kept in memory: the newest events (see
        `EventLog`). Raises errors that keep it from connecting for good; a server that does not
        answer within `timeout` seconds is tried again in the background (see `state`, `error`).
        """
        self._prepare(max_rows, max_bytes)
        return self.bridge.run(
            self._start(channels, transport, backfill=backfill, journal=journal, timeout=timeout)
        )

    async def start_async(
        self,
        channels: Sequence[str] | str | None = None,
        transport: str | None = None,
        *,
        backfill: bool = False,
        journal: str | Path | Journal | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        timeout: float = 15.0,
    ) -> "Feed":
        """Do as `start`, on any loop; cancelling it stops a feed that it has started."""
        self._prepare(max_rows, max_bytes)
        was_running = self.running
        self._starting += 1
        try:
            return await self.bridge.run_async(
                self._start(
                    channels, transport, backfill=backfill, journal=journal, timeout=timeout
                )
            )
        except asyncio.CancelledError:
            if not was_running and self._starting == 1:
                stopping = self.bridge.submit(self._run.stop())
                await asyncio.shield(asyncio.wrap_future(stopping))
            raise
        finally:
            self._starting -= 1

    async def _start(
        self,
        channels: Sequence[str] | str | None,
        transport: str | None,
        *,
        backfill: bool,
        journal: str | Path | Journal | None,
        timeout: float,
    ) -> "Feed":
        """Start on the bridge's own loop."""
        limit = checked_seconds("timeout", timeout)
        await self._run.start(
            self.channels if channels is None else checked_channels(channels),
            self.transport if transport is None else checked_transport(transport),
            backfill=backfill,
            journal=checked_journal(journal),
            timeout=threading.TIMEOUT_MAX if limit is None else limit,
        )
        return self

    def _prepare(self, max_rows: int | None, max_bytes: int | None) -> None:
        """Bound the log, and load pandas: at the first `df` its half second would count as lag."""
        import pandas as pd  # noqa: F401

        how = "give a whole number, 1 or more, or None"
        if max_rows is not None:
            self.log.max_rows = checked_count("max_rows", max_rows, how)
        if max_bytes is not None:
            self.log.max_bytes = checked_count("max_bytes", max_bytes, how)

    def stop(self) -> None:
        """End the connections; the events stay. Stopping twice is fine."""
        if self.running:
            self.bridge.run(self._run.stop())

    async def stop_async(self) -> None:
        """Do as `stop`, on any loop."""
        if self.running:
            await self.bridge.run_async(self._run.stop())

    def unbind(self) -> None:
        """End the bindings of offline events, and the subscription to chat events, at the portal.

        Until then the portal fills their queues, also while the feed is stopped. Raises
        SettingsError for a feed without them, and the portal's refusal.
        """
        self.bridge.run(self._run.unbind())

    @property
    def channels(self) -> tuple[str, ...]:
        """The channel types it listens to, or will."""
        return self._run.channels

    @channels.setter
    def channels(self, channels: tuple[str, ...]) -> None:
        self._run.channels = channels

    @property
    def transport(self) -> str:
        """`auto`, `websocket` or `polling`: the choice, see `stats.transports`."""
        return self._run.transport

    @transport.setter
    def transport(self, transport: str) -> None:
        self._run.transport = transport

    @property
    def journal(self) -> Journal | None:
        """The journal on disk; None without one."""
        return self._run.journal

    @property
    def running(self) -> bool:
        """Whether a listener is at work, connected or trying to be."""
        return self._run.running

    @property
    def state(self) -> str:
        """`idle`, `connecting`, `connected`, `reconnecting`, `failed` or `stopped`."""
        return self._run.state

    @property
    def error(self) -> BaseException | None:
        """Why it failed, or why it is reconnecting; None while all is well."""
        return self._run.error

    @property
    def replay(self) -> "Replay | None":
        """The replay that plays it, with its speed and position; None for a live feed.

        >>> feed.replay.speed = 10
        """
        from bxpull_nb.capture.replay import Replay

        driver = self._run.driver
        return driver if isinstance(driver, Replay) else None

    @property
    def next_try(self) -> float | None:
        """Seconds until it tries to connect again; None while no try is due."""
        return self._run.driver.next_try if self._run.driver and self.running else None

    def retry_now(self) -> None:
        """Try to connect at once, instead of waiting for the next try.

        >>> feed.retry_now()
        """
        self.bridge.run(self.retry_now_async())

    async def retry_now_async(self) -> None:
        """Do as `retry_now`, on any loop."""

        async def end_waits() -> None:
            if self._run.driver is not None:
                self._run.driver.retry_now()

        await self.bridge.run_async(end_waits())

    @property
    def stats(self) -> FeedStats:
        """Counters, rate and state at this moment."""
        return feed_stats(self._run, self.log, self._hub.rate())

    @property
    def config(self) -> PullConfig | None:
        """The connection config in use."""
        return self._run.driver.config if self._run.driver else None

    def call(self, method: str, /, **params: Any) -> Any:
        """Return the result of a method of the push server itself, such as `listChannels`.

        Servers of version 5 and later have them: `publish`, `getUsersLastSeen`, `listChannels`,
        `ping`, `subscribeStatusChange`. Raises ConnectionFailed without a WebSocket to such a
        server, CallFailed (with a `code`) for what the server refuses.
        """
        return self.bridge.run(self._run.call(method, params))

    def __repr__(self) -> str:
        channels = "+".join(self.channels)
        return f"Feed({self.name}, {channels}, {self.state}, {counted(len(self), 'event')})"

    def _repr_html_(self) -> str:
        error = self.error
        shown = f"<div>{escape(str(error))}</div>" if error else ""
        from bxpull_nb.capture.readable import html_lines

        name = escape(repr(self))
        return (
            f"<div class='mathjax_ignore'><div>{name}</div>{shown}{html_lines(self.tail(5))}</div>"
        )
