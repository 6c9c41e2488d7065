"""The newest frames as they came, found by the rows they brought; and the copies that were dropped.

The log keeps rows, not frames: these are for a look at one event, so only the newest are kept.
"""

from bisect import bisect_right
from collections import deque

from bxpull_nb.models import Batch

__all__ = ["RecentFrames"]

_MOST_BYTES = 32 * 2**20
_MOST_COPIES = 20_000


class RecentFrames:
    """Frames of up to 32 MiB in all, newest kept; not locked: its owner does that."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: deque[tuple[int, Batch]] = deque()
        self._copies: dict[str, int] = {}

    def add(self, first_row: int, batch: Batch) -> None:
        """Keep the frame that brought the rows from `first_row` on."""
        self._count_copies(batch)
        if not batch.records or batch.frame is None:
            return
        self._kept.append((first_row, batch))
        self._bytes += len(batch.frame)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popleft()
            self._bytes -= len(oldest.frame or "")

    def of_row(self, row: int) -> Batch | None:
        """The batch that brought the row; None when its frame is no longer kept."""
        place = bisect_right(self._kept, row, key=lambda kept: kept[0]) - 1
        if place < 0:
            return None
        first, batch = self._kept[place]
        return batch if row < first + len(batch.records) else None

    def copies_of(self, mid: str | None) -> int:
        """How many further copies of the message came, and were dropped."""
        return self._copies.get(mid or "", 0)

    def _count_copies(self, batch: Batch) -> None:
        for mid in batch.copies:
            self._copies[mid] = self._copies.pop(mid, 0) + 1  # moved to the end: the newest
        while len(self._copies) > _MOST_COPIES:
            del self._copies[next(iter(self._copies))]
