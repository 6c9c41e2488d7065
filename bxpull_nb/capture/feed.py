"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.driver import Driver, OpenDriver
from bxpull_nb.capture.gap_report import Report, report_of
from bxpull_nb.capture.journaling import journaling, not_journaled
from bxpull_nb.capture.recording import Recording
from bxpull_nb.errors import ConnectionFailed, WrongThreadError
from bxpull_nb.listener import ListenerStats, Sink
from bxpull_nb.models import CHANNEL_TYPES, LogEntry, PullConfig
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.models.html import html_table
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Journal

__all__ = ["Feed", "FeedStats"]

_LAGS = 1000  # of the newest events
_STOP_TIMEOUT = 0.8  # seconds for the connections to say goodbye


class FeedStats(msgspec.Struct, frozen=True):
    """What a feed has done so far; a snapshot."""

    state: str
    events: int
    bad_frames: int
    duplicates: int
    """Copies dropped because their mid had been seen."""
    reconnects: int
    audits: int
    """Times the server's history was asked again whether anything is missing."""
    recovered: int
    """Events that only an audit brought."""
    rate: float
    """Events per second over the last ten seconds."""
    last_lag: float | None
    """Seconds from the portal's clock to this machine's, for the newest event."""
    lag_p50: float | None
    """The median of that over the newest thousand events."""
    lag_p95: float | None
    """What 95 % of the newest thousand events stayed under."""
    transports: tuple[str, ...]
    """What the connections use now."""
    error: str | None

    def __repr__(self) -> str:
        by = f" by {' and '.join(self.transports)}" if self.transports else ""
        return f"FeedStats({self.state}{by}, {self.events:,} events, {self.rate:.1f}/s)"

    def _repr_html_(self) -> str:
        return html_table((name, getattr(self, name)) for name in self.__struct_fields__)


