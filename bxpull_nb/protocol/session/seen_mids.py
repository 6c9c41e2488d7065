"""A set of the message ids seen lately, over a long, bounded window."""

from collections import deque
from collections.abc import Iterable, Sequence

from bxpull_nb.models import BadFrame, Record, RecordBatch

__all__ = ["SeenMids"]

_PARTS = 8


class SeenMids:
    """The mids of at least the last `limit` messages, over all lanes of one feed.

    Each mid has a fingerprint of its message: a server whose storage was wiped counts from the
    beginning again, and a new message under an old mid is no duplicate. The mids lie in parts,
    so that the oldest are dropped at once, without a scan.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._parts: deque[_Part] = deque([_Part()])
        self._count = 0
        self._greatest = ""

    def __contains__(self, mid: str) -> bool:
        return any(mid in part.fingerprints() for part in self._parts)

    def isdisjoint(self, batch: RecordBatch) -> bool:
        """Whether no mid of the batch was seen."""
        least, _ = batch.mid_range
        if least > self._greatest:
            return True  # nearly always, and without a lookup in large dicts
        return all(part.fingerprints().keys().isdisjoint(batch.mids) for part in self._parts)

    def holds(self, record: Record) -> bool:
        """Whether this very message was seen, not just another one under its mid.

        A damaged duplicate counts as the message.
        """
        return record.mid in self if type(record) is BadFrame and record.mid else self.knows(record)

    def knows(self, record: Record) -> bool:
        """Whether this message was seen as it is."""
        for part in reversed(self._parts):
            seen = part.fingerprints().get(record.mid)
            if seen is not None:
                return seen == _fingerprint(record)
        return False

    def add(self, records: Iterable[Record]) -> None:
        """Remember the records."""
        batch = RecordBatch.of(records)
        if not batch:
            return
        if self._parts[-1].count >= self._limit // _PARTS:
            self._parts.append(_Part())
        self._parts[-1].add(batch.mids, _fingerprints(batch))
        self._count += len(batch)
        while self._count - self._parts[0].count >= self._limit:
            self._count -= self._parts.popleft().count
        self._greatest = max(self._greatest, batch.mid_range[1])


class _Part:
    """Some of the mids; most are never looked up, so the dict is built at the first lookup."""

    def __init__(self) -> None:
        self.count = 0
        self._mids: list[str | None] = []  # of those that are not in the dict yet
        self._fingerprints: list[float] = []
        self._known: dict[str | None, float] = {}

    def add(self, mids: Sequence[str | None], fingerprints: Sequence[float]) -> None:
        self.count += len(mids)
        self._mids += mids
        self._fingerprints += fingerprints

    def fingerprints(self) -> dict[str | None, float]:
        """Return the fingerprint of the last message under each mid."""
        if self._mids:
            self._known.update(zip(self._mids, self._fingerprints, strict=True))
            self._known.pop(None, None)
            self._mids, self._fingerprints = [], []
        return self._known


def _fingerprint(record: Record) -> float:
    """Return a value that differs between messages under one mid: their time.

    It is the same in every dialect. Without a time it is the content's hash, although dialects
    may spell the same content differently.
    """
    sent = record.server_time_unix
    return hash((record.command, record.params_json)) if sent is None else sent


def _fingerprints(batch: RecordBatch) -> list[float]:
    times = [time for time in batch.times if time is not None]
    return times if len(times) == len(batch) else list(map(_fingerprint, batch))
