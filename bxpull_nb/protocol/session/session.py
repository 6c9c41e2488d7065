"""One lane's position: what to keep of a frame, where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order. So a session never trusts an order: it drops what it has seen by a *set* of mids, and it
resumes from the mid that was known before the *previous* connect, so that what slipped through
while that connection was made comes again. The position moves only after the sink has the events.
"""

from collections import deque
from collections.abc import Sequence

from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Position, Record, RecordBatch
from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, recognised
from bxpull_nb.protocol.session.received import Received
from bxpull_nb.protocol.session.seen_mids import SeenMids

__all__ = ["Session"]

_OVERLAP = 50_000  # messages; a resume reaches back once or twice as far, never further
_DISORDER = 1.0  # seconds by which a server delivers messages out of order, with a margin
_SERVICES = {"channel_expire", "config_expire", "server_restart"}


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
        self._began: str | None = None
        self._first: str | None = None  # the least mid of the first frame
        self._floor: deque[str] = deque(maxlen=2)
        self._since_floor = 0

    def resume_point(self) -> str | None:
        """The mid to connect with: the newest known before the previous connect.

        Until there was a second connection, the mid at which the capture began; None where it
        began with no message stored: then all since is to be asked for, as what the first
        connection skipped may be older than all that it brought. Never further back than the
        seen mids reach.
        """
        return self._not_below_floor(self._safe or self._began)

    def audit_point(self) -> str | None:
        """The mid to ask an audit with: the newest known before the previous audit.

        None before the first audit: what was missed may be older than all that came.
        """
        return self._not_below_floor(self._audited)

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
        records = RecordBatch.of(batch.records)
        was_reset = self._was_reset(records)
        self.stored(Received(records, newest=records.mid_range[1] or None, was_reset=was_reset))
        self._first = None  # which the last batch does not tell

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
        history that reaches back before the capture. A message without a time is older when its
        mid is below all that came at first.
        """
        codec = recognised(frame, self.codec)
        batch = codec.decode(frame, arrival)
        copies = self._copies(batch)
        old = [] if since is None else self._older_ones(batch, since, copies)
        left_out = sorted([*copies, *old])
        kept = batch.without(left_out)
        bad = batch.bad_frames
        is_torn = bool(bad) and any(record.is_torn for record in bad)
        is_rpc = codec.dialect == "jsonrpc"
        return Received(
            records=kept,
            copies=[mid for at in copies if (mid := batch.mids[at]) is not None] if copies else (),
            left_out=tuple(left_out),
            old=len(old),
            newest=_greatest_known(batch) if is_torn else batch.mid_range[1] or None,
            is_whole=not is_torn and all(r.mid is None or self._seen.knows(r) for r in bad),
            is_torn=is_torn,
            was_reset=self._was_reset(kept),
            services=_services(kept) if "pull" in kept.module_ids else (),
            answers=JsonRpcCodec.answers(frame) if is_rpc and isinstance(frame, str) else (),
            acknowledge=[mid for mid in batch.mids if mid] if is_rpc else (),
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
        batch = RecordBatch.of(received.records)
        if self._first is None:
            self._first = batch.mid_range[0] or None
        self._remember_times(batch)
        return [f"mack:{mid}" for mid in received.acknowledge]

    def advance(self, mid: str | None) -> None:
        """Move the position to `mid` if it is a valid one and later than the position."""
        if mid and len(mid) == 26 and mid.isdecimal() and mid > (self.newest or ""):
            self.newest = mid

    def begin(self, mid: str | None) -> None:
        """The capture begins behind this message: what is older was not promised."""
        self.advance(mid)
        self._began = self.newest

    def forget_position(self) -> None:
        """The server counts anew: the next connection asks for all that is stored."""
        self.newest = self._safe = self._safe_before = self._audited = self._began = None
        self._first = None
        self._floor.clear()
        self._newest_sent = float("-inf")

    def _not_below_floor(self, point: str | None) -> str | None:
        if len(self._floor) < 2:
            return point
        return max(point or "", self._floor[0])

    def _copies(self, batch: RecordBatch) -> list[int]:
        """The places of messages that were seen before, or earlier in the frame."""
        mids = batch.mids
        if len(set(mids)) == len(mids) and self._seen.isdisjoint(batch):
            return []
        copies: list[int] = []
        in_frame: set[str] = set()
        for at, record in enumerate(batch):
            if record.mid is None:
                continue
            if record.mid in in_frame or self._seen.holds(record):
                copies.append(at)
            in_frame.add(record.mid)
        return copies

    def _older_ones(self, batch: RecordBatch, since: float, copies: Sequence[int]) -> list[int]:
        """The places of messages from before the capture, less those of copies."""
        first, known = self._first or "", frozenset(copies)
        return [
            at
            for at, record in enumerate(batch)
            if at not in known and _is_older(record, since, first)
        ]

    def _was_reset(self, batch: RecordBatch) -> bool:
        """Whether a new message has a mid below the position, and is later than the position."""
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
    """The greatest mid of what did not come torn."""
    known = (r.mid for r in batch if r.mid and not (isinstance(r, BadFrame) and r.is_torn))
    return max(known, default=None)


def _services(batch: RecordBatch) -> list[Event]:
    """Messages of the push system to its clients."""
    return [
        record
        for record in batch
        if isinstance(record, Event)
        and record.module_id == "pull"
        and (record.command or "").lower() in _SERVICES
    ]


def _is_older(record: Record, since: float, first: str) -> bool:
    at = record.server_time_unix
    return (record.mid or first) < first if at is None else at < since
