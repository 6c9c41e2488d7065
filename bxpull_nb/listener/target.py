"""The receiver of a capture: everything that a listener or a replay hands over, by name."""

from typing import Protocol

from bxpull_nb.models import Batch, LogEntry

__all__ = ["CaptureTarget"]


class CaptureTarget(Protocol):
    """Takes a capture's events and news. All calls come on the loop's thread, one at a time."""

    def began(self, since: float) -> None:
        """Note when the capture began: Unix seconds by the portal's clock; once a capture."""
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
