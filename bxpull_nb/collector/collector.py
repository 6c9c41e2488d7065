"""The collector: captures for weeks, from feed to journal to dataset, despite failures."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from bxpull_nb.capture.checks import checked_count, checked_function, checked_seconds, shown
from bxpull_nb.capture.feed import FeedStats
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.models import IS_LOG_ENTRY
from bxpull_nb.portal import Portal
from bxpull_nb.privacy import Pseudonyms
from bxpull_nb.sources import Sources
from bxpull_nb.storage.dataset import PART_BYTES, Uploader, Written
from bxpull_nb.storage.eventlog import RECENT, EventLog
from bxpull_nb.storage.journal import Journal

__all__ = ["Collector", "CollectorStats"]

_FIRST = 10.0  # seconds: a user soon sees whether the dataset takes parts
_RETRIES = (5.0, 15.0, 60.0, 300.0)  # seconds after the 1st, 2nd … failure to write in a row
_LOG_BYTES = 64 * 1024 * 1024  # of its newest rows, where events are large
_log = logging.getLogger("bxpull_nb")


class CollectorStats(msgspec.Struct, frozen=True):
    """Counters of a collector since it started; a snapshot."""

    feed: FeedStats
    collector: str
    """Its id, with which the names of its parts begin."""
    parts: int
    """Parts it has written."""
    written_events: int
    """Events in them."""
    written_bytes: int
    pending_bytes: int
    """Bytes of the journal that the dataset does not have yet."""
    write_failures: int
    """Times the dataset did not take a part."""
    journal_dropped: int
    """Batches that fitted neither on disk nor in memory, or were only in memory at the end.

    The next run asks the server for them again.
    """
    lost_events: int
    """Events in them."""
    dataset_error: str | None
    """Why the dataset takes nothing at present; None while it does."""


class Collector:
    """Captures a portal's events in the folder `journal`, then in the dataset at `url`.

    A part is written when the journal has `part_bytes` more, or `every` seconds after the last
    one; the first after ten seconds, so that a dataset that takes nothing is noticed soon. A part
    that fails stays in the journal and is tried again after 5 seconds, later after up to five
    minutes. Several collectors may write to one dataset, of one portal or of many. `written` is
    called with each part (its failure is logged), `monotonic` gives seconds. `sources` are those
    besides the channels; `privacy` replaces personal data before the journal has it. Raises
    SettingsError for options that cannot be used.
    """

    def __init__(
        self,
        portal: Portal,
        url: str | Path,
        journal: str | Path,
        *,
        channels: str = "both",
        transport: str = "auto",
        every: float = 300.0,
        part_bytes: int = PART_BYTES,
        written: Callable[[Written], None] = lambda _part: None,
        monotonic: Callable[[], float] = time.monotonic,
        sources: Sources | None = None,
        privacy: Pseudonyms | None = None,
    ) -> None:
        self.feed = portal.feed(
            channels, transport, log=EventLog(RECENT, _LOG_BYTES), sources=sources, privacy=privacy
        )
        self.journal = Journal(journal, portal=portal.name)
        self.error: BxPullError | OSError | None = None
        """Why the dataset takes nothing at present; None while it does."""
        self._url, self._portal = url, portal.name
        self._every = _checked_every(every)
        self._part_bytes = checked_count("part_bytes", part_bytes, "give bytes, 1 or more")
        self._on_written, self._monotonic = checked_function("written", written), monotonic
        self._uploader: Uploader | None = None
        self._next = monotonic() + min(self._every, _FIRST)
        self._pending_bytes = 0
        self._parts = self._events = self._bytes = self._failures = self._in_a_row = 0

    def start(self) -> None:
        """Listen, going on from the journal; returns when the connections are up.

        Events that an earlier process left in the journal are due at once; events that it could
        not write are reported. Raises JournalInUse, JournalNotWritable, SettingsError, and the
        error that prevents a connection.
        """
        uploader = Uploader(
            self.journal.folder,
            self._url,
            self._portal,
            part_bytes=self._part_bytes,
            written=self._count,
        )
        uploader.storage.check()
        if self._pending(uploader):
            self._next = self._monotonic()
        self.feed.start(journal=self.journal)
        self._uploader = uploader

    def step(self) -> None:
        """Write a part if one is due; raises nothing. Call it a few times a second."""
        if self._uploader is None:
            return
        self.journal.note_lost()
        due = self._monotonic() >= self._next
        if due or (self.error is None and self._pending(self._uploader) >= self._part_bytes):
            self._upload()

    def finish(self) -> bool:
        """Stop listening, write the rest, and return whether the dataset has all of it.

        Events that the journal could not write are counted, reported and noted for the next run.
        """
        self.feed.stop()
        self.journal.close()
        complete = self._uploader is not None and self._upload()
        return complete and not self.lost

    @property
    def lost(self) -> str:
        """The loss that reached neither journal nor dataset, in words; empty without any."""
        return self.journal.lost.report if self.journal.lost else ""

    @property
    def stats(self) -> CollectorStats:
        """Counters and state at this moment; from any thread."""
        uploader, journal = self._uploader, self.journal.stats
        return CollectorStats(
            feed=self.feed.stats,
            collector=uploader.collector if uploader else "",
            parts=self._parts,
            written_events=self._events,
            written_bytes=self._bytes,
            pending_bytes=self._pending(uploader) if uploader else 0,
            write_failures=self._failures,
            journal_dropped=journal.dropped,
            lost_events=journal.dropped_events,
            dataset_error=None if self.error is None else str(self.error),
        )

    def _pending(self, uploader: Uploader) -> int:
        """Return the bytes that the dataset lacks; the last known number for a disk that fails."""
        with suppress(BxPullError, OSError):
            self._pending_bytes = uploader.pending()
        return self._pending_bytes

    def _upload(self) -> bool:
        """Send the journal to the dataset; return whether it has all, else set `error`."""
        if self._uploader is None:
            return False
        try:
            self._uploader.upload()
        except (BxPullError, OSError) as exc:
            if self.error is None:
                _log.warning("%s The journal keeps it; it is tried again.", exc, extra=IS_LOG_ENTRY)
            self.error = exc
            wait = _RETRIES[min(self._in_a_row, len(_RETRIES) - 1)]
            self._in_a_row, self._failures = self._in_a_row + 1, self._failures + 1
        else:
            if self.error is not None:
                _log.warning("the dataset takes parts again, and has caught up", extra=IS_LOG_ENTRY)
            self.error, self._in_a_row, wait = None, 0, self._every
        self._next = self._monotonic() + min(wait, self._every)
        return self.error is None

    def _count(self, part: Written) -> None:
        self._parts += 1
        self._events += part.events
        self._bytes += part.bytes
        try:
            self._on_written(part)
        except Exception:  # noqa: BLE001 - a callback of any kind
            # Not a failure of the dataset: the part is there, and the capture goes on.
            _log.exception("the callback for a written part failed")


def _checked_every(value: object) -> float:
    """Return the seconds; raises SettingsError unless they are a number above 0."""
    seconds = checked_seconds("every", value)
    if not seconds:
        raise SettingsError(f"every={shown(value)}: give a number of seconds above 0.")
    return seconds
