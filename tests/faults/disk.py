"""A disk for a journal that is full on demand; no real disk is filled."""

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bxpull_nb.storage.journal.files import ActiveFile

__all__ = ["Disk", "disk_for"]

_lock = threading.Lock()
_disks: dict[Path, "Disk"] = {}
_write = ActiveFile.write


class Disk:
    """A disk; while it `is_full` every write to it raises ENOSPC."""

    def __init__(self) -> None:
        self.is_full = False


@contextmanager
def disk_for(folder: Path) -> Iterator[Disk]:
    """Put the journal files of the folder on a disk of their own, meanwhile."""
    with _lock:
        _disks[folder] = disk = Disk()
        ActiveFile.write = _write_if_room  # type: ignore[method-assign, assignment]
    try:
        yield disk
    finally:
        with _lock:
            del _disks[folder]
            if not _disks:
                ActiveFile.write = _write  # type: ignore[method-assign]


def _write_if_room(file: ActiveFile, data: bytes) -> None:
    disk = _disks.get(file.path.parent)
    if disk is not None and disk.is_full:
        raise OSError(errno.ENOSPC, "No space left on device")
    _write(file, data)
