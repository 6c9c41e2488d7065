"""The log entries of one lane: connections, breaks, renewals, recovered events."""

from collections.abc import Callable, Sequence

from bxpull_nb.errors import BxPullError, FrameTooLarge
from bxpull_nb.listener.target import CaptureTarget
from bxpull_nb.masking import reason_of
from bxpull_nb.models import LogEntry, Record

__all__ = ["LaneActivity"]


class LaneActivity:
    """Turns what a lane does into log entries.

    `channel` is the lane's name, `clock` gives Unix nanoseconds.
    """

    def __init__(self, channel: str, target: CaptureTarget, clock: Callable[[], int]) -> None:
        self._channel = channel
        self._target = target
        self._clock = clock
        self._transport: str | None = None
        self._lost_at: int | None = None
        self._history_until: float | None = None

    def trying(self, transport: str) -> None:
        """Log a change of the transport."""
        if self._transport not in (None, transport):
            kind = "fell_back" if transport == "polling" else "returned"
            way = "fell back to long polling" if kind == "fell_back" else "back to WebSocket"
            self._write(kind, text=way)
        self._transport = transport

    def connected(self, portal_now: float, *, again: bool) -> None:
        """Log a connection, at `portal_now` (Unix seconds by the portal's clock)."""
        lost_at, self._lost_at = self._lost_at, None
        seconds = None if lost_at is None else (self._now() - lost_at) / 1e6
        after = "" if seconds is None else f" after {seconds:.1f} s"
        self._history_until = portal_now if again else None
        self._write("connected", seconds=seconds, text=f"connected{after}")

    def received(self, records: Sequence[Record]) -> None:
        """Log how many of the records are older than the connection: they were replayed."""
        until = self._history_until
        if until is None or not records:
            return
        replayed = sum(1 for r in records if r.server_time_unix and r.server_time_unix < until)
        if replayed:
            self._write("resumed", count=replayed, text=f"resumed: {_events(replayed)} replayed")
        if replayed < len(records):
            self._history_until = None

    def lost(self, error: BxPullError, *, stood: bool) -> None:
        """Log a connection that broke, or could not be made."""
        if self._lost_at is None:
            self._lost_at = self._now()
        self._write("lost" if stood else "retried", text=str(error))

    def renewed(self) -> None:
        """Log that the channel ended and has a successor."""
        self._write("renewed", text="channel renewed")

    def recovered(self, count: int) -> None:
        """Log that an audit found events that no connection had brought."""
        self._write("recovered", count=count, text=f"an audit recovered {_events(count)}")

    def audit_failed(self, error: Exception) -> None:
        """Log that an audit failed. The next one asks for the same, unless that is too much."""
        kind = "audit_too_large" if isinstance(error, FrameTooLarge) else "audit_failed"
        self._write(kind, text=f"an audit failed: {_reason(error)}")

    def beginning_unknown(self, error: Exception) -> None:
        """Log that the beginning is unknown: messages before the first one may be missing."""
        self._write("beginning_unknown", text=f"the beginning is unknown: {_reason(error)}")

    def beginning_not_stored(self) -> None:
        """Log that an earlier process ended before it knew where this channel began."""
        text = "the beginning is unknown: messages since then are recognised by their times alone"
        self._write("beginning_unknown", text=text)

    def reset(self) -> None:
        """Log that the server restarted its count of messages."""
        self._write("reset", text="the push server restarted its count: its history is asked again")

    def reset_of_sibling(self) -> None:
        """Log a reset that another channel noticed, and that this one starts over for."""
        self._write("reset", text="another channel noticed a reset: the history is asked again")

    def restarting(self, seconds: float) -> None:
        """Log that the server restarts, and that the lane stays away for a while."""
        text = f"the push server restarts: back in {seconds:.0f} s"
        self._write("restarting", seconds=seconds, text=text)

    def _write(
        self,
        kind: str,
        *,
        text: str,
        count: int | None = None,
        seconds: float | None = None,
    ) -> None:
        entry = LogEntry(
            at_us=self._now(),
            kind=kind,
            channel=self._channel,
            transport=self._transport,
            count=count,
            seconds=seconds,
            text=text,
        )
        self._target.happened(entry)

    def _now(self) -> int:
        return self._clock() // 1000


def _events(count: int) -> str:
    return f"{count:,} event" if count == 1 else f"{count:,} events"


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, BxPullError) else reason_of(error)
