"""Frames of one lane: stored in the target, and counted."""

import logging
from collections.abc import Iterator, Sequence

from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.models import IS_LOG_ENTRY, Arrival, RecordBatch
from bxpull_nb.protocol.codec.joining import decoded_together
from bxpull_nb.protocol.session import Audit, HistoryPolicy, Received

__all__ = ["Ingest"]

_log = logging.getLogger("bxpull_nb")


class Ingest:
    """Takes the frames of a lane: new records go to the target, counters count them."""

    def __init__(
        self,
        kind: str | None,
        history: HistoryPolicy,
        settings: LaneSettings,
        activity: LaneActivity,
    ) -> None:
        self._kind = kind
        self._history = history
        self._target = settings.target
        self._stats = settings.stats
        self._clock = settings.timing.clock
        self._awake = settings.awake
        self._resets = settings.stats.resets
        self._activity = activity

    def keep(self, frames: Sequence[str | bytes], transport: str) -> Iterator[Received]:
        """Store the new records of frames that a connection brought together."""
        arrival, now = self._arrival(transport), self._awake()
        self._stats.frames += len(frames)
        for frame in decoded_together(frames, self._history.session.codec, arrival):
            received = self._store(
                self._history.receive(frame, arrival, now, polls=transport == "polling")
            )
            self._stats.duplicates += len(received.batch.duplicates)
            self._activity.received(received.batch.records)
            yield received

    def recover(
        self, frame: str | bytes, transport: str, point: str | None, audit: Audit | None = None
    ) -> Received:
        """Store the new records of the history after `point`, as an `audit` brought it.

        Its duplicates are not counted: the audit itself asked for the overlap.
        """
        arrival, now = self._arrival(transport), self._awake()
        self._stats.frames += 1
        confirmed, wanted = ("", "") if audit is None else (audit.confirmed, audit.wanted)
        received = self._store(
            self._history.receive_audit(frame, arrival, now, point, confirmed, wanted)
        )
        count = len(received.batch.records)
        self._stats.recovered += count
        if count:
            self._activity.recovered(count)
        return received

    def follow_siblings(self) -> bool:
        """Start over after a reset that another lane noticed; return whether there was one.

        It is this lane's reset too.
        """
        has_reset = self._history.follow_siblings()
        if has_reset:
            self._resets += 1
            self._stats.resets = max(self._stats.resets, self._resets)
            self._activity.reset_of_sibling()
        return has_reset

    def _store(self, received: Received) -> Received:
        batch = received.batch
        if batch.records or batch.duplicates:
            self._target.store(batch)
        self._count(received)
        if received.was_reset:
            _log.warning(
                "%s: the push server restarted its count, its history is asked again",
                self._kind or "jwt",
                extra=IS_LOG_ENTRY,
            )
            self._resets += 1
            self._activity.reset()
        return received

    def _arrival(self, transport: str) -> Arrival:
        return Arrival(self._clock() // 1000, self._kind, transport)

    def _count(self, received: Received) -> None:
        stats, records = self._stats, RecordBatch.of(received.batch.records)
        bad = len(records.bad_frames)
        stats.characters += len(received.batch.frame or "")
        stats.bad_frames += bad
        stats.events += len(records) - bad
        stats.old += received.old
        stats.resets = max(stats.resets, self._resets)  # lanes of one server reset together
        lag = records.newest_lag_us
        if lag is not None:
            stats.last_lag = lag / 1e6
