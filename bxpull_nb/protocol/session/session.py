"""One lane's position: what to keep of a frame, and where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order (protocol 2.3). So a session never trusts an order. It drops duplicates by a *set* of mids.
It resumes from the mid that was known before the *previous* connection, so that messages lost
while that connection was made come again. The position moves only after the target has the events.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import msgspec

from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Position, Record, RecordBatch
from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, RpcAnswer, decoded
from bxpull_nb.protocol.session.seen_mids import SeenMids

__all__ = ["Received", "Resume", "Session"]

_OVERLAP = 50_000  # messages; a resume reaches back once or twice as far, never further
_DISORDER = 1.0  # seconds by which a server delivers messages out of order, with a margin
_SERVICE_COMMANDS = {"channel_expire", "config_expire", "server_restart"}


class Received(msgspec.Struct, frozen=True):
    """The result of `Session.receive`: the batch to store, and what the frame says beyond it."""

    batch: Batch = Batch()
    """The frame's new records, for the target."""
    old: int = 0
    """Messages dropped because they are older than the capture."""
    newest: str | None = None
    """The greatest mid of the frame, seen before or not; torn messages do not count."""
    is_whole: bool = True
    """Whether nothing in the frame was damaged, except messages known to be."""
    is_torn: bool = False
    """Whether the frame could not be read to its end: it must be asked for again."""
    was_reset: bool = False
    """Whether the server restarted its count: its storage is empty, old positions mean nothing."""
    service_messages: Sequence[Event] = ()
    """New messages of the push system to its clients; the batch has them too."""
    answers: Sequence[RpcAnswer] = ()
    """Answers to calls of this client (JSON-RPC)."""
    acknowledge: Sequence[str] = ()
    """Mids to acknowledge once the records are stored (JSON-RPC), duplicates too."""


class Resume(msgspec.Struct, frozen=True):
    """The state in which an earlier process stopped: a new listener continues from it."""

    seen: SeenMids
    """Every message that may come again."""
    last: Mapping[str | None, Batch] = {}
    """The last batch of each lane."""
    since: float | None = None
    """When the capture began: Unix seconds by the portal's clock; None before it began."""


