"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.anatomy import Anatomy, inspect
from bxpull_nb.capture.checks import (
    checked_count,
    checked_journal,
    checked_label,
    checked_row,
    checked_seconds,
)
from bxpull_nb.capture.driver import OpenDriver
from bxpull_nb.capture.expectation import Expectation, Nearest, came, cannot_know
from bxpull_nb.capture.feed_stats import FeedStats, feed_stats
from bxpull_nb.capture.gap_report import Report, report_of
from bxpull_nb.capture.handlers import Handler, Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.questions import FeedQuestions
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.capture.search import Search, all_from, rows_of, search_for
from bxpull_nb.capture.selection import Condition, Selection, Where, selected
from bxpull_nb.capture.several import SearchAll, expectations
from bxpull_nb.capture.stream import EventStream
from bxpull_nb.capture.watch import OnFound, Watch, WatchSettings
from bxpull_nb.errors import (
    ExpectationFailed,
    SettingsError,
    WaitTimeout,
    WrongThreadError,
)
from bxpull_nb.masking import mask_url
from bxpull_nb.models import Event, LogEntry, PullConfig, Record
from bxpull_nb.models.choices import checked_channels, checked_transport
from bxpull_nb.models.counted import counted
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import to_csv, to_excel, to_jsonl, to_parquet
from bxpull_nb.storage.journal import Journal

if TYPE_CHECKING:
    import pandas as pd

    from bxpull_nb.analysis.intervals import Span
    from bxpull_nb.capture.replay import Replay
    from bxpull_nb.query.diff_table import DiffTable

__all__ = ["Feed", "FeedStats"]


