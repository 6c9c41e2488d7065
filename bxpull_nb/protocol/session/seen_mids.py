"""The message ids that a lane received lately: a set for each lane, over a long, bounded window."""

from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from bxpull_nb.models import BadFrame, Record, RecordBatch

__all__ = ["SeenMids"]

_PARTS = 8
_UNPACKED = 2  # parts of a lane that audits and resumes ask for
_DIGITS = 26  # of nearly every mid


class SeenMids:
    """The mids of at least the last `limit` messages of one lane.

    A lane looks into the sets of its siblings too: a message to several channels arrives by
    each, under one mid. Each set is bounded by its own lane, so a busy lane never pushes out
    what a quiet one can be sent again.

    Each mid has a fingerprint of its message: a server whose storage was wiped counts from the
    beginning again, and a new message under an old mid is no duplicate. With `count_restarted`
    an epoch begins: messages of earlier epochs are still recognised, but no longer prove that
    the server restarted its count. The mids lie in parts, so that the oldest are dropped at
    once, without a scan; all but the newest are packed, to a fifth of their memory.
    """

    def __init__(self, limit: int = 200_000, family: "list[SeenMids] | None" = None) -> None:
        self._limit = limit
        self._family = [] if family is None else family
        self._epoch: int = self._newest_epoch()
        self._parts: deque[_Part] = deque([_Part(self._epoch)])
        self._count = 0
        self._greatest = ""
        self._family.append(self)

    def sibling(self, limit: int = 200_000) -> "SeenMids":
        """Return an empty set for another lane of the same feed."""
        return SeenMids(limit, self._family)

    def __contains__(self, mid: str) -> bool:
        return any(part.get(mid) is not None for part in self._all_parts())

    def count_restarted(self, records: Iterable[Record] = ()) -> None:
        """Begin an epoch: the server counts from the beginning, so known mids come again.

        It is the epoch that a sibling began, unless that has another message under a mid of
        `records`, which prove the restart: then the count has restarted once more since.
        """
        self._epoch = max(self._epoch + 1, self._newest_epoch())
        if self.has_another_of(records):
            self._epoch = self._newest_epoch() + 1
        self._parts.append(_Part(self._epoch))

    @property
    def is_behind(self) -> bool:
        """Whether a sibling noticed that the count restarted, and this lane has not."""
        return self._epoch < self._newest_epoch()

    def isdisjoint(self, batch: RecordBatch) -> bool:
        """Whether no mid of the batch was seen by any lane."""
        least, _ = batch.mid_range
        for seen in self._family:
            if least > seen._greatest:
                continue  # nearly always, and without a lookup in large dicts
            if not all(part.isdisjoint(batch) for part in seen._parts):
                return False
        return True

    def holds(self, record: Record) -> bool:
        """Whether this very message was seen, not just another one under its mid.

        A damaged duplicate counts as the message, within an epoch.
        """
        if type(record) is BadFrame and record.mid:
            return any(part.get(record.mid) is not None for part in self._present_parts())
        return self.knows(record)

    def knows(self, record: Record) -> bool:
        """Whether this message was seen as it is."""
        wanted = _fingerprint(record)
        return any(part.get(record.mid) == wanted for part in self._all_parts())

    def known_places(self, batch: RecordBatch) -> list[int]:
        """Return the places of the records that `knows` knows, in far less time."""
        fingerprints, places = _fingerprints(batch), set[int]()
        for part in self._all_parts():
            if not part.isdisjoint(batch):
                known = part.fingerprints()
                pairs = zip(map(known.get, batch.mids), fingerprints, strict=True)
                places.update(at for at, (here, there) in enumerate(pairs) if here == there)
        return sorted(places)

    def has_another(self, record: Record) -> bool:
        """Whether another readable message was seen under this mid since the count restarted."""
        known = (part.get(record.mid) for part in self._present_parts())
        readable = {value for value in known if value is not None and not value & 1}
        return bool(readable - {_fingerprint(record)})

    def has_another_of(self, records: Iterable[Record]) -> bool:
        """Whether a readable record has a mid under which `has_another` knows another message."""
        batch = RecordBatch.of(records)
        if self.isdisjoint(batch):
            return False  # nearly always
        return any(type(record) is not BadFrame and self.has_another(record) for record in batch)

    def has_received(self, record: Record) -> bool:
        """Whether this lane itself received the message, not just a sibling."""
        wanted = _fingerprint(record)
        return any(part.get(record.mid) == wanted for part in self._parts)

    def add(self, records: Iterable[Record], duplicates: Iterable[str] = ()) -> None:
        """Remember the records, and the mids of duplicates that a sibling received first."""
        batch = RecordBatch.of(records)
        if batch:
            self._with_room().add(batch)
            self._grown(len(batch))
            self._greatest = max(self._greatest, batch.mid_range[1])
        unknown = set(duplicates)
        for part in self._present_own() if unknown else ():
            unknown = {mid for mid in unknown if part.get(mid) is None}
        for mid in sorted(unknown):
            received = self._last_of_siblings(mid)
            if received is not None:
                self._adopt(mid, received)

    def add_duplicates(self, records: Sequence[Record]) -> None:
        """Remember messages that were seen: this lane may be sent them when a sibling forgot them.

        Of a damaged one only the mid is known.
        """
        if not records:  # nearly always
            return
        readable = [record for record in records if type(record) is not BadFrame]
        unknown = [(record.mid, _fingerprint(record)) for record in readable if record.mid]
        for part in self._present_own() if unknown else ():
            unknown = [(mid, one) for mid, one in unknown if part.get(mid) != one]
        for mid, received in unknown:
            self._adopt(mid, received)
        self.add((), [one.mid for one in records if type(one) is BadFrame and one.mid])

    def _adopt(self, mid: str, received: int) -> None:
        """Remember the fingerprint of what a sibling received."""
        part = self._with_room()
        if part.get(mid) is not None:  # a part holds one message under each mid
            self._parts.append(part := _Part(self._epoch))
        part.put([mid], [received])
        self._grown(1)
        self._greatest = max(self._greatest, mid)

    def _last_of_siblings(self, mid: str) -> int | None:
        """Return the fingerprint that came last under the mid; this lane's own comes last."""
        others = [
            part for seen in self._family if seen is not self for part in reversed(seen._parts)
        ]
        values = (part.get(mid) for part in [*others, *reversed(self._parts)])
        return next((value for value in values if value is not None), None)

    def _newest_epoch(self) -> int:
        return max((seen._epoch for seen in self._family), default=0)

    def _with_room(self) -> "_Part":
        if self._parts[-1].count >= self._limit // _PARTS:
            self._parts.append(_Part(self._epoch))
            for part in islice(self._parts, max(len(self._parts) - _UNPACKED, 0)):
                part.pack()
        return self._parts[-1]

    def _grown(self, count: int) -> None:
        """Count the new mids, and drop the oldest part that the limit no longer needs."""
        self._count += count
        while self._count - self._parts[0].count >= self._limit:
            self._count -= self._parts.popleft().count

    def _all_parts(self) -> "Iterable[_Part]":
        return (part for seen in self._family for part in reversed(seen._parts))

    def _present_own(self) -> "list[_Part]":
        """Return this lane's own parts of the present epoch."""
        return [part for part in self._parts if part.epoch == self._epoch]

    def _present_parts(self) -> "Iterable[_Part]":
        """Yield the parts since this lane last noticed that the count restarted."""
        return (part for part in self._all_parts() if part.epoch >= self._epoch)


