"""The protocol without I/O and without a clock: what to keep of a frame, where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order. So a session never trusts an order: it drops what it has seen by a *set* of mids, and it
resumes from the mid that was known before the *previous* connect, so that what slipped through
while that connection was made comes again. The position moves only after the sink has the events.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bxpull_nb.codec import Answer, Codec, JsonRpcCodec, recognised
from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Position, Record

__all__ = ["Received", "Resume", "SeenMids", "Session"]

_OVERLAP = 50_000  # messages; a resume reaches back once or twice as far, never further
_DISORDER = 1.0  # seconds by which a server delivers messages out of order, with a margin
_SERVICES = {"channel_expire", "config_expire", "server_restart"}


class SeenMids:
    """The mids of at least the last `limit` messages, over all lanes of one feed.

    Each with a fingerprint of its message: a server whose storage was wiped counts from the
    beginning again, and a new message under an old mid is no copy. Kept in two generations, so
    that forgetting the older one is a pointer move and not a walk.
    """

    def __init__(self, limit: int = 200_000) -> None:
        self._limit = limit
        self._newer: dict[str | None, int] = {}
        self._older: dict[str | None, int] = {}
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


class Received(msgspec.Struct, frozen=True):
    """What one frame came to."""

    records: Sequence[Record] = ()
    """New events and unreadable messages, in the order of the frame."""
    copies: Sequence[str] = ()
    """Mids of the messages dropped because they had been seen."""
    left_out: Sequence[int] = ()
    """Places in the frame, from 0, of the messages that are not among `records`."""
    old: int = 0
    """Messages dropped because they are from before the capture."""
    newest: str | None = None
    """The greatest mid of the frame, seen before or not."""
    is_whole: bool = True
    """Nothing in the frame was damaged, or only what was known to be."""
    was_reset: bool = False
    """The server counts anew: its storage was wiped, and old positions mean nothing."""
    services: Sequence[Event] = ()
    """New messages of the push system to its clients, among `records` too."""
    answers: Sequence[Answer] = ()
    """Answers to calls of ours (JSON-RPC)."""
    acknowledge: Sequence[str] = ()
    """Mids to acknowledge when the sink has the records (JSON-RPC), copies too."""
    dialect: str = ""
    """What the frame turned out to be written in: `text`, `protobuf`, `json` or `jsonrpc`."""

    @property
    def duplicates(self) -> int:
        """How many messages were dropped because they had been seen."""
        return len(self.copies)


class Resume(msgspec.Struct, frozen=True):
    """Where an earlier process stopped: what its listener's successor begins with."""

    seen: SeenMids
    """Every message that may come again."""
    last: Mapping[str | None, Batch] = {}
    """The last batch of each lane."""
    since: float | None = None
    """When the capture began: Unix seconds by the portal's clock; None when it did not yet."""
    begin: Callable[[float], None] = lambda _: None
    """Told of that moment by the listener that begins the capture."""


