"""The newest frames as they came, found by their rows, and counts of dropped duplicates.

The log keeps rows, not frames. `inspect` shows an event with its frame, so the newest are kept.
"""

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec

from bxpull_nb.models import Batch

__all__ = ["KeptFrame", "RecentFrames"]

_MOST_BYTES = 32 * 2**20
_MOST_DUPLICATES = 20_000
_MID_DIGITS = 26


class KeptFrame(msgspec.Struct, frozen=True):
    """Frames that arrived together, and the range of their rows; the records are in the log."""

    first_row: int
    rows: int
    contents: Sequence[str | bytes]
    """Each frame as it came."""
    dialect: str
    """`text`, `protobuf`, `json` or `jsonrpc`; empty where it is unknown."""

    @property
    def end(self) -> int:
        """The row after its last."""
        return self.first_row + self.rows

    def content_of(self, mid: str | None) -> str | bytes:
        """Return the frame that holds the message."""
        if len(self.contents) > 1 and mid:
            raw = bytes.fromhex(mid) if len(mid) == _MID_DIGITS and mid.isdecimal() else b""
            for content in self.contents:
                if (mid if isinstance(content, str) else raw) in content:  # type: ignore[operator]
                    return content
        return self.contents[0]


class RecentFrames:
    """Keeps the newest frames of kept rows, up to 32 MiB in all. Its owner holds the lock."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: deque[KeptFrame] = deque()
        self._duplicates = OrderedDict[str, int]()  # a dict looks past all deleted first keys

    def add(self, first_row: int, batch: Batch, kept_from: int = 0) -> None:
        """Keep the frame that brought the rows from `first_row` on.

        Frames of rows before `kept_from` are dropped.
        """
        self._count_duplicates(batch)
        if not batch.records or batch.frame is None:
            return
        contents = batch.parts or (batch.frame,)
        self._kept.append(KeptFrame(first_row, len(batch.records), contents, batch.dialect))
        self._bytes += sum(map(len, contents))
        while self._kept and (self._bytes > self._most_bytes or self._kept[0].end <= kept_from):
            self._bytes -= sum(map(len, self._kept.popleft().contents))

    def of_row(self, row: int) -> KeptFrame | None:
        """Return the frame that brought the row; None when it is no longer kept."""
        place = bisect_right(self._kept, row, key=lambda kept: kept.first_row) - 1
        if place < 0:
            return None
        frame = self._kept[place]
        return frame if row < frame.end else None

    def duplicates_of(self, mid: str | None) -> int:
        """Return how many duplicates of the message were dropped."""
        return self._duplicates.get(mid or "", 0)

    def _count_duplicates(self, batch: Batch) -> None:
        for mid in batch.duplicates:
            self._duplicates[mid] = self._duplicates.pop(mid, 0) + 1  # at the end: the newest
        while len(self._duplicates) > _MOST_DUPLICATES:
            self._duplicates.popitem(last=False)
