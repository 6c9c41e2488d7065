"""One lane's position: what to keep of a frame, and where to resume.

A push server skips messages between two connections, repeats others, and delivers them out of
order (protocol 2.3). So a session never trusts an order. It drops duplicates by a *set* of mids.
It resumes from the mid that was known before the *previous* connection, so that messages lost
while that connection was made come again. The position moves only after the target has the events.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from bxpull_nb.models import Arrival, Batch, Position, Record, RecordBatch
from bxpull_nb.protocol.codec import Codec, decoded
from bxpull_nb.protocol.codec.joining import DecodedFrame
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.session.audits import Audit, AuditMemory
from bxpull_nb.protocol.session.mids import is_counted, just_before
from bxpull_nb.protocol.session.received import Received
from bxpull_nb.protocol.session.seen_mids import SeenMids
from bxpull_nb.protocol.session.sorting import (
    duplicates_in,
    greatest_known,
    older_ones,
    proof_of_reset,
    service_messages,
)

__all__ = ["Session"]

_OVERLAP = 50_000  # messages; a resume reaches back once or twice as far, never further


class Session:
    """The codec and the position of one lane; `seen` is a sibling of the other lanes' sets."""

    def __init__(self, codec: Codec, seen: SeenMids) -> None:
        self.codec = codec
        self.newest: str | None = None
        self.seen = seen
        self._safe: str | None = None
        self._safe_before: str | None = None
        self._audits = AuditMemory()
        self._began: str | None = None
        self._first_kept = ""  # what is before it was never handed over
        self.first: str | None = None  # the least mid of the first frame
        self._floor: deque[str] = deque(maxlen=2)
        self._since_floor = 0
        self._epoch = 0
        self._is_fresh = False  # connected, and nothing stored since

    def resume_point(self) -> str | None:
        """Return the mid to connect with: the newest known before the previous connection.

        Before a second connection it is the mid at which the capture began; None where that is
        unknown. An audit that found everything moves it too. The mid is never older than the
        seen mids reach.
        """
        return self._point_after(self._safe)

    def audit_point(self) -> str | None:
        """Return the mid for an audit: the newest known before the previous audit.

        Before the first audit it is the mid at which the capture began; None where that is
        unknown: a missed message may be older than all that came. A few messages that are known
        to be stored are asked for again.
        """
        return self._not_below_floor(self._audits.point(self._began))

    @property
    def history_point(self) -> str | None:
        """The mid after which all history belongs to the capture, as far as mids are seen."""
        return self._not_below_floor(self._began)

    def ask_audit(self, settled: str = "") -> Audit:
        """Return the question of an audit that begins now; `audited` takes it back.

        `settled` is the position of a second ago.
        """
        point, audits = self.audit_point(), self._audits
        expected = audits.expected if audits.expected > (point or "") else ""
        return Audit(
            point,
            self.newest,
            self._epoch,
            audits.confirmed,
            expected,
            settled,
            audits.found,
            audits.first,
        )

    @property
    def position(self) -> Position:
        """The position, for another session to continue from: see `restore`.

        Until a connection has brought something, its history may be still to come.
        """
        safe = self._safe_before if self._is_fresh else self._safe
        audited = max(self.audit_point() or "", self._first_kept) or None
        found = self._audits.found if self._audits.found > (audited or "") else None
        return Position(self._point_after(safe), audited, self.newest, found=found)

    def restore(self, batch: Batch) -> None:
        """Continue from the last batch that an earlier process stored.

        Everything that was not safe then is asked for again.
        """
        position = batch.position or Position()
        self.newest, self._safe = position.newest, position.safe
        self._began, self._audits.audited = position.safe, position.audited
        self._audits.expected, self._audits.found = position.newest or "", position.found or ""
        records = RecordBatch.of(batch.records)
        self.advance(records.mid_range[1])

    def connected(self) -> None:
        """Note that a connection was accepted; call it before its frames."""
        self._safe_before, self._safe = self._safe, self.newest
        self._is_fresh = True

    def forget_confirmed(self) -> None:
        """Note that earlier audits confirm nothing: another channel has messages for the lane."""
        self._audits.forget_confirmed()
        self._audits.first = "", 0

    def rewind(self, point: str | None) -> None:
        """Resume and audit from `point` again, an earlier `resume_point`."""
        self._epoch += 1
        self.forget_confirmed()
        self._safe = point
        if point is None or (self._audits.audited or "") > point:
            self._audits.audited = point

    @property
    def found(self) -> str:
        """The mid up to which known messages were stored at the last audit; empty for none."""
        return self._audits.found

    def audited(self, audit: Audit, answer: Received | None = None) -> None:
        """Note that nothing up to the position when the audit was asked is missing.

        The next audit asks for the last messages of the `answer` again. Without an answer the
        next audit asks from here, and nothing is confirmed.
        """
        if audit.epoch == self._epoch:
            self._audits.note(audit, answer, self._began)

    def receive(
        self,
        frame: str | bytes | DecodedFrame,
        arrival: Arrival,
        *,
        since: float | None = None,
        reset_below: str = "",
        wanted: str = "",
    ) -> Received:
        """Return the frame's new records; `stored` remembers them once they are safe.

        A new message with a mid up to `reset_below` proves that the server restarted its count.
        `wanted` is up to which mid an audit wants to find known messages.

        `since` (Unix seconds by the portal's clock) leaves out older messages: for a frame of
        history that reaches back before the capture. A message without a time is older when its
        mid is below all that came at first.
        """
        if not isinstance(frame, DecodedFrame):
            frame = DecodedFrame(frame, *decoded(frame, self.codec, arrival))
        content, records = frame.content, frame.records
        duplicates = duplicates_in(records, self.seen)
        first = self.first or ""
        old = [] if since is None else older_ones(records, since, first, duplicates)
        left_out = sorted([*duplicates, *old])
        kept = records.without(left_out)
        bad = records.bad_frames
        is_torn = bool(bad) and any(record.is_torn for record in bad)
        newest = greatest_known(records) if is_torn else records.mid_range[1] or None
        every = list(records) if duplicates else []  # made at once: an audit brings ten thousands
        known = [every[at] for at in duplicates]
        again = proof_of_reset(kept, known, self.seen, reset_below)
        position = Position(safe=FULL_HISTORY) if again else self.position
        is_rpc = frame.dialect == "jsonrpc"
        dropped = tuple(mid for at in duplicates if (mid := records.mids[at]) is not None)
        return Received(
            batch=Batch(
                kept,
                content,
                frame.dialect,
                dropped,
                tuple(left_out),
                position,
                frame.parts,
            ),
            at_us=arrival.received_us or 0,
            known=tuple(known),
            again=tuple(self._wanted_again(known, wanted)),
            old=len(old),
            mids=records.mids,
            newest=max(again) if again else newest,
            is_whole=not is_torn and all(r.mid is None or self.seen.knows(r) for r in bad),
            is_torn=is_torn,
            was_reset=bool(again),
            service_messages=service_messages(kept) if "pull" in kept.module_ids else (),
            acknowledge=[mid for mid in records.mids if mid] if is_rpc else (),
        )

    def stored(self, received: Received) -> list[str]:
        """Remember the stored records, move the position, and return the acknowledgements."""
        if received.was_reset:
            self.seen.count_restarted([*received.batch.records, *received.known])
            self.forget_position()
        self.seen.add(received.batch.records)
        self.seen.add_duplicates(received.known)
        self._audits.came(received)
        if not received.is_whole:  # what the connection was to bring again may not have come
            self._safe = self._safe_before
        self.advance(received.newest)
        self._is_fresh = False
        batch = RecordBatch.of(received.batch.records)
        if self.first is None:
            self.first = batch.mid_range[0] or None
        self._move_floor(len(batch))
        return [f"mack:{mid}" for mid in received.acknowledge]

    def advance(self, mid: str | None) -> None:
        """Move the position to `mid` if that is valid and later."""
        if mid and is_counted(mid) and mid > (self.newest or ""):
            self.newest = mid

    def begin(self, mid: str | None) -> None:
        """Begin the capture after the message `mid`, or before all messages without one."""
        self._began = self._first_kept = mid if mid and is_counted(mid) else FULL_HISTORY

    def remember_stored(self, records: Iterable[Record]) -> None:
        """Have audits ask for the newest of these again, which were stored before the capture.

        It is how a wipe shows before any message has come. A message without a time is left out:
        it may be spelled in another way when it comes again.
        """
        timed = (one for one in records if one.server_time_unix is not None)
        mids = {mid: one for one in timed if (mid := one.mid) and is_counted(mid)}
        if not self._audits.audited:
            old = [mid for mid in mids if mid <= (self._began or "")]
            self.seen.add(mids[mid] for mid in self._audits.expect(old))

    def start_over(self) -> None:
        """Ask for everything stored from now on, whatever is known."""
        self._epoch += 1
        self._audits.forget()
        self._safe = self._safe_before = None
        self._began = self._first_kept = FULL_HISTORY
        self._floor.clear()

    def begin_before(self, mid: str) -> None:
        """Begin the capture just before the message `mid`."""
        if is_counted(mid):
            self._began = self._first_kept = just_before(mid)

    @property
    def beginning(self) -> str | None:
        """The mid after which the capture began, or continued; None while it is unknown."""
        return self._began

    @property
    def has_begun(self) -> bool:
        """Whether the mid is known after which the capture began, or continues."""
        return bool(self._began or self._audits.audited)

    def forget_position(self) -> None:
        """Forget the position after a reset: everything the server stores now is new."""
        self.newest = self.first = None
        self.start_over()

    def _point_after(self, safe: str | None) -> str | None:
        point = max(safe or self._began or "", self._audits.audited or "")
        return self._not_below_floor(point or None)

    def _not_below_floor(self, point: str | None) -> str | None:
        if len(self._floor) < 2:
            return point
        return max(point or "", self._floor[0])

    def _wanted_again(self, known: Iterable[Record], wanted: str) -> Iterator[str]:
        """Yield the mids up to `wanted` of known messages that this lane itself had before."""
        for record in known:
            if record.mid and record.mid <= wanted and self.seen.has_received(record):
                yield record.mid

    def _move_floor(self, count: int) -> None:
        """Let the floor follow: a resume never reaches further back than the seen mids."""
        self._since_floor += count
        if self._since_floor >= _OVERLAP and self.newest is not None:
            self._since_floor = 0
            self._floor.append(self.newest)