class Session:
    """One lane: its codec and its position. The seen mids are shared by all lanes of a feed."""

    def __init__(self, codec: Codec, seen: SeenMids) -> None:
        self.codec = codec
        self.newest: str | None = None
        self._seen = seen
        self._newest_sent = float("-inf")
        self._safe: str | None = None
        self._safe_before: str | None = None
        self._audited: str | None = None
        self._first: str | None = None
        self._floor: deque[str] = deque(maxlen=2)
        self._since_floor = 0

    def resume_point(self) -> str | None:
        """The mid to connect with: the newest known before the previous connect.

        After the first connection the first mid that it brought: nothing older was promised.
        Never further back than the seen mids reach. None when no mid is known.
        """
        return self._not_below_floor(self._safe)

    def audit_point(self) -> str | None:
        """The mid to ask an audit with: the newest known before the previous audit.

        None before the first audit: what was missed may be older than all that came.
        """
        floor = self._floor[0] if len(self._floor) == 2 else None
        if self._audited is None or floor is None:
            return self._audited or floor
        return max(self._audited, floor)

    @property
    def position(self) -> Position:
        """Where it stands, for a successor to go on from: see `restore`."""
        return Position(self.resume_point(), self._audited, self.newest, self._newest_sent)

    def restore(self, batch: Batch) -> None:
        """Stand where the session stood that stored this batch: the last one of its process.

        What was not safe then is asked again, up to all since the beginning of the capture.
        """
        position = batch.position or Position()
        self.newest, self._newest_sent = position.newest, position.newest_sent
        self._safe, self._audited = position.safe, position.audited
        mids = [record.mid for record in batch.records]
        was_reset = self._was_reset(batch.records, mids)
        newest = max(filter(None, mids), default=None)
        self.stored(Received(batch.records, newest=newest, was_reset=was_reset))
        self._first = None

    def connected(self) -> None:
        """Call when a connection stands, before its frames: the next one resumes from here."""
        self._safe_before, self._safe = self._safe, self.newest

    def rewind(self, point: str | None) -> None:
        """Resume, and audit, from `point` again, an earlier `resume_point`."""
        self._safe = point
        if point is None or (self._audited or "") > point:
            self._audited = point

    def audited(self, newest: str | None) -> None:
        """All up to `newest`, the position when the audit was asked, is known to be here."""
        self._audited = newest

    def receive(
        self, frame: str | bytes, arrival: Arrival, *, since: float | None = None
    ) -> Received:
        """The frame's new records. Nothing is remembered until `stored` says they are safe.

        `since` (Unix seconds by the portal's clock) leaves out what is older: for a frame of
        history that reaches back before the capture.
        """
        codec = recognised(frame, self.codec)
        records = codec.decode(frame, arrival)
        mids = [record.mid for record in records]
        unseen, copies = self._new_of(records, mids)
        kept = unseen if since is None else _not_older(unseen, since)
        kept_ones = {id(record) for record in kept} if len(kept) < len(records) else ()
        is_rpc = codec.dialect == "jsonrpc"
        return Received(
            records=kept,
            copies=copies,
            left_out=tuple(at for at, r in enumerate(records) if id(r) not in kept_ones)
            if len(kept) < len(records)
            else (),
            old=len(unseen) - len(kept),
            newest=max(filter(None, mids), default=None),
            is_whole=all(self._seen.knows(r) for r in records if type(r) is BadFrame),
            was_reset=self._was_reset(kept, mids),
            services=[r for r in kept if r.module_id == "pull" and _is_service(r)],
            answers=JsonRpcCodec.answers(frame) if is_rpc and isinstance(frame, str) else (),
            acknowledge=[mid for mid in mids if mid] if is_rpc else (),
            dialect=codec.dialect,
        )

    def stored(self, received: Received) -> list[str]:
        """The sink has the records: remember them, move the position; the acknowledgements."""
        self._seen.add(received.records)
        if received.was_reset:
            self.forget_position()
        if not received.is_whole:  # what the connection was to bring again may not have come
            self._safe = self._safe_before
        self.advance(received.newest)
        self._remember_times(received.records)
        return [f"mack:{mid}" for mid in received.acknowledge]

    def advance(self, mid: str | None) -> None:
        """Move the position to `mid` if it is a valid one and later than the position."""
        if not mid or len(mid) != 26 or not mid.isdecimal():
            return
        self._first = self._first or mid
        if mid > (self.newest or ""):
            self.newest = mid

    def forget_position(self) -> None:
        """The server counts anew: the next connection asks for all that is stored."""
        self.newest = self._safe = self._safe_before = self._audited = self._first = None
        self._floor.clear()
        self._newest_sent = float("-inf")

    def _not_below_floor(self, point: str | None) -> str | None:
        known = point or self._first
        if known is None or len(self._floor) < 2:
            return known
        return max(known, self._floor[0])

    def _new_of(
        self, records: list[Record], mids: list[str | None]
    ) -> tuple[Sequence[Record], Sequence[str]]:
        """The records that were not seen, and the mids of the others."""
        if len(set(mids)) == len(mids) and self._seen.isdisjoint(mids):
            return records, ()
        unseen: list[Record] = []
        copies: list[str] = []
        in_frame: set[str] = set()
        for record in records:
            mid = record.mid
            if mid is None or not (mid in in_frame or self._seen.holds(record)):
                unseen.append(record)
            else:
                copies.append(mid)
            if mid is not None:
                in_frame.add(mid)
        return unseen, copies

    def _was_reset(self, records: Sequence[Record], mids: Sequence[str | None]) -> bool:
        """Whether a new message has a mid below the position, and is later than the position.

        `mids` holds theirs: nearly always they are all above, and that is the whole answer.
        """
        newest = self.newest
        if newest is None or min(filter(None, mids), default="") > newest:
            return False
        return any(
            record.mid is not None
            and record.mid <= newest
            and record.server_time_unix is not None
            and record.server_time_unix > self._newest_sent + _DISORDER
            for record in records
        )

    def _remember_times(self, records: Sequence[Record]) -> None:
        sent = [record.server_time_unix or 0.0 for record in records]
        self._newest_sent = max(self._newest_sent, *sent, 0.0)
        self._since_floor += len(records)
        if self._since_floor >= _OVERLAP and self.newest is not None:
            self._since_floor = 0
            self._floor.append(self.newest)


def _fingerprints(records: Sequence[Record]) -> list[int]:
    """What tells messages under one mid apart, and is the same in every dialect.

    The params are not, where there is a time: one dialect keeps the spelling of their JSON,
    another does not.
    """
    return [
        hash((r.command, r.params_json if r.server_time_unix is None else r.server_time_unix))
        for r in records
    ]


def _is_service(record: Record) -> bool:
    return isinstance(record, Event) and (record.command or "").lower() in _SERVICES


def _not_older(records: Sequence[Record], since: float) -> list[Record]:
    return [r for r in records if r.server_time_unix is None or r.server_time_unix >= since]
