"""Starts and stops what drives a feed: a listener or a replay, with or without a journal."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.driver import Driver, OpenDriver, Unbinding
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.private_target import PrivateTarget
from bxpull_nb.errors import ConnectionFailed, SettingsError
from bxpull_nb.listener import ListenerStats
from bxpull_nb.models import CHANNEL_TYPES, LogEntry
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.protocol.session import Resume
from bxpull_nb.storage.journal import Journal

__all__ = ["CaptureRun"]

T = TypeVar("T")
_STOP_TIMEOUT = 0.8  # seconds for the connections to close


class CaptureRun:
    """One driver at a time, into one hub; counters continue from each driver to the next.

    Coroutines run on the bridge's loop; properties may be read on any thread. `name` is the
    portal's, for a journal. With `privacy` the hub gets pseudonyms only.
    """

    def __init__(
        self, open_driver: OpenDriver, hub: EventHub, name: str, privacy: Pseudonyms | None = None
    ) -> None:
        self.channels: tuple[str, ...] = CHANNEL_TYPES
        self.transport = "auto"
        self.journal: Journal | None = None
        self.counters = ListenerStats()
        self.driver: Driver | None = None
        self._open_driver = open_driver
        self._hub = hub
        self._privacy = privacy
        self._target = hub if privacy is None else PrivateTarget(hub, privacy)
        self._name = name
        self._switching = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether a driver is at work, connected or trying to be."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """`idle`, `connecting`, `connected`, `reconnecting`, `failed` or `stopped`."""
        if self.driver is None:
            return "idle"
        if self.running:
            return self.driver.state
        return "failed" if self._hub.error else "stopped"

    @property
    def error(self) -> BaseException | None:
        """Why it failed, or why it is reconnecting; None while all is well."""
        if self._hub.error is not None or not self.running:
            return self._hub.error
        return self._hub.journal_error() or (self.driver.error if self.driver else None)

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports in use now."""
        return self.driver.transports if self.driver and self.running else ()

    def now_us(self) -> int:
        """Return the capture's time in Unix microseconds: now, or of the recording."""
        return (time.time_ns() if self.driver is None else self.driver.clock()) // 1000

    def note(
        self, kind: str, text: str = "", seconds: float | None = None, *, count: int | None = None
    ) -> None:
        """Write an entry into the activity log."""
        at_us = self.now_us()
        self._hub.happened(
            LogEntry(at_us=at_us, kind=kind, count=count, seconds=seconds, text=text)
        )

    async def start(
        self,
        channels: tuple[str, ...],
        transport: str,
        *,
        backfill: bool,
        journal: str | Path | Journal | None,
        timeout: float,
    ) -> None:
        """Drive as asked, and return when the driver is ready or has ended; see `Feed.start`."""
        async with self._switching:
            if not self.running or self._differs(channels, transport, journal):
                await self._end()
                self.channels, self.transport = channels, transport
                if isinstance(journal, Journal):
                    self.journal = journal
                elif journal is not None:
                    self.journal = Journal(journal, portal=self._name)
                try:
                    await self._begin(backfill)
                except BaseException:
                    await _in_thread(self._hub.close_journal)
                    raise
        await self._hub.wait_change(self._settled, timeout)
        if self._hub.error is not None:
            raise self._hub.error

    async def stop(self) -> None:
        """End the driver."""
        async with self._switching:
            await self._end()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method of the push server."""
        if self.driver is None:
            raise ConnectionFailed(f"{method}: the feed was never started. Call feed.start().")
        return await self.driver.call(method, params)

    async def unbind(self) -> None:
        """End what the driver has bound at the portal; SettingsError for one without."""
        driver: object = self.driver
        if not isinstance(driver, Unbinding):
            raise SettingsError(
                "the feed has nothing bound at the portal: it was not started with events=... or "
                "chat=True."
            )
        await driver.unbind()

    def _differs(
        self, channels: tuple[str, ...], transport: str, journal: str | Path | Journal | None
    ) -> bool:
        """Whether the running driver must start again to be as asked."""
        if (channels, transport) != (self.channels, self.transport):
            return True
        if journal is None or journal is self.journal:
            return False
        folder = journal.folder if isinstance(journal, Journal) else Path(journal).expanduser()
        return self.journal is None or folder != self.journal.folder

    async def _begin(self, backfill: bool) -> None:
        self._hub.error, self._hub.stopping = None, False
        resume = await self._open_journal()
        self.driver = self._open_driver(
            self._target,
            channels=self.channels,
            transport=self.transport,
            backfill=backfill,
            resume=resume,
            stats=self.counters,
        )
        self.note("started", f"listening to {' and '.join(self.channels)}")
        if resume is not None and resume.stopped_us is not None:
            seconds = max(self.now_us() - resume.stopped_us, 0) / 1e6
            self.note("continued", f"continues {seconds:,.1f} s after its last event", seconds)
        self._task = asyncio.create_task(self.driver.run())
        self._task.add_done_callback(self._hub.ended)
        self._task.add_done_callback(partial(_log_end, self._hub.logbook, self.driver.clock))

    async def _open_journal(self) -> Resume | None:
        """Open the journal, if there is one, and return where to continue.

        The driver before knows more than the disk, which may have been full.
        """
        before, self._hub.journal = self._hub.journal, self.journal
        known = None if self.driver is None else self.driver.resume_state()
        if self.journal is None:
            return known
        await _in_thread(self.journal.open)
        self._hub.report_lost(self.journal.lost_before, self.journal.lost_before.later_report)
        if self._privacy is not None:
            await _in_thread(self._privacy.remember_in, self.journal.folder)
        since = self.journal.since
        if known is None or (before is not self.journal and since is not None):
            return await _in_thread(self.journal.resume)
        if since is None and known.since is not None:
            self._hub.began(known.since, known.beginnings)
        return structs.replace(known, folder=self.journal.folder)

    async def _end(self) -> None:
        self._hub.stopping = True
        try:
            if self._task is not None and not self._task.done():
                self._task.cancel()
                await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        finally:
            await _in_thread(self._hub.close_journal)

    def _settled(self) -> bool:
        return not self.running or (self.driver is not None and self.driver.ready)


async def _in_thread(work: Callable[..., T], *args: object) -> T:
    """Return the result of the work, which has ended also when the caller is cancelled."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *args))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _log_end(logbook: ActivityLog, clock: Callable[[], int], task: "asyncio.Task[None]") -> None:
    """Log why it ended. No method: a feed without a reference must not be kept alive."""
    error = None if task.cancelled() else task.exception()
    kind, text = ("stopped", "stopped") if error is None else ("failed", str(error))
    logbook.add(LogEntry(at_us=clock() // 1000, kind=kind, text=text))