class Session:
    """The codec and the position of one lane. All lanes of a feed share the seen mids."""

    def __init__(self, codec: Codec, seen: SeenMids) -> None:
        self.codec = codec
        self.newest: str | None = None
        self._seen = seen
        self._newest_sent = float("-inf")
        self._safe: str | None = None
        self._safe_before: str | None = None
        self._audited: str | None = None
        self._began: str | None = None
        self._first: str | None = None  # the least mid of the first frame
        self._floor: deque[str] = deque(maxlen=2)
        self._since_floor = 0

    def resume_point(self) -> str | None:
        """Return the mid to connect with: the newest known before the previous connection.

        Before a second connection it is the mid at which the capture began. None where no
        message was stored then: the connection asks for everything since, because messages that
        the first one skipped may be older than all it brought. The mid is never older than the
        seen mids reach.
        """
        return self._not_below_floor(self._safe or self._began)

    def audit_point(self) -> str | None:
        """Return the mid for an audit: the newest known before the previous audit.

        None before the first audit: a missed message may be older than all that came.
        """
        return self._not_below_floor(self._audited)

    @property
    def position(self) -> Position:
        """The position, for another session to continue from: see `restore`."""
        return Position(self.resume_point(), self._audited, self.newest, self._newest_sent)

    def restore(self, batch: Batch) -> None:
        """Continue from the last batch that an earlier process stored.

        Everything that was not safe then is asked for again.
        """
        position = batch.position or Position()
        self.newest, self._newest_sent = position.newest, position.newest_sent
        self._safe, self._audited = position.safe, position.audited
        records = RecordBatch.of(batch.records)
        was_reset = self._was_reset(records)
        newest = records.mid_range[1] or None
        self.stored(Received(Batch(records), newest=newest, was_reset=was_reset))
        self._first = None  # which the last batch does not tell

    def connected(self) -> None:
        """Note that a connection was accepted; call it before its frames."""
        self._safe_before, self._safe = self._safe, self.newest

    def rewind(self, point: str | None) -> None:
        """Resume and audit from `point` again, an earlier `resume_point`."""
        self._safe = point
        if point is None or (self._audited or "") > point:
            self._audited = point

    def audited(self, newest: str | None) -> None:
        """Note that nothing up to `newest`, the position when the audit was sent, is missing."""
        self._audited = newest

    def receive(
        self, frame: str | bytes, arrival: Arrival, *, since: float | None = None
    ) -> Received:
        """Return the frame's new records; `stored` remembers them once they are safe.

        `since` (Unix seconds by the portal's clock) leaves out older messages: for a frame of
        history that reaches back before the capture. A message without a time is older when its
        mid is below all that came at first.
        """
        dialect, records = decoded(frame, self.codec, arrival)
        duplicates = self._duplicates(records)
        old = [] if since is None else self._older_ones(records, since, duplicates)
        left_out = sorted([*duplicates, *old])
        kept = records.without(left_out)
        bad = records.bad_frames
        is_torn = bool(bad) and any(record.is_torn for record in bad)
        is_rpc = dialect == "jsonrpc"
        dropped = tuple(mid for at in duplicates if (mid := records.mids[at]) is not None)
        return Received(
            batch=Batch(kept, frame, dialect, dropped, tuple(left_out), self.position),
            old=len(old),
            newest=_greatest_known(records) if is_torn else records.mid_range[1] or None,
            is_whole=not is_torn and all(r.mid is None or self._seen.knows(r) for r in bad),
            is_torn=is_torn,
            was_reset=self._was_reset(kept),
            service_messages=_service_messages(kept) if "pull" in kept.module_ids else (),
            answers=JsonRpcCodec.answers(frame) if is_rpc and isinstance(frame, str) else (),
            acknowledge=[mid for mid in records.mids if mid] if is_rpc else (),
        )

    def stored(self, received: Received) -> list[str]:
        """Remember the stored records, move the position, and return the acknowledgements."""
        self._seen.add(received.batch.records)
        if received.was_reset:
            self.forget_position()
        if not received.is_whole:  # what the connection was to bring again may not have come
            self._safe = self._safe_before
        self.advance(received.newest)
        batch = RecordBatch.of(received.batch.records)
        if self._first is None:
            self._first = batch.mid_range[0] or None
        self._remember_times(batch)
        return [f"mack:{mid}" for mid in received.acknowledge]

    def advance(self, mid: str | None) -> None:
        """Move the position to `mid` if that is valid and later."""
        if mid and len(mid) == 26 and mid.isdecimal() and mid > (self.newest or ""):
            self.newest = mid

    def begin(self, mid: str | None) -> None:
        """Begin the capture after this message: older ones were not promised."""
        self.advance(mid)
        self._began = self.newest

    def forget_position(self) -> None:
        """Forget the position after a reset: the next connection asks for everything stored."""
        self.newest = self._safe = self._safe_before = self._audited = self._began = None
        self._first = None
        self._floor.clear()
        self._newest_sent = float("-inf")

    def _not_below_floor(self, point: str | None) -> str | None:
        if len(self._floor) < 2:
            return point
        return max(point or "", self._floor[0])

    def _duplicates(self, batch: RecordBatch) -> list[int]:
        """Return the places of messages that were seen before, or earlier in the frame."""
        mids = batch.mids
        if len(set(mids)) == len(mids) and self._seen.isdisjoint(batch):
            return []
        duplicates: list[int] = []
        in_frame: set[str] = set()
        for at, record in enumerate(batch):
            if record.mid is None:
                continue
            if record.mid in in_frame or self._seen.holds(record):
                duplicates.append(at)
            in_frame.add(record.mid)
        return duplicates

    def _older_ones(self, batch: RecordBatch, since: float, duplicates: Sequence[int]) -> list[int]:
        """Return the places of messages older than the capture, except duplicates."""
        first, known = self._first or "", frozenset(duplicates)
        return [
            at
            for at, record in enumerate(batch)
            if at not in known and _is_older(record, since, first)
        ]

    def _was_reset(self, batch: RecordBatch) -> bool:
        """Whether a new message has a mid below the position, but a later time."""
        newest = self.newest
        if newest is None or batch.mid_range[0] > newest:
            return False  # nearly always
        return any(
            mid is not None
            and mid <= newest
            and sent is not None
            and sent > self._newest_sent + _DISORDER
            for mid, sent in zip(batch.mids, batch.times, strict=True)
        )

    def _remember_times(self, batch: RecordBatch) -> None:
        times = [time for time in batch.times if time is not None]
        self._newest_sent = max(self._newest_sent, 0.0, *times)
        self._since_floor += len(batch)
        if self._since_floor >= _OVERLAP and self.newest is not None:
            self._since_floor = 0
            self._floor.append(self.newest)


def _greatest_known(batch: RecordBatch) -> str | None:
    """Return the greatest mid of messages that are not torn."""
    known = (r.mid for r in batch if r.mid and not (isinstance(r, BadFrame) and r.is_torn))
    return max(known, default=None)


def _service_messages(batch: RecordBatch) -> list[Event]:
    """Return the messages of the push system to its clients (protocol 2.9)."""
    return [
        record
        for record in batch
        if isinstance(record, Event)
        and record.module_id == "pull"
        and (record.command or "").lower() in _SERVICE_COMMANDS
    ]


def _is_older(record: Record, since: float, first: str) -> bool:
    at = record.server_time_unix
    return (record.mid or first) < first if at is None else at < since
