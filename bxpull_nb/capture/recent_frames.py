"""The newest frames as they came, found by the rows they brought; and the copies that were dropped.

The log keeps rows, not frames: these are for a look at one event, so only the newest are kept.
"""

from bisect import bisect_right
from collections import deque

import msgspec

from bxpull_nb.models import Batch

__all__ = ["KeptFrame", "RecentFrames"]

_MOST_BYTES = 32 * 2**20
_MOST_COPIES = 20_000


class KeptFrame(msgspec.Struct, frozen=True):
    """A frame, and which rows it brought.

    Not their records: those are in the log, as rows.
    """

    first_row: int
    rows: int
    content: str | bytes
    dialect: str
    """`text`, `protobuf`, `json` or `jsonrpc`; empty where nobody told."""


class RecentFrames:
    """Frames of up to 32 MiB in all, newest kept; not locked: its owner does that."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: deque[KeptFrame] = deque()
        self._copies: dict[str, int] = {}

    def add(self, first_row: int, batch: Batch) -> None:
        """Keep the frame that brought the rows from `first_row` on."""
        self._count_copies(batch)
        if not batch.records or batch.frame is None:
            return
        self._kept.append(KeptFrame(first_row, len(batch.records), batch.frame, batch.dialect))
        self._bytes += len(batch.frame)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._kept.popleft().content)

    def of_row(self, row: int) -> KeptFrame | None:
        """The frame that brought the row; None when it is no longer kept."""
        place = bisect_right(self._kept, row, key=lambda kept: kept.first_row) - 1
        if place < 0:
            return None
        frame = self._kept[place]
        return frame if row < frame.first_row + frame.rows else None

    def duplicates_of(self, mid: str | None) -> int:
        """How many further copies of the message came, and were dropped."""
        return self._copies.get(mid or "", 0)

    def _count_copies(self, batch: Batch) -> None:
        for mid in batch.copies:
            self._copies[mid] = self._copies.pop(mid, 0) + 1  # moved to the end: the newest
        while len(self._copies) > _MOST_COPIES:
            del self._copies[next(iter(self._copies))]