class Feed(FeedQuestions):
    """A live capture: `df` grows while it runs, and stays when it is stopped.

    `listen()` or `replay()` makes it; any thread may use it. `open_driver` makes its driver,
    `name` is the portal's name in the repr, `log` takes the events. `recorded`: it plays a
    recording, of which every handler and every stream gets all events.
    """

    def __init__(
        self,
        open_driver: OpenDriver,
        bridge: LoopThread,
        *,
        name: str = "portal",
        log: EventLog | None = None,
        recorded: bool = False,
    ) -> None:
        self.name = name
        self.bridge = bridge
        self.log = EventLog() if log is None else log
        self.logbook = ActivityLog()
        failed = partial(_log_failure, self.logbook)
        self.handlers = Handlers(None, failed=failed) if recorded else Handlers(failed=failed)
        self._recorded = recorded
        self._starting = 0  # calls of start_async under way
        recent = partial(all_from, self.log) if recorded else None
        self._hub = EventHub(self.log, self.logbook, recent=recent)
        self._hub.taps.append(self.handlers.offer)
        self._run = CaptureRun(open_driver, self._hub, name)
        self._watch: Watch | None = None

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
        self._bound(max_rows, max_bytes)
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
        self._bound(max_rows, max_bytes)
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

    def _bound(self, max_rows: int | None, max_bytes: int | None) -> None:
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
    def wait(
        self,
        until: int = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame": ...
    @overload
    def wait(
        self,
        until: Condition,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> Record: ...
    def wait(
        self,
        until: int | Condition = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame | Record":
        """Return `until` further events as a DataFrame, or the event for which `until` is True.

        "Further" means: after those that an earlier wait or `expect` returned, so an event that
        arrived before the call counts. With `command`, `module_id` or `where` only events that
        meet them count; those of other commands stay new (see `expect`). Of a bounded capture the
        DataFrame holds those that are kept. Raises WaitTimeout after `timeout` seconds, and at once
        when the feed is not running; the feed's own error when that ended it; ConditionFailed when
        a function of yours raises.
        """
        self._may_block("wait")
        wanted = Selection(command=command, module_id=module_id, where=where)
        search = search_for(until, wanted)
        self._find(search, checked_seconds("timeout", timeout))
        return search.record if callable(until) else rows_of(self.df, search)

    @overload
    async def wait_async(
        self,
        until: int = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame": ...
    @overload
    async def wait_async(
        self,
        until: Condition,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> Record: ...
    async def wait_async(
        self,
        until: int | Condition = 1,
        *,
        command: str | None = None,
        module_id: str | None = None,
        where: Where | None = None,
        timeout: float | None = None,
    ) -> "pd.DataFrame | Record":
        """Do as `wait`, on any loop; cancelling it leaves the events for the next wait."""
        self.bridge.is_current()  # raises WrongProcessError in a fork
        wanted = Selection(command=command, module_id=module_id, where=where)
        search = search_for(until, wanted)
        limit = checked_seconds("timeout", timeout)
        if not await self._hub.waiters.wait_async(search, limit, lambda: self.running):
            raise self._hub.not_found(search.looked_at)
        return search.record if callable(until) else rows_of(self.df, search)

    def expect(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Where | None = None,
        within: float | None = 5.0,
        since: str | None = None,
    ) -> Event:
        """Return the first event that meets every condition, of those that are still new.

        A call with a command passes the events of that command up to the one it returns, so the
        order of `expect("a")` and `expect("b")` is free. A call without begins after the events
        that earlier calls returned, and passes all up to its own. With `since`, the label of a
        mark, every event after that mark counts. Names are compared without case; `params` are
        keys and values that must be among the event's, nested ones likewise; `where`
        is called only with events that meet the others. Raises ExpectationFailed, an
        AssertionError with the events that came nearest, when there is none `within` seconds,
        and ConditionFailed when `where` raises.
        """
        self._may_block("expect")
        wanted = Expectation(
            command=command, module_id=module_id, channel=channel, params=params, where=where
        )
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        nearest = Nearest(wanted)
        search = Search(wanted, nearest.is_met_by)
        try:
            self._find(search, limit, start)
        except WaitTimeout:
            raise nearest.failure(self._why(limit), self._hub.waiters.earlier(search)) from None
        if not isinstance(search.record, Event):
            raise ExpectationFailed("what met the conditions is an unreadable message.")
        return search.record

    def expect_all(
        self, wanted: Sequence[Any], *, within: float | None = 5.0, since: str | None = None
    ) -> list[Event]:
        """Return an event for each expectation of the list, in its order; they may come in any.

        An expectation is a command, a dict of the words of `expect`, or a list of conditions for
        `where`; two that are alike need two events. It begins as `expect` without a command does,
        and passes all events up to the last one that it needs. Raises ExpectationFailed, with
        what is missing, when they have not all come `within` seconds.

        >>> feed.expect_all(["dealAdd", {"command": "dealUpdate", "params": {"id": 15}}])
        """
        self._may_block("expect_all")
        search = SearchAll(expectations(wanted))
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        try:
            self._find(search, limit, start)
        except WaitTimeout:
            raise search.failure(self._why(limit), self._hub.waiters.earlier(search)) from None
        return search.events

    def never(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Where | None = None,
        within: float = 2.0,
        since: str | None = None,
    ) -> None:
        """Wait `within` seconds, and fail when an event comes that meets every condition.

        The conditions are those of `expect`, and like there events count that are still new, or
        those after the mark `since`. Raises ExpectationFailed with the event; and also when the
        feed is not connected at the end, since it then cannot know.

        >>> feed.never("dealDelete", within=2)
        """
        self._may_block("never")
        wanted = Expectation(
            command=command, module_id=module_id, channel=channel, params=params, where=where
        )
        limit, start = checked_seconds("within", within), self._row_of_mark(since)
        search = Search(wanted)
        try:
            self._find(search, limit, start)
        except WaitTimeout:
            if self.state == "connected" or (self._recorded and self.state == "stopped"):
                return
            raise cannot_know(wanted, self.state) from None
        raise came(wanted, search.record)

    def stream(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        where: Where | None = None,
        maxsize: int | None = 10_000,
        from_now: bool = False,
    ) -> EventStream:
        """Return the events that meet the conditions, for `async with`, on any event loop.

        It begins with events that are still new, as `expect` does, or `from_now` on. It ends when
        the feed stops, with the feed's error if there is one. A consumer that is cancelled takes
        no event with it. When `maxsize` events wait (None: no bound; of a recording there is
        none), the oldest are dropped, counted and reported; see `EventStream`.

        ```python
        async with feed.stream("dealUpdate", where=lambda event: event.params["id"] == 15) as deals:
            async for event in deals:
                print(event.received_at, event.params)
        ```
        """
        if maxsize is not None:
            maxsize = checked_count("maxsize", maxsize, "let one event wait, or more")
        return EventStream(
            self._hub,
            self._run,
            Selection(command=command, module_id=module_id, where=where),
            maxsize=None if self._recorded else maxsize,
            from_now=from_now,
            check=self._may_stream,
        )

    def on(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        where: Where | None = None,
        once: bool = False,
        module: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Decorate a callback: it gets every matching event from now on, on its own thread.

        With `once` it gets the first one only. `where` is a function, or a list of conditions.
        Of a replay it gets every event from the first on, those that were played already too.
        A callback that fails or is slow harms neither the capture nor another; `handlers.stats`
        shows calls, failures and dropped events. See `Handlers.on`.
        """
        if not self._recorded:
            return self.handlers.on(
                command, module_id=module_id, where=where, once=once, module=module
            )
        selection = selected(command, module_id, where, module)

        async def add(handler: Handler) -> None:
            self.handlers.add(handler, selection, all_from(self.log, 0)[1], once=once)

        def decorate(handler: Handler) -> Handler:
            # On the loop's thread no event comes meanwhile: each is either earlier or later.
            self.bridge.run(add(handler))
            return handler

        return decorate

    def watch(
        self,
        on_found: OnFound | None = None,
        *,
        new_command: bool = True,
        new_path: bool = True,
        type_change: bool = True,
        silence: "Span | None" = None,
        rate_above: float | None = None,
        chance: float = 0.01,
    ) -> Watch:
        """Watch for drift from now on, on a thread of its own; return the watch, to `stop` it.

        What it finds is an entry of the activity log (`new_command`, `new_path`, `type_changed`,
        `silent`, `rate_above`), and `on_found` is called with it. A command, a path or a type of
        a path's values is new when at least three events have it, and the chance is below
        `chance` that none before had it (see `query.novelty`). `silence` is the least time without
        a command that usually pauses at most a third of it, or without any event, while connected.
        `rate_above` is in events per second. All events so far are known. Another call replaces
        the watch. Raises SettingsError for what cannot be used.

        >>> watch = feed.watch(print, silence="5min", rate_above=500)
        """
        settings = WatchSettings(
            new_command=new_command,
            new_path=new_path,
            type_change=type_change,
            silence=silence,
            rate_above=rate_above,
            chance=chance,
        )
        run = self._run  # not self: a feed without a reference must be collected
        watch = Watch(
            self.log,
            self.logbook,
            settings,
            on_found,
            now_us=run.now_us,
            rate=self._hub.rate,
            is_connected=lambda: run.state == "connected",
        )
        if self._watch is not None:
            self._watch.stop()
        self._watch = watch.start()
        weakref.finalize(self, watch.stop)
        return watch

    def mark(self, label: str) -> None:
        """Note this moment under a name, for `since`: "what did my click cause?"."""
        self.note("marked", checked_label("label", label), count=len(self.log))

    def since(self, label: str, before: str = "10min") -> "pd.DataFrame":
        """Return the events after the mark by module and command, against the rate `before` it.

        The newest mark of that name counts; see `analysis.since` for the columns. Raises
        SettingsError for a name without a mark.
        """
        from bxpull_nb.analysis import since

        return since(self.df, self.logbook.mark(label), before=before)

    def diff(self, a: int = -2, b: int = -1) -> "DiffTable":
        """Return what differs between the params of two rows, by default the newest two.

        See `bx.diff`; raises SettingsError for a row that does not exist.
        """
        from bxpull_nb.query import diff

        one, other = (self._record(self._number_of(row, "diff")) for row in (a, b))
        return diff(one, other)

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
        number = self._number_of(row, "anatomy")
        record = self._record(number)
        frame = self._hub.frame_of(number)
        return inspect(number, record, frame, self._hub.duplicates_of(record.mid))

    def to_csv(self, path: str | Path, **options: Any) -> Path:
        """Write all events to a CSV file and return its path; see `export.to_csv` for options."""
        return to_csv(self.df, path, **options)

    def to_excel(self, path: str | Path, **options: Any) -> Path:
        """Write all events to a workbook and return its path; see `export.to_excel` for options."""
        return to_excel(self.df, path, **options)

    def to_parquet(self, path: str | Path, *, reveal: bool = False) -> Path:
        """Write all events to a Parquet file and return its path; see `export.to_parquet`."""
        return to_parquet(self.df, path, reveal=reveal)

    def to_jsonl(self, path: str | Path, *, reveal: bool = False) -> Path:
        """Write all events as JSON lines and return the path; see `export.to_jsonl`."""
        return to_jsonl(self.df, path, reveal=reveal)

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
        return f"Feed({self.name}, {channels}, {self.state}, {counted(len(self), 'event')})"

    def _repr_html_(self) -> str:
        error = self.error
        shown = f"<div>{escape(str(error))}</div>" if error else ""
        from bxpull_nb.capture.readable import html_lines

        name = escape(repr(self))
        return (
            f"<div class='mathjax_ignore'><div>{name}</div>{shown}{html_lines(self.tail(5))}</div>"
        )

    def _may_block(self, method: str) -> None:
        if self.bridge.is_current():
            raise WrongThreadError(
                f"{method}() blocks, and it was called on the listener's own thread: await "
                f"wait_async() there."
            )

    def _may_stream(self) -> None:
        self.bridge.is_current()  # raises WrongProcessError in a fork
        if self.state == "idle":
            raise SettingsError("the feed was never started: call feed.start() before a stream.")

    def _find(self, search: Search, timeout: float | None, since: int | None = None) -> None:
        """Block until the search has found enough; raises what ended it before."""
        if not self._hub.waiters.wait(search, timeout, lambda: self.running, since):
            raise self._hub.not_found(search.looked_at)

    def _why(self, limit: float | None) -> str:
        """Return why an expected event was not found."""
        return f"none came within {limit:g} s" if self.running else "the feed is not running"

    def _row_of_mark(self, label: str | None) -> int | None:
        return None if label is None else self.logbook.row_of_mark(label)

    def _number_of(self, row: int, method: str) -> int:
        """Return the number of a row, also of one counted from the end."""
        row = checked_row("row", row)
        number = row + len(self.log) if row < 0 else row
        if not self.log.forgotten <= number < len(self.log):
            kept = f", from {self.log.forgotten:,} on are kept" if self.log.forgotten else ""
            raise SettingsError(f"{method}({row}): it has {counted(len(self.log), 'event')}{kept}.")
        return number

    def _record(self, row: int) -> Record:
        first, records = self.log.recent(row)
        return records[0] if first == row else all_from(self.log, row, row)[1][0]


def _log_failure(logbook: ActivityLog, name: str, error: str) -> None:
    """Log a handler's first failure. No method: a feed without a reference must be collected."""
    text = mask_url(f"the handler {name} failed: {error}")
    logbook.add(LogEntry(at_us=time.time_ns() // 1000, kind="handler_failed", text=text))
