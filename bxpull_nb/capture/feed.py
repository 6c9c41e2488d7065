"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.anatomy import Anatomy, inspect
from bxpull_nb.capture.driver import OpenDriver
from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.capture.feed_stats import FeedStats, feed_stats
from bxpull_nb.capture.gap_report import Report, report_of
from bxpull_nb.capture.handlers import Handler, Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.errors import (
    ExpectationFailed,
    SettingsError,
    WaitTimeout,
    WrongThreadError,
)
from bxpull_nb.masking import mask_url
from bxpull_nb.models import Event, LogEntry, PullConfig, Record
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import to_csv, to_jsonl, to_parquet
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.query.model import Code
    from bxpull_nb.query.schema_table import SchemaTable
    from bxpull_nb.query.sql import Plan

__all__ = ["Feed", "FeedStats"]


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
        self.bridge = bridge
        self.log = EventLog() if log is None else log
        self.logbook = ActivityLog()
        self.handlers = Handlers(failed=partial(_log_failure, self.logbook))
        self._hub = EventHub(self.log, self.logbook)
        self._hub.taps.append(self.handlers.offer)
        self._run = CaptureRun(open_driver, self._hub, name)

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
        if max_rows is not None:
            self.log.max_rows = max_rows
        if max_bytes is not None:
            self.log.max_bytes = max_bytes
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
        await self._run.start(
            self.channels if channels is None else checked_channels(channels),
            self.transport if transport is None else checked_transport(transport),
            backfill=backfill,
            journal=journal,
            timeout=timeout,
        )
        return self

    def stop(self) -> None:
        """End the connections; the events stay. Stopping twice is fine."""
        if self.running:
            self.bridge.run(self.stop_async())

    async def stop_async(self) -> None:
        """Do as `stop`, for a coroutine on the bridge's own loop."""
        await self._run.stop()

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
    def stats(self) -> FeedStats:
        """Counters, rate and state at this moment."""
        return feed_stats(self._run, self.log, self._hub.rate())

    @property
    def config(self) -> PullConfig | None:
        """The connection config in use."""
        return self._run.driver.config if self._run.driver else None

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

    @overload
    def sql(self, query: str, *, explain: Literal[False] = ...) -> "pd.DataFrame": ...
    @overload
    def sql(self, query: str, *, explain: Literal[True]) -> "Plan": ...
    def sql(self, query: str, *, explain: bool = False) -> "pd.DataFrame | Plan":
        """Return the answer to one SELECT on the events so far, the table `events`; see `bx.sql`.

        Raises QueryFailed for a query with an error, or for one that reads anything else.
        """
        from bxpull_nb.query import sql

        return sql(self, query, explain=explain)

    def schema(self) -> "SchemaTable":
        """Return the paths in `params` of each command so far, with types and values.

        See `bx.schema` for the columns.
        """
        from bxpull_nb.query import schema

        return schema(self)

    def model(self, command: str, as_: str = "typeddict") -> "Code":
        """Return the code of a class for the params of a command; see `bx.model`.

        Raises SettingsError for a command that no event so far has.
        """
        from bxpull_nb.query import model

        return model(self, command, as_)

    def note(self, kind: str, text: str = "", *, count: int | None = None) -> None:
        """Write an entry into the activity log."""
        self._run.note(kind, text, count=count)

    def report(self) -> Report:
        """Return how whole the capture is: gaps, their causes, and events that came back."""
        return report_of(self.logbook.recent(), self._run.counters, self._run.now_us())

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
        return self.bridge.run(self._run.call(method, params))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.log.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self.log)

    def __repr__(self) -> str:
        channels = "+".join(self.channels)
        return f"Feed({self.name}, {channels}, {self.state}, {len(self):,} events)"

    def _repr_html_(self) -> str:
        error = self.error
        shown = f"<div>{escape(str(error))}</div>" if error else ""
        return f"<div>{escape(repr(self))}</div>{shown}{self.tail(5).to_html()}"

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


def _log_failure(logbook: ActivityLog, name: str, error: str) -> None:
    """Log a handler's first failure. No method: a feed without a reference must be collected."""
    text = mask_url(f"the handler {name} failed: {error}")
    logbook.add(LogEntry(at_us=time.time_ns() // 1000, kind="handler_failed", text=text))


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
