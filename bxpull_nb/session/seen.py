"""Which messages have been seen: a set of mids over a long, bounded window."""

from collections.abc import Sequence

from bxpull_nb.models import BadFrame, Record

__all__ = ["SeenMids"]


class SeenMids:
    """The mids of at least the last `limit` messages, over all lanes of one feed.

    Each with a fingerprint of its message: a server whose storage was wiped counts from the
    beginning again, and a new message under an old mid is no copy. Kept in two generations, so
    that forgetting the older one is a pointer move and not a walk.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._newer: dict[str | None, float] = {}
        self._older: dict[str | None, float] = {}
        self._greatest = ""

    def __contains__(self, mid: str) -> bool:
        return mid in self._newer or mid in self._older

    def isdisjoint(self, mids: Sequence[str | None]) -> bool:
        """Whether none of them was seen."""
        if min(filter(None, mids), default="") > self._greatest:
            return True  # nearly always, and without a look into dicts that no cache can hold
        return self._newer.keys().isdisjoint(mids) and self._older.keys().isdisjoint(mids)

    def holds(self, record: Record) -> bool:
        """Whether this very message was seen, not just another one under its mid.

        A damaged copy counts as the message.
        """
        return record.mid in self if type(record) is BadFrame and record.mid else self.knows(record)

    def knows(self, record: Record) -> bool:
        """Whether this message was seen as it is."""
        seen = self._newer.get(record.mid, self._older.get(record.mid))
        return seen is not None and seen == _fingerprints([record])[0]

    def add(self, records: Sequence[Record]) -> None:
        """Remember them."""
        mids = [record.mid for record in records]
        self._newer.update(zip(mids, _fingerprints(records), strict=True))
        self._newer.pop(None, None)
        self._greatest = max([self._greatest, *filter(None, mids)])
        if len(self._newer) >= self._limit:
            self._older, self._newer = self._newer, {}


def _fingerprints(records: Sequence[Record]) -> list[float]:
    """What tells messages under one mid apart, and is the same in every dialect: their time.

    Where there is none, their content, which one dialect spells as it came and another does not.
    """
    return [
        hash((r.command, r.params_json)) if (at := r.server_time_unix) is None else at
        for r in records
    ]
