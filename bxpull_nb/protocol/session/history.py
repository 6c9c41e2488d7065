"""Decides what is history and what is new, for one lane, without I/O and without a clock.

A capture begins after a mid: the newest that the server stored then. A first poll asks for
everything stored. An answer at once is older than the capture; a poll that the server holds means
that nothing was stored, or that the server is slow: then only the messages' times can show which of
them are older. Every later message is new.
"""

from collections import deque
from collections.abc import Sequence

from bxpull_nb.models import Arrival, Record, RecordBatch
from bxpull_nb.protocol.codec.joining import DecodedFrame
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.session.audits import Audit
from bxpull_nb.protocol.session.mids import is_counted
from bxpull_nb.protocol.session.received import Received
from bxpull_nb.protocol.session.session import Session

__all__ = ["HistoryPolicy"]

_SETTLED = 1.25  # seconds after which no message can overtake another any more
_HISTORY = 2.0  # seconds after a connection within which a server may still send history
_CLOCK_ERROR = 60.0  # seconds by which a sender's clock may be behind
_SEVERAL = 2  # messages; a poll that was held brings a single new one
_MANY = 50  # messages; fewer may have been published between two requests


class HistoryPolicy:
    """Decides with which mid a lane connects, and which messages of a frame are older.

    `since` is when the capture began (Unix seconds by the portal's clock); it counts only where
    no mid is known. `resumed` continues a capture, `backfill` takes everything stored as new.
    `now` is always in seconds of a clock that counts no sleep of the machine.
    """

    def __init__(self, session: Session, *, since: float, resumed: bool, backfill: bool) -> None:
        self.session = session
        self._since, self._resumed = since, resumed
        self._asked: str | None = None
        self._asked_unplaced = False  # all was asked for, and no mid parts old from new
        self._accepted_at: float | None = None
        self._frames = 0  # since the connection was accepted
        self._has_given_up = False
        self._history_size: int | None = None  # see `_receive_late`
        self.seems_empty = False
        """Whether the server seems to store nothing; a slow one may still show its history."""
        self._newest_at: deque[tuple[float, str]] = deque()
        self._stored: Sequence[Record] = ()  # before the beginning, until they are remembered
        self._begun_at = 0.0
        if resumed and session.beginning == FULL_HISTORY and session.newest is None:
            self._history_size = _MANY
        self.follow_siblings()  # the process before may have ended before it did so
        if backfill:
            self._history_size = None
            session.start_over()

    @property
    def needs_baseline(self) -> bool:
        """Whether it is still unknown after which mid the capture began."""
        return not (self.session.has_begun or self._resumed or self._has_given_up)

    def next_mid(self, *, polls: bool) -> str | None:
        """Return the mid for the next request; None for a connection that wants no history."""
        if self.seems_empty and self._accepted_at is not None:  # what comes meanwhile is new
            self.begin_held()
        if self._history_size:
            self._history_size = _MANY
        self._asked = self.session.resume_point()
        if self._asked is None and (polls or not self.needs_baseline):
            self._asked = FULL_HISTORY
        is_placed = self.session.has_begun or self.needs_baseline
        self._asked_unplaced = self._asked == FULL_HISTORY and not is_placed
        self._frames = 0
        return self._asked

    def follow_siblings(self) -> bool:
        """Start over after a reset that only a sibling noticed; return whether there was one.

        Its position is of before the reset, and the server stores nothing after it: the lane
        itself may get no message that shows it. Call it before each request.
        """
        if not self.session.seen.is_behind:
            return False
        self.session.seen.count_restarted()
        self.session.forget_position()
        self._forget_position()
        return True

    def note_position(self, now: float) -> None:
        """Note where the lane is while nothing comes: a later message below proves a reset."""
        point = self.session.resume_point() or ""  # known before a message has come
        self._mark(max(self.session.newest or "", point), now)

    def accepted(self, now: float) -> None:
        """Note that the server accepted the connection, or answered a poll."""
        self.session.connected()
        self._accepted_at = now

    def begin(self, mid: str | None, stored: Sequence[Record] = (), now: float = 0.0) -> None:
        """Note after which mid the capture began: the newest stored; None if nothing was.

        It began before every message that has come meanwhile. `stored` are the newest ones
        stored: a second after `now` a connection has brought those of them that are new.
        """
        if not self.needs_baseline:
            return
        self._stored, self._begun_at = stored, now
        first = self.session.first
        if mid and first and mid >= first:
            self.session.begin_before(first)
        else:
            self.session.begin(mid)

    def begin_held(self) -> None:
        """Note that the server holds the first poll: it stores nothing, or is slow."""
        if self.needs_baseline:
            self._history_size = _SEVERAL
        self.begin(None)

    def give_up(self) -> None:
        """Note that the beginning cannot be found: the first message must do."""
        self._has_given_up = True

    def receive(
        self, frame: str | bytes | DecodedFrame, arrival: Arrival, now: float, *, polls: bool
    ) -> Received:
        """Return the new records of a frame that a connection brought."""
        if polls and self.needs_baseline:
            return self._pass_over(frame, arrival)
        if self._history_size:
            return self._noted(self._receive_late(frame, arrival, self._history_size), now)
        since = None if self._asked is None else self._since_of(self._asked)
        if self._asked_unplaced:  # an audit may have found a position meanwhile
            since = self._since
        below = self._reset_below(now, polls=polls)
        received = self.session.receive(frame, arrival, since=since, reset_below=below)
        return self._noted(received, now)

    def ask_audit(self, now: float) -> Audit:
        """Return the question of an audit that begins now."""
        if self._stored and now - self._begun_at > _SETTLED:
            self.session.remember_stored(self._stored)
            self._stored = ()
        return self.session.ask_audit(self._settled(now))

    def receive_audit(
        self,
        frame: str | bytes,
        arrival: Arrival,
        now: float,
        point: str | None,
        confirmed: str = "",
        wanted: str = "",
    ) -> Received:
        """Return the new records of the history after `point`, as an audit brought it.

        Up to the mid `confirmed` an earlier audit of the same history found everything. `wanted`
        is up to which mid known messages are to come again.
        """
        below = min(max(point or "", confirmed), self._settled(now))
        received = self.session.receive(
            frame, arrival, since=self._since_of(point), reset_below=below, wanted=wanted
        )
        return self._noted(received, now)

    def _since_of(self, point: str | None) -> float | None:
        """Return the time before which messages are old; None where the mid decided already."""
        if point is None:  # a channel that ended before it was known where the capture began
            return self._since
        return None if self.session.has_begun or point != FULL_HISTORY else self._since

    def _reset_below(self, now: float, *, polls: bool) -> str:
        """Return the mid up to which a new message proves a reset.

        A server never answers with history up to the mid that it was asked with. A live message
        is at most a second out of order.
        """
        asked, settled = self._asked or "", self._settled(now)
        if polls:
            return min(asked, settled)
        accepted = self._accepted_at
        is_live = self._frames > 0 and accepted is not None and now - accepted > _HISTORY
        return max(asked, settled) if is_live else asked

    def _settled(self, now: float) -> str:
        """Return the position of a second ago."""
        marks = self._newest_at
        while len(marks) > 1 and marks[1][0] <= now - _SETTLED:
            marks.popleft()
        return marks[0][1] if marks and marks[0][0] <= now - _SETTLED else ""

    def _noted(self, received: Received, now: float) -> Received:
        self._frames += 1
        if self._has_given_up and not self.session.has_begun:
            least, _ = RecordBatch.of(received.batch.records).mid_range
            self.session.begin_before(self.session.first or least)
        beginning = self.session.resume_point() or ""
        newest = max(received.newest or "", self.session.newest or "", beginning)
        if received.was_reset:
            self._forget_position()
            newest = received.newest or ""
        self._mark(newest, now)
        return received

    def _forget_position(self) -> None:
        """Forget what came before a reset: a low mid proves no other one."""
        self._newest_at.clear()
        self._asked, self._stored, self._asked_unplaced = None, (), False

    def _mark(self, newest: str, now: float) -> None:
        marks = self._newest_at
        if newest and (not marks or (now - marks[-1][0] >= _SETTLED / 4 and newest > marks[-1][1])):
            marks.append((now, newest))

    def _receive_late(
        self, frame: str | bytes | DecodedFrame, arrival: Arrival, size: int
    ) -> Received:
        """Begin the capture after messages that are long before it, where a slow server sends them.

        They come together with others, `size` at least. Fewer are new, whatever their times.
        """
        since = self._since - _CLOCK_ERROR
        received = self.session.receive(frame, arrival, since=since)
        self._history_size = None if received.mids else size
        if len(received.mids) < size or not received.old:
            return self.session.receive(frame, arrival)
        kept = {record.mid for record in received.batch.records}
        counted = {mid for mid in received.mids if mid and is_counted(mid)}
        self.session.begin(max(counted - kept, default=None))
        return self.session.receive(frame, arrival, since=since)  # with that position

    def _pass_over(self, frame: str | bytes | DecodedFrame, arrival: Arrival) -> Received:
        """Begin the capture after a frame that was stored before it."""
        received = self.session.receive(frame, arrival)
        self.session.begin(received.newest)
        self.session.advance(received.newest)
        self.session.remember_stored(received.batch.records)
        old, ended = len(received.batch.records), received.service_messages
        return Received(old=old, service_messages=ended)
