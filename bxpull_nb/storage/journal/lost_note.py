"""A note next to a journal: events that its disk did not take, for the next run to report.

Its place on disk is taken when the journal is opened, so that a full disk can still hold it.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from bxpull_nb.files import open_private, read_private
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

    @property
    def report(self) -> str:
        """The loss as a sentence, for the run that had it."""
        return (
            f"{self} are not in the journal: its disk took no more. Make room, and run it again "
            f"soon: the server is asked for what it still stores."
        )

    @property
    def later_report(self) -> str:
        """The loss as a sentence, for the next run."""
        return (
            f"the last run could not write {self}: its journal's disk took no more. The server "
            f"was asked for them again; what it no longer stores is missing."
        )

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
        self.written: Lost | None = None
        """What it holds; None before the first `write`."""

    def read(self) -> Lost:
        """Return what the last run noted: nothing without a readable note."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(read_private(self._path), type=Lost)
        return Lost()

    def write(self, lost: Lost) -> None:
        """Replace the note in its place. A failure is logged, and tried again by the next call."""
        if lost == self.written:
            return
        try:
            descriptor = open_private(self._path, os.O_WRONLY | os.O_CREAT)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(lost).ljust(_SIZE))
        except OSError as exc:
            _log.debug("%s cannot be written: %s", shown_path(self._path), reason_of(exc))
        else:
            self.written = lost