class Feed(Recording):
    """A live capture: `df` grows while it runs, and stays when it is stopped.

    Made by `listen()` or `replay()`; any thread may use it. `open_driver` makes what drives it,
    `name` is what the repr shows of the portal, `log` takes the events.
    """

    def __init__(
        self,
        open_driver: OpenDriver,
        bridge: LoopThread,
        *,
        name: str = "portal",
        log: EventLog | None = None,
    ) -> None:
        super().__init__(log)
        self.name = name
        self.channels: tuple[str, ...] = CHANNEL_TYPES
        self.transport = "auto"
        self.journal: Journal | None = None
        self._open_driver = open_driver
        self.bridge = bridge
        self._stats = ListenerStats()
        self._switching = asyncio.Lock()
        self._driver: Driver | None = None
        self._task: asyncio.Task[None] | None = None

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
        """Listen, and return once the connections stand; gives the feed itself.

        Starting a running feed the same way again changes nothing; starting it another way
        ends the old connections first. The log goes on in either case. `backfill` begins with
        all that the server still stores. `journal` is a folder, or a Journal, that keeps every
        event on disk before it counts, and from which the next process goes on where this one
        stops; None goes on with the one before, if there was one. `max_rows` and `max_bytes`
        bound what is kept in memory: the newest events (see `EventLog`). Raises what keeps it from
        connecting for good; a server that does not answer within `timeout` seconds is tried again
        in the background (see `state` and `error`).
        """
        self.log.max_rows = max_rows or self.log.max_rows
        self.log.max_bytes = max_bytes or self.log.max_bytes
        return self.bridge.run(
            self.start_async(
                channels, transport, backfill=backfill, journal=journal, timeout=timeout
            )
        )

    async def start_async(
        self,
        channels: Sequence[str] | str | None = None,
        transport: str | None = None,
        *,
        backfill: bool = False,
        journal: str | Path | Journal | None = None,
        timeout: float = 15.0,
    ) -> "Feed":
        """Like `start`, for a coroutine on the bridge's own loop."""
        chosen = checked_channels(self.channels if channels is None else channels)
        by = checked_transport(self.transport if transport is None else transport)
        async with self._switching:
            if not self.running or self._differs(chosen, by, journal):
                await self._end()
                self.channels, self.transport = chosen, by
                self._set_journal(journal)
                await self._begin(backfill)
        await self._inlet.wait_change(self._settled, timeout)
        if self._inlet.error is not None:
            raise self._inlet.error
        return self

    def stop(self) -> None:
        """End the connections; the events stay. Stopping twice is fine."""
        if self.running:
            self.bridge.run(self.stop_async())

    async def stop_async(self) -> None:
        """Like `stop`, for a coroutine on the bridge's own loop."""
        async with self._switching:
            await self._end()

    @property
    def running(self) -> bool:
        """Whether a listener is at work, connected or trying to be."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """`idle`, `connecting`, `connected`, `reconnecting`, `failed` or `stopped`."""
        listener = self._driver
        if listener is None:
            return "idle"
        if self.running:
            return listener.state
        return "failed" if self._inlet.error else "stopped"

    @property
    def error(self) -> BaseException | None:
        """Why it failed, or why it is reconnecting; None while all is well."""
        if self._inlet.error is not None:
            return self._inlet.error
        if self.running and self.journal is not None and self.journal.error is not None:
            return not_journaled(self.journal)
        return self._driver.error if self._driver and self.running else None

    @property
    def stats(self) -> FeedStats:
        """Counters, rate and state at this moment."""
        counted, error = self._stats, self.error
        p50, p95 = self._lags()
        return FeedStats(
            state=self.state,
            events=counted.events,
            bad_frames=counted.bad_frames,
            duplicates=counted.duplicates,
            reconnects=counted.reconnects,
            audits=counted.audits,
            recovered=counted.recovered,
            rate=self._inlet.rate(),
            last_lag=counted.last_lag,
            lag_p50=p50,
            lag_p95=p95,
            transports=self._driver.transports if self._driver and self.running else (),
            error=None if error is None else str(error),
        )

    def report(self) -> Report:
        """How whole the capture is: gaps, their causes, and what brought their events back."""
        return report_of(self.logbook.recent(), self._stats, self._clock() // 1000)

    @property
    def config(self) -> PullConfig | None:
        """The connection config in use."""
        return self._driver.config if self._driver else None

    def call(self, method: str, /, **params: Any) -> Any:
        """The result of a method of the push server itself, such as `listChannels`.

        Servers of version 5 and later have them: `publish`, `getUsersLastSeen`, `listChannels`,
        `ping`, `subscribeStatusChange`. Raises ConnectionFailed without a WebSocket to such a
        server, CallFailed (with a `code`) for what the server refuses.
        """
        return self.bridge.run(self._call(method, params))

    def __repr__(self) -> str:
        channels = "+".join(self.channels)
        return f"Feed({self.name}, {channels}, {self.state}, {len(self):,} events)"

    def _repr_html_(self) -> str:
        error = self.error
        said = f"<div>{escape(str(error))}</div>" if error else ""
        return f"<div>{escape(repr(self))}</div>{said}{self.tail(5).to_html()}"

    def _clock(self) -> int:
        return super()._clock() if self._driver is None else self._driver.clock()

    def _may_block(self, method: str) -> None:
        if self.bridge.is_current():
            raise WrongThreadError(
                f"{method}() blocks, and it was called on the listener's own thread: await "
                f"wait_async() there."
            )

    def _lags(self) -> tuple[float | None, float | None]:
        """Median and 95 % quantile of the newest lags, in seconds."""
        _, records = self.log.recent(len(self.log) - _LAGS)
        lags = sorted(
            record.arrival.received_us / 1e6 - record.server_time_unix
            for record in records
            if record.arrival.received_us is not None and record.server_time_unix is not None
        )
        if not lags:
            return None, None
        return lags[len(lags) // 2], lags[len(lags) * 95 // 100]

    async def _call(self, method: str, params: dict[str, Any]) -> Any:
        if self._driver is None:
            raise ConnectionFailed(f"{method}: the feed was never started. Call feed.start().")
        return await self._driver.call(method, params)

    def _differs(
        self, channels: tuple[str, ...], transport: str, journal: str | Path | Journal | None
    ) -> bool:
        """Whether the running feed has to be started anew to be as asked."""
        if (channels, transport) != (self.channels, self.transport):
            return True
        if journal is None or journal is self.journal:
            return False
        folder = journal.folder if isinstance(journal, Journal) else Path(journal).expanduser()
        return self.journal is None or folder != self.journal.folder

    def _set_journal(self, journal: str | Path | Journal | None) -> None:
        if isinstance(journal, Journal):
            self.journal = journal
        elif journal is not None:
            self.journal = Journal(journal, portal=self.name)

    async def _begin(self, backfill: bool) -> None:
        self._inlet.error = None
        sink: Sink = self._inlet.store
        resume, journal = None, self.journal
        if journal is not None:
            await asyncio.to_thread(journal.open)
            resume = await asyncio.to_thread(journal.resume)
            sink = journaling(journal, sink, self.logbook)
        self._driver = self._open_driver(
            sink,
            channels=self.channels,
            transport=self.transport,
            backfill=backfill,
            resume=resume,
            stats=self._stats,
            changed=self._inlet.changed,
            tell=self.logbook.add,
        )
        self.note("started", f"listening to {' and '.join(self.channels)}")
        self._task = asyncio.create_task(self._driver.run())
        self._task.add_done_callback(self._inlet.ended)
        self._task.add_done_callback(partial(_write_end, self.logbook, self._driver.clock))

    async def _end(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        if self.journal is not None:
            await asyncio.to_thread(self.journal.close)

    def _settled(self) -> bool:
        return not self.running or (self._driver is not None and self._driver.ready)


def _write_end(logbook: ActivityLog, clock: Callable[[], int], task: "asyncio.Task[None]") -> None:
    """The last entry: why it ended. No method: a feed nobody holds must not be kept alive."""
    error = None if task.cancelled() else task.exception()
    kind, text = ("stopped", "stopped") if error is None else ("failed", str(error))
    logbook.add(LogEntry(at_us=clock() // 1000, kind=kind, text=text))
