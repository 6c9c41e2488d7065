"""A journal read back: as batches, as a DataFrame, as what a listener goes on from."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Batch
from bxpull_nb.protocol.session import Resume, SeenMids
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal.files import checked_content, journal_files
from bxpull_nb.storage.journal.record import (
    CaptureStarted,
    Damage,
    FileHeader,
    FoundRecord,
    FrameHead,
    batch_of,
    scan,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["batches_of", "read_frame", "read_journal", "resume_from", "when_begun"]

_log = logging.getLogger("bxpull_nb")
_REMEMBERED = 200_000  # messages; as many as a session remembers


def read_journal(
    folder: str | Path, *, damaged: Callable[[Damage], None] = lambda _: None
) -> Iterator[Batch]:
    """The batches of the journal in `folder`, in the order they were written.

    Their records equal those that were kept. A journal that is being written can be read, up to
    where it is. `damaged` is told of every place that is no record; reading goes on behind it.
    Raises FileNotFoundError for a folder without a journal, FileFormatError, JournalTooNew.
    """
    files = journal_files(Path(folder).expanduser())
    if not files:
        raise FileNotFoundError(f"there is no journal in {folder}")
    for path in files:
        yield from batches_of(_found_in(path, damaged))


def read_frame(folder: str | Path) -> "pd.DataFrame":
    """All events of the journal in `folder`, with the columns and dtypes of `EVENT_COLUMNS`.

    Raises what `read_journal` raises.
    """
    log = EventLog()
    for batch in read_journal(folder):
        log.extend(batch.records)
    return log.df


def resume_from(
    folder: Path, waiting: Iterable[FoundRecord | Damage], since: float | None
) -> Resume:
    """What a listener begins with; `waiting` are records that are not in a file yet.

    Files are read from the newest one back, until all is known that may come again.
    """
    runs = [list(batches_of(waiting))]
    count = sum(len(batch.records) for batch in runs[0])
    for path in reversed(journal_files(folder)):
        runs.append(list(batches_of(_found_in(path))))
        count += sum(len(batch.records) for batch in runs[-1])
        if count >= _REMEMBERED and _reaches_back(runs):
            break
    seen, last = SeenMids(max(count + 1, _REMEMBERED)), {}
    for batches in reversed(runs):
        for batch in batches:
            seen.add(batch.records)
            last[batch.arrival.channel] = batch
    return Resume(seen, last, since)


def when_begun(folder: Path, portal: str) -> float | None:
    """When the capture in the journal began; None if it did not yet.

    Raises SettingsError when it is a capture of another portal.
    """
    for path in reversed(journal_files(folder)):
        since = None
        for found in scan(checked_content(path)):
            if isinstance(found, FoundRecord) and isinstance(found.head, FileHeader):
                since = found.head.since
                _check_portal(path, found.head.portal, portal)
            elif isinstance(found, FoundRecord) and isinstance(found.head, CaptureStarted):
                since = found.head.since
        if since is not None:
            return since
    return None


def _check_portal(path: Path, stored: str, portal: str) -> None:
    if stored and portal and stored != portal:
        raise SettingsError(
            f"the journal in {path.parent} is a capture of {stored}, not of {portal}. Take "
            f"another folder."
        )


def _reaches_back(runs: list[list[Batch]]) -> bool:
    """Whether the oldest position that is asked again lies within what was read."""
    safe: dict[str | None, str | None] = {}
    for batch in (batch for run in reversed(runs) for batch in run):
        safe[batch.arrival.channel] = batch.position.safe if batch.position else None
    oldest = next((batch.records[0].mid for batch in runs[-1]), None)
    return oldest is None or all(mid is None or mid >= oldest for mid in safe.values())


def _found_in(
    path: Path, damaged: Callable[[Damage], None] = lambda _: None
) -> Iterator[FoundRecord | Damage]:
    for found in scan(checked_content(path)):
        if isinstance(found, Damage):
            damaged(found)
            _log.warning(
                "%s: %d bytes at %d are no record and are passed over",
                path.name,
                found.end - found.start,
                found.start,
            )
        yield found


def batches_of(found: Iterable[FoundRecord | Damage]) -> Iterator[Batch]:
    """The batches among the records."""
    for one in found:
        if isinstance(one, FoundRecord) and isinstance(one.head, FrameHead):
            batch = batch_of(one.head, one.body)
            if batch.records:
                yield batch
