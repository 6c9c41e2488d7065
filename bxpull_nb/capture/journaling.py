"""A feed's sink with a journal in front of it, whose troubles become happenings."""

import time
from collections.abc import Callable

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.errors import JournalNotWritable
from bxpull_nb.listener import Sink
from bxpull_nb.models import Batch, LogEntry
from bxpull_nb.storage.journal import Journal

__all__ = ["journaling", "not_journaled"]


def journaling(
    journal: Journal, sink: Sink, logbook: ActivityLog, clock: Callable[[], int] = time.time_ns
) -> Sink:
    """A sink that writes to the journal first; when the disk fails and recovers, it is told.

    `clock` gives Unix nanoseconds. It holds no feed: one that nobody holds must be collected.
    """
    taking = journal.taking(sink)
    failing = False

    def take(batch: Batch) -> None:
        nonlocal failing
        taking(batch)
        if failing != (journal.error is not None):
            failing = not failing
            kind = "journal_failed" if failing else "journal_recovered"
            text = str(not_journaled(journal)) if failing else "the journal has caught up"
            logbook.add(LogEntry(at_us=clock() // 1000, kind=kind, text=text))

    return take


def not_journaled(journal: Journal) -> JournalNotWritable:
    """The error that says that the capture goes on in memory alone, and why."""
    error = journal.error
    why = (error and error.strerror) or error
    return JournalNotWritable(
        f"the journal in {journal.folder} cannot be written ({why}): events are kept in memory, "
        f"and written as soon as the disk takes them. Make room."
    )
