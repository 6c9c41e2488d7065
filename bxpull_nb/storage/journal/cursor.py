"""Reading a journal in chunks from a cursor on, while it is being written."""

import logging
from contextlib import suppress
from pathlib import Path
from zlib import crc32

import msgspec

from bxpull_nb.masking import shown_path
from bxpull_nb.models import Batch
from bxpull_nb.storage.journal.files import check_start, journal_files
from bxpull_nb.storage.journal.reading import batches_of
from bxpull_nb.storage.journal.record import PREAMBLE, Damage, FileHeader, FoundRecord, scan

__all__ = ["Chunk", "Cursor", "bytes_after", "forget_before", "read_on"]

_log = logging.getLogger("bxpull_nb")
_START = 4096  # bytes; the first record of a file is far smaller
_CHECKED = 4096  # bytes before a cursor that its check sum covers


class Cursor(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A place in a journal; everything before it has been read."""

    number: int = 0
    """Number of the file."""
    offset: int = 0
    """Bytes of the file that have been read."""
    created_us: int = 0
    """The time that file was made, in microseconds: a new journal in the folder differs."""
    checksum: int = 0
    """crc32 of the bytes before the offset: a file that was cut and grew again differs."""


class Chunk(msgspec.Struct, frozen=True):
    """The batches of one call of `read_on`."""

    start: Cursor
    """The place of its first batch: the given cursor, or the beginning of another file."""
    batches: list[Batch]
    end: Cursor
    """The place of the next chunk."""
    has_more: bool
    """Whether more can be read already."""


def read_on(folder: Path, cursor: Cursor, most_bytes: int) -> Chunk:
    """Return up to `most_bytes` of one file from the cursor on, at least one record.

    Damaged bytes are skipped with a warning; a record that is still being written is left for
    the next call. A cursor of another journal begins this one from its first file; where the file
    was cut before the cursor, as by a power cut, it begins that file again. Raises
    FileFormatError, JournalTooNew, OSError.
    """
    cursor = _valid(folder, cursor)
    files = [path for path in journal_files(folder) if int(path.stem) >= cursor.number]
    for path in files:
        is_newest = path is files[-1]
        start = cursor if int(path.stem) == cursor.number else Cursor(int(path.stem))
        start = msgspec.structs.replace(start, created_us=_created(path))
        chunk = _read_file(path, start, most_bytes, is_newest=is_newest)
        if is_newest and not start.created_us and not chunk.batches:
            break  # it is just being begun: a cursor in it would be one of another journal
        if chunk.end != start or is_newest:
            return chunk
    return Chunk(cursor, [], cursor, has_more=False)


def bytes_after(folder: Path, cursor: Cursor) -> int:
    """Return how many bytes of the journal come after the cursor, while files may be removed."""
    cursor = _valid(folder, cursor)
    total = 0
    for path in journal_files(folder):
        if int(path.stem) >= cursor.number:
            with suppress(FileNotFoundError):
                total += path.stat().st_size
    return max(total - cursor.offset, 0)


def forget_before(folder: Path, cursor: Cursor, keep: int) -> int:
    """Remove the files before the cursor's, but for the newest `keep`; return how many."""
    passed = [path for path in journal_files(folder) if int(path.stem) < cursor.number]
    removed = passed[: max(len(passed) - keep, 0)]
    for path in removed:
        path.unlink(missing_ok=True)
    return len(removed)


def _valid(folder: Path, cursor: Cursor) -> Cursor:
    """Return the cursor if the journal still has what was read, or an earlier one."""
    path = folder / f"{cursor.number:06}.bxj"
    with suppress(FileNotFoundError):
        if cursor.number and _created(path) == cursor.created_us:
            is_same = cursor.checksum in (0, _checksum(path, cursor.offset))
            is_whole = path.stat().st_size >= cursor.offset
            return cursor if is_same and is_whole else Cursor(cursor.number)
    return Cursor()


def _checksum(path: Path, offset: int) -> int:
    with path.open("rb") as file:
        file.seek(max(offset - _CHECKED, 0))
        return crc32(file.read(min(offset, _CHECKED)))


def _created(path: Path) -> int:
    with path.open("rb") as file:
        data = file.read(_START)
    check_start(path, data)
    heads = (found.head for found in scan(data) if isinstance(found, FoundRecord))
    return next((head.created_us for head in heads if isinstance(head, FileHeader)), 0)


def _read_file(path: Path, start: Cursor, most_bytes: int, *, is_newest: bool) -> Chunk:
    size, length = path.stat().st_size, most_bytes
    offset = max(start.offset, len(PREAMBLE))
    while True:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(length)
        reaches_end = offset + len(data) >= size
        found, unfinished = _split(list(scan(data, 0)))
        if found or reaches_end:
            break
        length *= 2  # one record is larger
    read = len(data) if unfinished is None else unfinished.start
    if unfinished is not None and reaches_end and not is_newest:
        _warn(path, offset, unfinished)
        read = len(data)
    for damage in found:
        if isinstance(damage, Damage):
            _warn(path, offset, damage)
    end = msgspec.structs.replace(
        start, offset=offset + read, checksum=_checksum(path, offset + read)
    )
    return Chunk(start, list(batches_of(found)), end, not (reaches_end and is_newest))


def _split(found: list[FoundRecord | Damage]) -> tuple[list[FoundRecord | Damage], Damage | None]:
    """Separate damage at the end, which may be a half-written record."""
    last = found[-1] if found else None
    return (found[:-1], last) if isinstance(last, Damage) and last.is_tail else (found, None)


def _warn(path: Path, offset: int, damage: Damage) -> None:
    size, place = damage.end - damage.start, offset + damage.start
    name = shown_path(path.name)
    _log.warning("%s: %d bytes at %d are no record and are passed over", name, size, place)
