"""The lock of a journal's folder: one writer at a time."""

from pathlib import Path
from typing import TYPE_CHECKING

from bxpull_nb.errors import JournalInUse, JournalNotWritable
from bxpull_nb.masking import reason_of, scrub, shown_path

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["locked", "not_writable"]

_LOCK = "journal.lock"


def locked(folder: Path) -> "BaseFileLock":
    """Make the folder, and return its lock, held until it is released or the process ends.

    Raises JournalInUse, JournalNotWritable.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / _LOCK, timeout=0, mode=0o600, thread_local=False)
        lock.acquire()
    except Timeout:
        raise JournalInUse(
            f"another capture writes to the journal in {shown_path(folder)}. Stop it, or take "
            f"another folder; bx.read_events() reads it at any time."
        ) from None
    except OSError as exc:
        raise not_writable(folder, exc) from scrub(exc)
    return lock


def not_writable(folder: Path, exc: Exception) -> JournalNotWritable:
    """Return the error about a folder that cannot be written."""
    return JournalNotWritable(
        f"the journal in {shown_path(folder)} cannot be written ({reason_of(exc)}). Make room or "
        f"give the right to write, or take another folder."
    )