class _Packed(NamedTuple):
    """The mids joined to one text, and their fingerprints, or the times and commands of these."""

    mids: str
    numbers: "array[int] | array[float]"
    commands: list[str | None] | None

    def fingerprints(self) -> dict[str | None, int]:
        """Return the fingerprint of the last message under each mid."""
        mids = (self.mids[at : at + _DIGITS] for at in range(0, len(self.mids), _DIGITS))
        if self.commands is None:
            return dict(zip(mids, map(int, self.numbers), strict=True))
        pairs = zip(self.numbers, self.commands, strict=True)
        return dict(zip(mids, map(_event_fingerprint, pairs), strict=True))


class _Part:
    """Some of the mids; most are never looked up, so the dict is built at the first lookup.

    Without the range of its mids, each lookup would unpack it.
    """

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.count = 0
        self._mids: list[str | None] = []  # of those that are not in the dict yet
        self._times: list[float | None] = []
        self._commands: list[str | None] = []
        self._known: dict[str | None, int] = {}
        self._packed: _Packed | None = None
        self._least, self._greatest = "", ""

    def add(self, batch: RecordBatch) -> None:
        if None in batch.times:
            self.put(batch.mids, _fingerprints(batch))
            return
        self.count += len(batch)
        self._widen(*batch.mid_range)
        self._mids += batch.mids
        self._times += batch.times
        self._commands += batch.commands

    def put(self, mids: Sequence[str | None], fingerprints: Iterable[int]) -> None:
        self.count += len(mids)
        known = list(filter(None, mids))
        self._widen(min(known, default=""), max(known, default=""))
        self.fingerprints().update(zip(mids, fingerprints, strict=True))

    def get(self, mid: str | None) -> int | None:
        """Return the fingerprint of the last message under the mid; None for an unknown one."""
        if not mid or not self._least <= mid <= self._greatest:
            return None
        return self.fingerprints().get(mid)

    def isdisjoint(self, batch: RecordBatch) -> bool:
        """Whether the part has no mid of the batch."""
        least, greatest = batch.mid_range
        if least > self._greatest or greatest < self._least:
            return True
        return self.fingerprints().keys().isdisjoint(batch.mids)

    def pack(self) -> None:
        """Pack the mids until a lookup, if all have 26 digits."""
        if self._known and self._mids:
            self.fingerprints()
        mids = self._mids or list(self._known)
        if self._packed is not None or any(len(mid or "") != _DIGITS for mid in mids):
            return
        joined = "".join(mids)  # type: ignore[arg-type]  # none is missing
        if self._known:
            self._packed = _Packed(joined, array("q", self._known.values()), None)
        else:
            times: list[Any] = self._times  # none is missing
            self._packed = _Packed(joined, array("d", times), self._commands)
        self._known, self._mids, self._times, self._commands = {}, [], [], []

    def _widen(self, least: str, greatest: str) -> None:
        if least:
            self._least = min(self._least or least, least)
            self._greatest = max(self._greatest, greatest)

    def fingerprints(self) -> dict[str | None, int]:
        """Return the fingerprint of the last message under each mid."""
        if self._packed is not None:
            self._known, self._packed = self._packed.fingerprints(), None
        if self._mids:
            pairs = zip(self._times, self._commands, strict=True)
            self._known.update(zip(self._mids, map(_event_fingerprint, pairs), strict=True))
            self._mids, self._times, self._commands = [], [], []
        self._known.pop(None, None)
        self._known.pop("", None)
        return self._known


def _fingerprints(batch: RecordBatch) -> list[int]:
    """Return the `_fingerprint` of each record; of whole columns where all have a time."""
    if None in batch.times or batch.errors is not None:
        return [_fingerprint(record) for record in batch]
    return list(map(_event_fingerprint, zip(batch.times, batch.commands, strict=True)))


def _fingerprint(record: Record) -> int:
    """Return a value that differs between messages under one mid: their time and command.

    It is the same in every dialect. Without a time it is the content's hash, although dialects
    may spell the same content differently. It is odd for damaged messages.
    """
    sent = record.server_time_unix
    content = (record.params_json if sent is None else sent, record.command)
    return hash(content) | 1 if type(record) is BadFrame else _event_fingerprint(content)


def _event_fingerprint(content: tuple[object, object]) -> int:
    return hash(content) & ~1
