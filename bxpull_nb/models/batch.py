"""What one frame brought, on its way from a lane to the log and to the journal."""

from collections.abc import Sequence

import msgspec

from bxpull_nb.models.event import Arrival, Record
from bxpull_nb.models.records import RecordBatch

__all__ = ["Batch", "Position"]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a lane stands: what another process needs to go on from there."""

    safe: str | None = None
    """The mid to ask from so that nothing is missed; None asks for all since the beginning."""
    audited: str | None = None
    """The newest mid known before the last audit; None when there was none."""
    newest: str | None = None
    newest_sent: float = float("-inf")
    """The greatest `server_time_unix` so far."""


class Batch(msgspec.Struct, frozen=True):
    """What one frame brought: what a listener, or a replay, hands to its sink."""

    records: Sequence[Record]
    """The new events and unreadable messages, in their order; may be empty."""
    frame: str | bytes | None = None
    """The frame as it came; None where the records did not travel."""
    dialect: str = ""
    """`text`, `protobuf`, `json` or `jsonrpc`."""
    copies: Sequence[str] = ()
    """Mids of messages in the frame that had been seen before, and were dropped."""
    left_out: Sequence[int] = ()
    """Places in the frame, from 0, of the messages that are not among `records`."""
    position: Position | None = None
    """Where the lane stood before this frame; None where the records did not travel."""

    @property
    def arrival(self) -> Arrival:
        """How the first of the records came; those of a frame came together."""
        records = self.records
        return records.arrivals[0][0] if isinstance(records, RecordBatch) else records[0].arrival
