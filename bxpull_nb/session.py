"""The protocol without I/O and without a clock: what to keep of a frame, where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order. So a session never trusts an order: it drops what it has seen by a *set* of mids, and it
resumes from the mid that was known before the *previous* connect, so that what slipped through
while that connection was made comes again. The position moves only after the sink has the events.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bxpull_nb.codec import Codec
from bxpull_nb.models import Arrival, Record

__all__ = ["Received", "SeenMids", "Session"]


class SeenMids:
    """The mids of at least the last `limit` messages, over all lanes of one feed.

    Kept in two generations, so that forgetting the older one is a pointer move and not a walk.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._newer: set[str | None] = set()
        self._older: set[str | None] = set()

    def __contains__(self, mid: str) -> bool:
        return mid in self._newer or mid in self._older

    def isdisjoint(self, mids: Sequence[str | None]) -> bool:
        """Whether none of them was seen."""
        return self._newer.isdisjoint(mids) and self._older.isdisjoint(mids)

    def add(self, mids: Iterable[str | None]) -> None:
        """Remember them."""
        self._newer.update(mids)
        self._newer.discard(None)
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, set()


class Received(msgspec.Struct, frozen=True):
    """What one frame came to."""

    records: Sequence[Record]
    """New events and unreadable messages, in the order of the frame."""
    duplicates: int = 0
    """Messages dropped because their mid had been seen."""
    old: int = 0
    """Messages dropped because they are from before the capture."""
    newest: str | None = None
    """The greatest mid of the frame, seen before or not."""


class Session:
    """One lane: one channel type, its codec, its position. The seen mids are shared by all lanes.

    `since` (Unix seconds by the portal's clock) drops stored messages from before the capture;
    None keeps the whole backlog.
    """

    def __init__(self, codec: Codec, seen: SeenMids, *, since: float | None = None) -> None:
        self.codec = codec
        self.newest: str | None = None
        self._seen = seen
        self._since = since
        self._safe: str | None = None
        self._first: str | None = None

    def resume_point(self) -> str | None:
        """The mid to connect with: the newest known before the previous connect.

        None for the first connection. After it, the first mid that it brought: nothing older
        was promised.
        """
        return self._safe or self._first

    def connected(self) -> None:
        """Call when a connection stands, before its frames: the next one resumes from here."""
        self._safe = self.newest

    def receive(self, frame: str | bytes, arrival: Arrival) -> Received:
        """The frame's new records. Nothing is remembered until `stored` says they are safe."""
        records = self.codec.decode(frame, arrival)
        mids = [record.mid for record in records]
        newest = max(filter(None, mids), default=None)
        if len(set(mids)) == len(mids) and self._seen.isdisjoint(mids):
            unseen: Sequence[Record] = records
        else:
            unseen = list(self._unseen(records))
        kept = unseen if self._since is None else self._not_older(unseen, self._since)
        return Received(kept, len(records) - len(unseen), len(unseen) - len(kept), newest)

    def stored(self, received: Received) -> None:
        """The sink has the records: remember their mids and move the position."""
        self._seen.add(record.mid for record in received.records)
        self.advance(received.newest)

    def advance(self, mid: str | None) -> None:
        """Move the position to `mid` if it is a valid one and later than the position."""
        if not mid or len(mid) != 26 or not mid.isdecimal():
            return
        self._first = self._first or mid
        if mid > (self.newest or ""):
            self.newest = mid

    def _unseen(self, records: Sequence[Record]) -> Iterator[Record]:
        in_frame: set[str] = set()
        for record in records:
            mid = record.mid
            if mid is None or (mid not in in_frame and mid not in self._seen):
                yield record
            if mid is not None:
                in_frame.add(mid)

    @staticmethod
    def _not_older(records: Sequence[Record], since: float) -> list[Record]:
        return [
            record
            for record in records
            if record.server_time_unix is None or record.server_time_unix >= since
        ]
