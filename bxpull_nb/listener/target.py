"""The receiver of a capture: everything that a listener or a replay hands over, by name."""

from collections.abc import Sequence
from typing import Protocol

from bxpull_nb.models import Batch, LogEntry

__all__ = ["Beginnings", "CaptureTarget", "PassingTarget"]

Beginnings = Sequence[tuple[str | None, str]]
"""The kind of a lane, and the mid after which it began."""


class CaptureTarget(Protocol):
    """Takes a capture's events and news. All calls come on the loop's thread, one at a time."""

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Note when the capture began: Unix seconds by the portal's clock.

        It is called once for a capture, then again when the beginnings of lanes are found:
        the mid after which each began.
        """
        ...

    def store(self, batch: Batch) -> None:
        """Store the records; on return they are safe, and the lane's position may move."""
        ...

    def is_safe(self) -> bool:
        """Whether everything that was stored is on disk, or has no disk to be on.

        Only then may its source forget it. It may wait for the disk, so any thread may call it.
        """
        ...

    def happened(self, entry: LogEntry) -> None:
        """Log an entry: a connection, a break, a renewal."""
        ...

    def changed(self) -> None:
        """Wake the calls that wait for a change of state."""
        ...


class PassingTarget:
    """Hands everything on to another target; a subclass changes or reads what passes."""

    def __init__(self, target: CaptureTarget) -> None:
        self._target = target

    def began(self, since: float, beginnings: Beginnings = ()) -> None:
        """Note when the capture began, and after which mids."""
        self._target.began(since, beginnings)

    def store(self, batch: Batch) -> None:
        """Store the records."""
        self._target.store(batch)

    def is_safe(self) -> bool:
        """Whether everything that was stored is on disk, or has no disk to be on."""
        return self._target.is_safe()

    def happened(self, entry: LogEntry) -> None:
        """Log the entry."""
        self._target.happened(entry)

    def changed(self) -> None:
        """Wake the calls that wait for a change of state."""
        self._target.changed()
