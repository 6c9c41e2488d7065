"""Frames of one lane into the sink, and counted."""

import logging

from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.listener.shared import LaneSettings
from bxpull_nb.models import IS_LOG_ENTRY, Arrival, Batch, RecordBatch
from bxpull_nb.protocol.session import Received, Session

__all__ = ["Ingest"]

_log = logging.getLogger("bxpull_nb")


class Ingest:
    """What becomes of a frame: its new records go into the sink, and the counters count it."""

    def __init__(
        self, kind: str | None, session: Session, settings: LaneSettings, activity: LaneActivity
    ) -> None:
        self._kind = kind
        self._session = session
        self._sink = settings.sink
        self._stats = settings.stats
        self._clock = settings.timing.clock
        self._activity = activity

    def keep(self, frame: str | bytes, transport: str, *, since: float | None = None) -> Received:
        """Put the new records of the frame into the sink, and count them.

        `since` (Unix seconds by the portal's clock) leaves out what is older.
        """
        arrival = self._arrival(transport)
        received = self._session.receive(frame, arrival, since=since)
        if received.records or received.copies:
            self._sink(
                Batch(
                    received.records,
                    frame,
                    received.dialect,
                    received.copies,
                    received.left_out,
                    self._session.position,
                )
            )
        self._count(frame, received, arrival)
        if received.was_reset:
            name = self._kind or "jwt"
            _log.warning(
                "%s: the push server counts anew, its history is asked again",
                name,
                extra=IS_LOG_ENTRY,
            )
            self._activity.reset()
        return received

    def pass_over(self, frame: str | bytes, transport: str) -> Received:
        """Only move over the frame: it is what the server had stored before the capture."""
        received = self._session.receive(frame, self._arrival(transport))
        self._stats.old += len(received.records)
        self._session.begin(received.newest)
        return Received()

    def _arrival(self, transport: str) -> Arrival:
        return Arrival(self._clock() // 1000, self._kind, transport)

    def _count(self, frame: str | bytes, received: Received, arrival: Arrival) -> None:
        stats, records = self._stats, RecordBatch.of(received.records)
        bad = len(records.bad_frames)
        stats.frames += 1
        stats.characters += len(frame)
        stats.bad_frames += bad
        stats.events += len(records) - bad
        stats.duplicates += received.duplicates
        stats.old += received.old
        stats.resets += received.was_reset
        sent = records.times[-1] if records else None
        if sent is not None and arrival.received_us is not None:
            stats.last_lag = arrival.received_us / 1e6 - sent
