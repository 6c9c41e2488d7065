"""Reading a journal back: as batches, as a DataFrame."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bxpull_nb.errors import FileFormatError, FileMissing
from bxpull_nb.masking import shown_path
from bxpull_nb.models import Batch
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal.files import checked_content, journal_files
from bxpull_nb.storage.journal.record import (
    Damage,
    FoundRecord,
    FrameHead,
    batch_of,
    scan,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["batches_in", "batches_of", "read_journal", "read_journal_events"]

_log = logging.getLogger("bxpull_nb")


def read_journal(
    folder: str | Path, *, damaged: Callable[[Damage], None] = lambda _: None
) -> Iterator[Batch]:
    """Yield the batches of the journal in `folder`, in the order they were written.

    Their records equal those that were kept. A journal can be read while it is written, and
    while its oldest files are removed. `damaged` is called for every place that holds no record;
    reading goes on after it. Raises FileMissing for a folder without a journal,
    FileFormatError, JournalTooNew.
    """
    files = journal_files(Path(folder).expanduser())
    if not files:
        raise FileMissing(f"there is no journal in {shown_path(folder)}")
    for path in files:
        yield from batches_of(_found_in(path, damaged))


def read_journal_events(folder: str | Path) -> "pd.DataFrame":
    """Return all events of the journal in `folder`, with the columns of `EVENT_COLUMNS`.

    Raises the errors of `read_journal`.
    """
    log = EventLog()
    for batch in read_journal(folder):
        log.extend(batch.records)
    return log.df


def _found_in(
    path: Path, damaged: Callable[[Damage], None] = lambda _: None
) -> Iterator[FoundRecord | Damage]:
    try:
        content = checked_content(path)
    except FileNotFoundError:  # removed since it was listed: the datasets have it
        return
    for found in scan(content):
        if isinstance(found, Damage):
            damaged(found)
            _log.warning(
                "%s: %d bytes at %d are no record and are passed over",
                shown_path(path.name),
                found.end - found.start,
                found.start,
            )
        yield found


def batches_in(path: Path) -> list[Batch]:
    """Return the batches of one file; none where it was removed meanwhile."""
    return list(batches_of(_found_in(path)))


def batches_of(found: Iterable[FoundRecord | Damage]) -> Iterator[Batch]:
    """Yield the batches among the records; a frame that cannot be read is passed over."""
    for record in found:
        if isinstance(record, FoundRecord) and isinstance(record.head, FrameHead):
            try:
                batch = batch_of(record.head, record.body)
            except FileFormatError as exc:
                _log.warning("a record of the journal is passed over: %s", exc)
                continue
            if batch.records:
                yield batch
