"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.anatomy import Anatomy, inspect
from bxpull_nb.capture.driver import Driver, OpenDriver
from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.capture.feed_stats import FeedStats, lag_quantiles
from bxpull_nb.capture.gap_report import Report, report_of
from bxpull_nb.capture.handlers import Handler, Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.errors import (
    ConnectionFailed,
    ExpectationFailed,
    SettingsError,
    WaitTimeout,
    WrongThreadError,
)
from bxpull_nb.listener import ListenerStats
from bxpull_nb.models import CHANNEL_TYPES, Event, LogEntry, PullConfig, Record
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import to_csv, to_jsonl, to_parquet
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Feed", "FeedStats"]

_STOP_TIMEOUT = 0.8  # seconds for the connections to close


class Feed:
    """A live capture: `df` grows while it runs, and stays when it is stopped.

    `listen()` or `replay()` makes it; any thread may use it. `open_driver` makes its driver,
    `name` is the portal's name in the repr, `log` takes the events.
    """

    def __init__(
        self,
        open_driver: OpenDriver,
        bridge: LoopThread,
        *,
        name: str = "portal",
        log: EventLog | None = None,
    ) -> None:
        self.name = name
        self.channels: tuple[str, ...] = CHANNEL_TYPES
        self.transport = "auto"
        self.bridge = bridge
        self.journal: Journal | None = None
        self.log = EventLog() if log is None else log
        self.logbook = ActivityLog()
        self.handlers = Handlers()
        self._hub = EventHub(self.log, self.logbook)
        self._hub.taps.append(self.handlers.offer)
        self._open_driver = open_driver
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
        """Listen, and return the feed itself once its connections are accepted.

        Starting a running feed the same way again changes nothing; starting it another way
        ends the old connections first. The log continues in either case. `backfill` begins with
        everything the server still stores. `journal` is a folder, or a Journal: every event is
        on disk before it counts, and the next process continues where this one stops. None keeps
        the journal of before, if there was one. `max_rows` and `max_bytes` bound what is kept in
        memory: the newest events (see `EventLog`). Raises errors that keep it from connecting for
        good; a server that does not answer within `timeout` seconds is tried again in the
        background (see `state` and `error`).
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
        """Do as `start`, for a coroutine on the bridge's own loop."""
        chosen = checked_channels(self.channels if channels is None else channels)
        by = checked_transport(self.transport if transport is None else transport)
        async with self._switching:
            if not self.running or self._differs(chosen, by, journal):
                await self._end()
                self.channels, self.transport = chosen, by
                self._set_journal(journal)
                await self._begin(backfill)
        await self._hub.wait_change(self._settled, timeout)
        if self._hub.error is not None:
            raise self._hub.error
        return self

    def stop(self) -> None:
        """End the connections; the events stay. Stopping twice is fine."""
        if self.running:
            self.bridge.run(self.stop_async())

    async def stop_async(self) -> None:
        """Do as `stop`, for a coroutine on the bridge's own loop."""
        async with self._switching:
            await self._end()

    @property
    def running(self) -> bool:
        """Whether a listener is at work, connected or trying to be."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """`idle`, `connecting`, `connected`, `reconnecting`, `failed` or `stopped`."""
        if self._driver is None:
            return "idle"
        if self.running:
            return self._driver.state
        return "failed" if self._hub.error else "stopped"

    @property
    def error(self) -> BaseException | None:
        """Why it failed, or why it is reconnecting; None while all is well."""
        if self._hub.error is not None or not self.running:
            return self._hub.error
        return self._hub.journal_error() or (self._driver.error if self._driver else None)

    @property
    def stats(self) -> FeedStats:
        """Counters, rate and state at this moment."""
        counted, error = self._stats, self.error
        p50, p95 = lag_quantiles(self.log)
        return FeedStats(
            state=self.state,
            events=counted.events,
            bad_frames=counted.bad_frames,
            duplicates=counted.duplicates,
            reconnects=counted.reconnects,
            audits=counted.audits,
            recovered=counted.recovered,
            rate=self._hub.rate(),
            last_lag=counted.last_lag,
            lag_p50=p50,
            lag_p95=p95,
            transports=self._driver.transports if self._driver and self.running else (),
            error=None if error is None else str(error),
        )

    @property
    def config(self) -> PullConfig | None:
        """The connection config in use."""
        return self._driver.config if self._driver else None

    @property
    def df(self) -> "pd.DataFrame":
        """Every event so far, with the columns of `EVENT_COLUMNS`; ask again for newer ones.

        With `max_rows` or `max_bytes` only the newest, and `df.attrs["forgotten"]` says how many
        are missing before them. What you hold never changes under you, and may be written to.
        """
        return self.log.df

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """Return the newest `n` events, oldest first."""
        return self.log.tail(n)

    @overload
    def wait(self, until: int = 1, *, timeout: float | None = None) -> "pd.DataFrame": ...
    @overload
    def wait(self, until: Callable[[Record], bool], *, timeout: float | None = None) -> Record: ...
    def wait(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """Return `until` further events as a DataFrame, or the event for which `until` is True.

        "Further" means: not passed by an earlier wait, so an event that arrived before the
        call counts. Of a bounded capture the DataFrame holds those that are kept. Raises
        WaitTimeout after `timeout` seconds, and at once when the feed is not running; the
        feed's own error when that ended it.
        """
        self._may_block("wait")
        if callable(until):
            return self._wait_for(until, timeout)[2]
        if until < 1:
            raise SettingsError(f"wait({until!r}): wait for one event or more.")
        countdown = _Countdown(until)
        first, end, _ = self._wait_for(countdown.is_last, timeout, countdown.skip)
        return self.df.loc[first : end - 1]

    async def wait_async(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """Do as `wait`, without blocking the loop it is awaited on."""
        return await asyncio.to_thread(self.wait, until, timeout=timeout)

    def expect(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Callable[[Record], bool] | None = None,
        within: float = 5.0,
    ) -> Event:
        """Return the first event that meets every condition, of those no earlier wait passed.

        `params` are keys and values that must be among the event's, nested ones likewise.
        Raises ExpectationFailed, an AssertionError with the events that came nearest, when
        there is none `within` seconds.
        """
        self._may_block("expect")
        nearest = Nearest(
            Expectation(
                command=command, module_id=module_id, channel=channel, params=params, where=where
            )
        )
        try:
            record = self._wait_for(nearest.is_met_by, within)[2]
        except WaitTimeout:
            why = f"none came within {within:g} s" if self.running else "the feed is not running"
            raise nearest.failure(why) from None
        if not isinstance(record, Event):
            raise ExpectationFailed("what met the conditions is an unreadable message.")
        return record

    def on(
        self, *, module: str | None = None, command: str | None = None
    ) -> Callable[[Handler], Handler]:
        """Decorate a callback: it gets every matching event from now on, on its own thread.

        One that fails or is slow harms neither the stream nor another; `handlers.stats` shows
        calls, failures and dropped events. See `Handlers.on`.
        """
        return self.handlers.on(module=module, command=command)

    def mark(self, label: str) -> None:
        """Note this moment under a name, for `since`: "what did my click cause?"."""
        self.note("marked", label, count=len(self.log))

    def since(self, label: str, before: str = "10min") -> "pd.DataFrame":
        """Return the events after the mark by module and command, against the rate `before` it.

        The newest mark of that name counts; see `analysis.since` for the columns. Raises
        SettingsError for a name without a mark.
        """
        from bxpull_nb.analysis import since

        return since(self.df, self.logbook.mark(label), before=before)

    def note(self, kind: str, text: str = "", *, count: int | None = None) -> None:
        """Write an entry into the activity log."""
        self.logbook.add(LogEntry(at_us=self._now_us(), kind=kind, count=count, text=text))

    def report(self) -> Report:
        """Return how whole the capture is: gaps, their causes, and events that came back."""
        return report_of(self.logbook.recent(), self._stats, self._now_us())

    def anatomy(self, row: int = -1) -> Anatomy:
        """Return one event taken apart: parameters, raw frame, message id, times; -1 is the newest.

        Raises SettingsError for a row that does not exist. The raw frame is kept for the newest
        32 MiB of frames.
        """
        number = row + len(self.log) if row < 0 else row
        if not self.log.forgotten <= number < len(self.log):
            kept = f", from {self.log.forgotten:,} on are kept" if self.log.forgotten else ""
            raise SettingsError(f"anatomy({row}): there are {len(self.log):,} events{kept}.")
        record = self._record(number)
        frame = self._hub.frame_of(number)
        return inspect(number, record, frame, self._hub.duplicates_of(record.mid))

    def to_csv(self, path: str | Path) -> Path:
        """Write all events to a CSV file and return its path; see `export.to_csv`."""
        return to_csv(self.df, path)

    def to_parquet(self, path: str | Path) -> Path:
        """Write all events to a Parquet file and return its path; see `export.to_parquet`."""
        return to_parquet(self.df, path)

    def to_jsonl(self, path: str | Path) -> Path:
        """Write all events as JSON lines and return the path; see `export.to_jsonl`."""
        return to_jsonl(self.df, path)

    @contextmanager
    def subscribed(self, tap: Callable[[Sequence[Record]], None]) -> Iterator[None]:
        """Give `tap` every batch of new records meanwhile, on the listener's own thread.

        It must be quick and must not raise: everything else waits for it.
        """
        self._hub.taps.append(tap)
        try:
            yield
        finally:
            self._hub.taps.remove(tap)

    def call(self, method: str, /, **params: Any) -> Any:
        """Return the result of a method of the push server itself, such as `listChannels`.

        Servers of version 5 and later have them: `publish`, `getUsersLastSeen`, `listChannels`,
        `ping`, `subscribeStatusChange`. Raises ConnectionFailed without a WebSocket to such a
        server, CallFailed (with a `code`) for what the server refuses.
        """
        return self.bridge.run(self._call(method, params))

    def __len__(self) -> int:
        return len(self.log)

    def __repr__(self) -> str:
        channels = "+".join(self.channels)
        return f"Feed({self.name}, {channels}, {self.state}, {len(self):,} events)"

    def _repr_html_(self) -> str:
        error = self.error
        shown = f"<div>{escape(str(error))}</div>" if error else ""
        return f"<div>{escape(repr(self))}</div>{shown}{self.tail(5).to_html()}"

    def _now_us(self) -> int:
        """Return the capture's time in Unix microseconds: now, or of the recording."""
        return (time.time_ns() if self._driver is None else self._driver.clock()) // 1000

    def _may_block(self, method: str) -> None:
        if self.bridge.is_current():
            raise WrongThreadError(
                f"{method}() blocks, and it was called on the listener's own thread: await "
                f"wait_async() there."
            )

    def _wait_for(
        self,
        enough: Callable[[Record], bool],
        timeout: float | None,
        skipped: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, int, Record]:
        return self._hub.wait_records(enough, timeout, alive=lambda: self.running, skipped=skipped)

    def _record(self, row: int) -> Record:
        first, records = self.log.recent(row)
        if first == row:
            return records[0]
        from bxpull_nb.capture.replay import records_of

        return records_of(self.df.loc[row:row])[0]

    async def _call(self, method: str, params: dict[str, Any]) -> Any:
        if self._driver is None:
            raise ConnectionFailed(f"{method}: the feed was never started. Call feed.start().")
        return await self._driver.call(method, params)

    def _differs(
        self, channels: tuple[str, ...], transport: str, journal: str | Path | Journal | None
    ) -> bool:
        """Whether the running feed must start again to be as asked."""
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
        self._hub.error = None
        resume, journal = None, self.journal
        if journal is not None:
            await asyncio.to_thread(journal.open)
            resume = await asyncio.to_thread(journal.resume)
        self._hub.journal = journal
        self._driver = self._open_driver(
            self._hub,
            channels=self.channels,
            transport=self.transport,
            backfill=backfill,
            resume=resume,
            stats=self._stats,
        )
        self.note("started", f"listening to {' and '.join(self.channels)}")
        self._task = asyncio.create_task(self._driver.run())
        self._task.add_done_callback(self._hub.ended)
        self._task.add_done_callback(partial(_log_end, self.logbook, self._driver.clock))

    async def _end(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)
        if self.journal is not None:
            await asyncio.to_thread(self.journal.close)

    def _settled(self) -> bool:
        return not self.running or (self._driver is not None and self._driver.ready)


class _Countdown:
    """Counts down the events that are still to come."""

    def __init__(self, count: int) -> None:
        self._left = count

    def is_last(self, _: Record) -> bool:
        """Count one more event; whether it was the last."""
        self._left -= 1
        return self._left <= 0

    def skip(self, count: int) -> None:
        """Count events that came and are not kept, unless nothing would be left to give."""
        if count < self._left:
            self._left -= count


def _log_end(logbook: ActivityLog, clock: Callable[[], int], task: "asyncio.Task[None]") -> None:
    """Log why it ended. No method: a feed without a reference must not be kept alive."""
    error = None if task.cancelled() else task.exception()
    kind, text = ("stopped", "stopped") if error is None else ("failed", str(error))
    logbook.add(LogEntry(at_us=clock() // 1000, kind=kind, text=text))
