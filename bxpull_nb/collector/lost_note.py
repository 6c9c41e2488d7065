"""A note next to a journal: events that reached neither the journal nor the dataset.

Its place on disk is taken at the start of a run, so that a full disk can still hold it.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from bxpull_nb.masking import reason_of, shown_path
from bxpull_nb.models.counted import counted

__all__ = ["Lost", "LostNote"]

_NAME = "lost.json"
_SIZE = 256  # bytes, however large the numbers
_log = logging.getLogger("bxpull_nb")


class Lost(msgspec.Struct, frozen=True):
    """Events that a run received and could not write."""

    events: int = 0
    """Events that were dropped."""
    batches: int = 0
    """Batches of them."""
    waiting: int = 0
    """Batches that were only in memory; above 0 after the run only if it was killed."""

    def __bool__(self) -> bool:
        return bool(self.events or self.batches or self.waiting)

    def __str__(self) -> str:
        parts = []
        if self.batches:
            batches = counted(self.batches, "batch", "batches")
            parts.append(f"{counted(self.events, 'event')} ({batches})")
        if self.waiting:
            waiting = counted(self.waiting, "batch", "batches")
            parts.append(f"{waiting} that were only in memory")
        return " and ".join(parts)


class LostNote:
    """The note in that folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._written: Lost | None = None

    def read(self) -> Lost:
        """Return what the last run noted: nothing without a readable note."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self._path.read_bytes(), type=Lost)
        return Lost()

    def write(self, lost: Lost) -> None:
        """Replace the note in its place. A failure is logged, and tried again by the next call."""
        if lost == self._written:
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(lost).ljust(_SIZE))
        except OSError as exc:
            _log.debug("%s cannot be written: %s", shown_path(self._path), reason_of(exc))
        else:
            self._written = lost
