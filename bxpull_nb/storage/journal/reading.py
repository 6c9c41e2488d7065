"""Reading a journal back: as batches, as a DataFrame, as the state to resume from."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bxpull_nb.errors import FileMissing, SettingsError
from bxpull_nb.models import Batch, Position
from bxpull_nb.protocol.portal_address import portal_url
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

__all__ = ["batches_of", "read_journal", "read_journal_events", "resume_from", "when_begun"]

_log = logging.getLogger("bxpull_nb")
_REMEMBERED = 200_000  # messages; as many as a session remembers


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
        raise FileMissing(f"there is no journal in {folder}")
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


def resume_from(
    folder: Path, waiting: Iterable[FoundRecord | Damage], since: float | None
) -> Resume:
    """Return what a listener resumes from; `waiting` are records not in a file yet.

    Files are read from the newest one back, until all messages are known that the server may
    send again.
    """
    runs = [list(batches_of(waiting))]
    count = sum(len(batch.records) for batch in runs[0])
    for path in reversed(journal_files(folder)):
        runs.append(list(batches_of(_found_in(path))))
        count += sum(len(batch.records) for batch in runs[-1])
        if count >= _REMEMBERED and _reaches_back(runs):
            break
    last = _quiet_lanes(folder)
    family, seen = SeenMids(), dict[str | None, SeenMids]()
    sources: dict[str, SeenMids] = {}
    for batches in reversed(runs):
        for batch in batches:
            if not _is_of_lane(batch):
                sources.setdefault(batch.arrival.source, SeenMids()).add(batch.records)
                continue
            channel = batch.arrival.channel
            if channel not in seen:
                seen[channel] = family.sibling(max(count + 1, _REMEMBERED))
            if seen[channel].has_another_of(batch.records):
                seen[channel].count_restarted()
            seen[channel].add(batch.records, batch.duplicates)
            last[channel] = batch
    times = [batch.arrival.received_us for batch in last.values() if batch.records]
    stopped = max(filter(None, times), default=None)
    return Resume(seen, last, since, stopped, sources=sources, folder=folder)


def _quiet_lanes(folder: Path) -> dict[str | None, Batch]:
    """Return the lanes in the newest file's header: their last message may lie far back."""
    for path in reversed(journal_files(folder)):
        for found in scan(checked_content(path)):
            if isinstance(found, FoundRecord) and isinstance(found.head, FileHeader):
                newest = found.head.newest
                return {kind: Batch(position=Position(mid, mid, mid)) for kind, mid in newest}
    return {}


def when_begun(folder: Path, portal: str) -> float | None:
    """Return when the capture in the journal began (Unix seconds), or None.

    Raises SettingsError for a capture of another portal.
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
    if stored and portal and _one_form(stored) != _one_form(portal):
        raise SettingsError(
            f"the journal in {path.parent} is a capture of {stored}, not of {portal}. Take "
            f"another folder."
        )


def _one_form(portal: str) -> str:
    """Return the portal's name in its one form: older journals have it as it was typed."""
    try:
        return portal_url(portal)
    except SettingsError:
        return portal  # `sandbox`, or another name without a dot


def _reaches_back(runs: list[list[Batch]]) -> bool:
    """Whether the oldest position to ask from lies within the batches that were read."""
    safe: dict[str | None, str | None] = {}
    for batch in (batch for run in reversed(runs) for batch in run if _is_of_lane(batch)):
        safe[batch.arrival.channel] = batch.position.safe if batch.position else None
    oldest = next((batch.records[0].mid for batch in runs[-1] if _is_of_lane(batch)), None)
    return oldest is None or all(mid is None or mid >= oldest for mid in safe.values())


def _is_of_lane(batch: Batch) -> bool:
    return batch.arrival.source == "channel"


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
                path.name,
                found.end - found.start,
                found.start,
            )
        yield found


def batches_of(found: Iterable[FoundRecord | Damage]) -> Iterator[Batch]:
    """Yield the batches among the records."""
    for record in found:
        if isinstance(record, FoundRecord) and isinstance(record.head, FrameHead):
            batch = batch_of(record.head, record.body)
            if batch.records:
                yield batch
