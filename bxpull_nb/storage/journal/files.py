"""The files of a journal: their order, their repair, and the one that is written."""

import os
import re
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import msgspec

from bxpull_nb.errors import FileFormatError, JournalTooNew
from bxpull_nb.files import open_private
from bxpull_nb.masking import shown_path
from bxpull_nb.storage.journal.record import PREAMBLE, VERSION, FoundRecord, scan, version_of

__all__ = [
    "ActiveFile",
    "Repaired",
    "check_start",
    "checked_content",
    "journal_files",
    "make_private",
    "sync_and_close",
]

_NAME = re.compile(r"\d{6}\.bxj")
_sync_data: Any = getattr(os, "fdatasync", os.fsync)


class Repaired(msgspec.Struct, frozen=True):
    """Damage that was found when a journal was opened."""

    cut_bytes: int = 0
    """Bytes of an unfinished record, cut off the end."""
    skipped: int = 0
    """Damaged places among the readable records; they stay, and readers skip them."""

    def __str__(self) -> str:
        cut = f"{self.cut_bytes:,} bytes of an unfinished record were cut off"
        passed = f"damaged places that are passed over: {self.skipped:,}"
        return "; ".join([*[cut] * bool(self.cut_bytes), *[passed] * bool(self.skipped)])


def journal_files(folder: Path) -> list[Path]:
    """Return the files of the journal in the folder, oldest first; none for no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def checked_content(path: Path) -> bytes:
    """Return all of the file; raises FileFormatError, JournalTooNew."""
    data = path.read_bytes()
    check_start(path, data)
    return data


def check_start(path: Path, data: bytes) -> None:
    """Raise FileFormatError, JournalTooNew unless a file with this start can be read."""
    version = version_of(data)
    if version is None and not PREAMBLE.startswith(data[: len(PREAMBLE)]):
        raise FileFormatError(
            f"{shown_path(path)} is not a file of a journal. Was it written by us?"
        )
    if version is not None and version > VERSION:
        raise JournalTooNew(
            f"{shown_path(path)} was written by a later version of bxpull-nb (its format is "
            f"{version}, this one reads up to {VERSION}). Upgrade with: pip install -U bxpull-nb"
        )


class ActiveFile:
    """The file that is written; its first `size` bytes are whole records.

    The next write overwrites what a failed one left after `size`.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self.size = size
        self._file: FileIO = FileIO(open_private(path, os.O_RDWR | os.O_CREAT), "r+")

    @classmethod
    def repaired(cls, path: Path) -> tuple["ActiveFile", Repaired]:
        """Open the newest file of an earlier process and cut off an unfinished record."""
        data = checked_content(path)
        size, skipped = min(len(data), len(PREAMBLE)), 0
        for found in scan(data):
            if isinstance(found, FoundRecord):
                size = found.end
            else:
                skipped += not found.is_tail
        if version_of(data) is None:
            size = 0
        active = cls(path, size)
        try:
            active._file.truncate(size)
        except BaseException:
            active.close()
            raise
        return active, Repaired(len(data) - size, skipped)

    def write(self, record: bytes) -> None:
        """Append the record and hand it to the system; an OSError means nothing was appended."""
        file, rest = self._file, memoryview(record)
        if file.tell() != self.size:
            file.seek(self.size)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with suppress(OSError):
                file.truncate(self.size)
            raise
        self.size += len(record)

    def sync(self) -> None:
        """Return when the disk has the whole file."""
        _sync_data(self._file.fileno())

    def duplicate(self) -> int:
        """Return another descriptor of the file, for another thread to sync and close."""
        return os.dup(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def sync_and_close(descriptor: int) -> None:
    """Sync and close a descriptor that `ActiveFile.duplicate` returned."""
    try:
        _sync_data(descriptor)
    finally:
        os.close(descriptor)


def make_private(path: Path) -> None:
    """Let only the owner read the file; raises OSError for a link, which is not followed."""
    os.close(open_private(path, os.O_RDONLY))
