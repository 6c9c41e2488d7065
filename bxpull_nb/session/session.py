"""One lane's position: what to keep of a frame, where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order. So a session never trusts an order: it drops what it has seen by a *set* of mids, and it
resumes from the mid that was known before the *previous* connect, so that what slipped through
while that connection was made comes again. The position moves only after the sink has the events.
"""

from collections import deque
from collections.abc import Sequence

from bxpull_nb.codec import Codec, JsonRpcCodec, recognised
from bxpull_nb.models import Arrival, BadFrame, Batch, Event, Position, Record
from bxpull_nb.session.received import Received
from bxpull_nb.session.seen import SeenMids

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
        mids = [record.mid for record in batch.records]
        was_reset = self._was_reset(batch.records, mids)
        newest = max(filter(None, mids), default=None)
        self.stored(Received(batch.records, newest=newest, was_reset=was_reset))
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
        records = codec.decode(frame, arrival)
        mids = [record.mid for record in records]
        unseen, copies = self._new_of(records, mids)
        kept = unseen
        if since is not None:
            kept = [r for r in unseen if not _is_older(r, since, self._first or "")]
        kept_ones = {id(record) for record in kept} if len(kept) < len(records) else ()
        bad = [record for record in records if type(record) is BadFrame]
        is_torn = any(record.is_torn for record in bad)
        known = mids
        if is_torn:
            known = [r.mid for r in records if type(r) is not BadFrame or not r.is_torn]
        is_rpc = codec.dialect == "jsonrpc"
        return Received(
            records=kept,
            copies=copies,
            left_out=tuple(at for at, r in enumerate(records) if id(r) not in kept_ones)
            if len(kept) < len(records)
            else (),
            old=len(unseen) - len(kept),
            newest=max(filter(None, known), default=None),
            is_whole=not is_torn and all(r.mid is None or self._seen.knows(r) for r in bad),
            is_torn=is_torn,
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
        if self._first is None:
            self._first = min(
                filter(None, (record.mid for record in received.records)), default=None
            )
        self._remember_times(received.records)
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


def _is_service(record: Record) -> bool:
    return isinstance(record, Event) and (record.command or "").lower() in _SERVICES


def _is_older(record: Record, since: float, first: str) -> bool:
    at = record.server_time_unix
    return (record.mid or first) < first if at is None else at < since
