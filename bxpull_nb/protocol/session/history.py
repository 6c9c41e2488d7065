"""Decides what is history and what is new, for one lane, without I/O and without a clock.

A capture begins with a moment, not with a mid. Until one is known, a server may answer with
messages stored before: they are passed over. Afterwards everything since the beginning is new.
"""

from bxpull_nb.models import Arrival
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.session.session import Received, Session

__all__ = ["HistoryPolicy"]


class HistoryPolicy:
    """Decides with which mid a lane connects, and which messages of a frame are older.

    `since` is when the capture began (Unix seconds by the portal's clock); `resumed` says that
    this was in an earlier process. `backfill` takes everything stored as new. `baseline` is the
    time in seconds within which the answer to a first poll is history. `now` is always in
    seconds of a monotonic clock.
    """

    def __init__(
        self, session: Session, *, since: float, resumed: bool, backfill: bool, baseline: float
    ) -> None:
        self.session = session
        self._since, self._resumed, self._backfill = since, resumed, backfill
        self._baseline = baseline
        self._was_accepted = resumed
        self._is_accepted = False
        self._asked_at: float | None = None
        self._since_of_next: float | None = None
        self._next_is_baseline = False

    def has_begun(self, now: float) -> bool:
        """Whether the capture has begun: a connection was accepted, or a first poll waited."""
        asked = self._asked_at
        return self._was_accepted or (asked is not None and now - asked >= self._baseline)

    def connecting(self) -> None:
        """Note that a connection is being made."""
        self._is_accepted = False

    def next_mid(self, now: float, *, polls: bool) -> str | None:
        """Return the mid for the next request; None for a connection that wants no history."""
        mid, begun = self.session.resume_point(), self.has_begun(now)
        if mid is None and (self._backfill or polls or begun):
            mid = FULL_HISTORY
            if not self._backfill:
                self._next_is_baseline = not begun
                nothing_was_stored = self._is_accepted and self.session.newest is None
                self._since_of_next = self._since if begun and not nothing_was_stored else None
        if not begun:
            self._asked_at = now
        return mid

    def accepted(self, now: float) -> bool:
        """Note that the server accepted the request; whether it is the connection's first."""
        self._next_is_baseline = self._next_is_baseline and not self.has_begun(now)
        self.session.connected()
        is_first, self._is_accepted = not self._is_accepted, True
        self._was_accepted = True
        return is_first

    def receive(self, frame: str | bytes, arrival: Arrival) -> Received:
        """Return the new records of a frame that a connection brought."""
        if self._next_is_baseline:
            self._next_is_baseline = False
            return self._pass_over(frame, arrival)
        since, self._since_of_next = self._since_of_next, None
        return self.session.receive(frame, arrival, since=since)

    def receive_audit(self, frame: str | bytes, arrival: Arrival, point: str | None) -> Received:
        """Return the new records of the history after `point`, as an audit brought it."""
        since = self._since if point is None and not self._backfill else None
        return self.session.receive(frame, arrival, since=since)

    def _pass_over(self, frame: str | bytes, arrival: Arrival) -> Received:
        """Move the position over a frame that was stored before the capture."""
        received = self.session.receive(frame, arrival)
        self.session.begin(received.newest)
        return Received(old=len(received.batch.records))
