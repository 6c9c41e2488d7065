"""The event hub: where a listener's records reach the journal, the log, waits and callbacks.

It is all that the listener's thread holds of a feed. So a feed without a reference can be
collected although its thread still runs.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.recent_frames import KeptFrame, RecentFrames
from bxpull_nb.capture.selection import error_text
from bxpull_nb.capture.waiters import Waiters
from bxpull_nb.errors import JournalNotWritable, WaitTimeout
from bxpull_nb.listener import Beginnings
from bxpull_nb.locks import fork_safe
from bxpull_nb.masking import reason_of, shown_path
from bxpull_nb.models import IS_LOG_ENTRY, Batch, LogEntry, Record
from bxpull_nb.storage.eventlog import EventLog, StoredRows
from bxpull_nb.storage.journal import Journal, Lost

__all__ = ["EventHub"]

_log = logging.getLogger("bxpull_nb")
Tap = Callable[[Sequence[Record]], None]
_RATE_WINDOW = 10.0  # seconds


class EventHub:
    """The capture target of a feed. The journal comes first, then the log, then the others.

    `taps` get every batch of new records, on the listener's thread. `monotonic` gives seconds,
    `clock` Unix nanoseconds, and `recent` the records that a wait finds (see `Waiters`).
    """

    def __init__(
        self,
        log: EventLog,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], int] = time.time_ns,
        recent: Callable[[int], tuple[int, list[Record]]] | None = None,
    ) -> None:
        self.log = log
        self.logbook = ActivityLog()
        self.journal: Journal | None = None
        self.error: BaseException | None = None
        self.stopping = False
        """Whether a stop is under way, which closes the journal on another thread."""
        self.taps: list[Tap] = []
        self._monotonic, self._clock = monotonic, clock
        self._lock = fork_safe(threading.Lock(), 1)
        self.waiters = Waiters(log, self._lock, monotonic, recent)
        self._changes: list[asyncio.Future[None]] = []
        self._rate = _Rate()
        self._frames = RecentFrames()
        self._journal_fails = False
        self._lost = Lost()  # what was reported of the journal

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Note in the journal when the capture began, and after which mids."""
        if self.journal is not None:
            self.journal.began(since, beginnings)

    def store(self, batch: Batch) -> None:
        """Store the records: in the journal first, then in the log; then show them to others."""
        if self.journal is not None:
            self.journal.write(batch)
            self._watch_journal(self.journal)
        records = batch.records
        with self._lock:
            first = len(self.log)
            self._frames.add(first, batch, self.log.forgotten)
            if not records:
                return
            self.log.extend(records)
            self._rate.add(self._monotonic(), len(records))
            self.waiters.offer(first, records)
        for tap in tuple(self.taps):
            self._call(tap, records)

    def rewound(self, rows: StoredRows) -> None:
        """Hold these rows of a recording, the first ones; all after them come again."""
        with self._lock:
            self.log.replace(rows)
            self._rate = _Rate()
            self.waiters.rewind(len(rows))

    def is_safe(self) -> bool:
        """Whether the journal's disk has everything that was stored; True without a journal."""
        return self.journal is None or self.journal.sync()

    def happened(self, entry: LogEntry) -> None:
        """Log the entry."""
        self.logbook.add(entry)

    def changed(self) -> None:
        """Wake every `wait_change`. On the loop's thread only."""
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)

    def ended(self, task: "asyncio.Task[None]") -> None:
        """Keep why the listener ended, free its journal, and wake every wait."""
        self.error = None if task.cancelled() else task.exception()
        if not self.stopping:
            self.close_journal()
        self.changed()
        with self._lock:
            self.waiters.end(self.error)

    def close_journal(self) -> None:
        """Close the journal, and log once what its disk did not take; from any thread."""
        if self.journal is None:
            return
        self.journal.close()
        lost = self.journal.lost
        if lost != self._lost:
            self._lost = lost
            self.report_lost(lost, lost.report)

    def report_lost(self, lost: Lost, text: str) -> None:
        """Log the text about events that a journal lacks, if there are any."""
        if lost:
            _log.warning("%s", text, extra=IS_LOG_ENTRY)
            at_us = self._clock() // 1000
            entry = LogEntry(at_us=at_us, kind="journal_lost", count=lost.events, text=text)
            self.logbook.add(entry)

    def rate(self) -> float:
        """Return events per second over the last ten seconds."""
        with self._lock:
            return self._rate.at(self._monotonic())

    def frame_of(self, row: int) -> KeptFrame | None:
        """Return the frame that brought the row; None when it is no longer kept."""
        with self._lock:
            return self._frames.of_row(row)

    def duplicates_of(self, mid: str | None) -> int:
        """Return how many duplicates of the message were dropped."""
        with self._lock:
            return self._frames.duplicates_of(mid)

    async def wait_change(self, reached: Callable[[], bool], timeout: float) -> None:
        """Return when `reached` says True, asked at every change, or after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not reached():
                    change = asyncio.get_running_loop().create_future()
                    self._changes.append(change)
                    await change

    def not_found(self, looked_at: int) -> BaseException:
        """Return why a wait ended without what it waited for: the listener's own error if any."""
        return self.error or WaitTimeout(
            f"the feed is not running, and what was awaited is not among the {looked_at} "
            f"events since the last wait. Start it with feed.start()."
        )

    def journal_error(self) -> JournalNotWritable | None:
        """Return why the journal takes nothing at present; None while it does."""
        journal = self.journal
        if journal is None or journal.error is None:
            return None
        reason = reason_of(journal.error)
        return JournalNotWritable(
            f"the journal in {shown_path(journal.folder)} cannot be written ({reason}): events "
            "are kept in memory, and written as soon as the disk takes them. Make room."
        )

    def _call(self, tap: Tap, records: Sequence[Record]) -> None:
        """Call the tap; one that raises is called no more, for the events are stored already."""
        try:
            tap(records)
        except BaseException as exc:  # noqa: BLE001 - it must not end the listener
            self.taps.remove(tap)
            text = f"a function that was given all events failed: {error_text(exc)}"
            _log.warning("%s", text)
            self.logbook.add(
                LogEntry(at_us=self._clock() // 1000, kind="handler_failed", text=text)
            )

    def _watch_journal(self, journal: Journal) -> None:
        """Log when the journal's disk fails, and when it recovers."""
        if self._journal_fails == (journal.error is not None):
            return
        self._journal_fails = not self._journal_fails
        error = self.journal_error()
        kind = "journal_failed" if error else "journal_recovered"
        text = str(error) if error else "the journal has caught up"
        self.logbook.add(LogEntry(at_us=self._clock() // 1000, kind=kind, text=text))


class _Rate:
    """Counts the events of the last ten seconds."""

    def __init__(self) -> None:
        self._batches: deque[tuple[float, int]] = deque()
        self._count = 0

    def add(self, now: float, count: int) -> None:
        self._batches.append((now, count))
        self._count += count
        self._forget_older(now)

    def at(self, now: float) -> float:
        self._forget_older(now)
        return self._count / _RATE_WINDOW

    def _forget_older(self, now: float) -> None:
        while self._batches and self._batches[0][0] < now - _RATE_WINDOW:
            self._count -= self._batches.popleft()[1]
