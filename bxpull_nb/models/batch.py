"""The records of one frame, on their way from a lane to the journal and the log."""

from collections.abc import Sequence

import msgspec

from bxpull_nb.models.event import Arrival, Record
from bxpull_nb.models.records import RecordBatch

__all__ = ["Batch", "Position"]


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The place up to which a lane has read: another process continues from here."""

    safe: str | None = None
    """The mid to ask from so that nothing is missed; None asks for all since the beginning."""
    audited: str | None = None
    """The newest mid known before the last audit; None when there was none."""
    newest: str | None = None
    newest_sent: float = float("-inf")
    """Not used any more; it keeps the place of `found` in stored journals."""
    found: str | None = None
    """Known messages up to this mid were stored at the last audit, or at the beginning."""


class Batch(msgspec.Struct, frozen=True):
    """The records of one frame, as a listener or a replay passes them on."""

    records: Sequence[Record] = ()
    """The new events and unreadable messages, in their order; may be empty."""
    frame: str | bytes | None = None
    """The frame as it came; None where the records did not travel."""
    dialect: str = ""
    """`text`, `protobuf`, `json` or `jsonrpc`."""
    duplicates: Sequence[str] = ()
    """Mids of the frame's messages that were dropped because they had been seen."""
    left_out: Sequence[int] = ()
    """Places in the frame, from 0, of the messages that are not among `records`."""
    position: Position | None = None
    """The lane's position before this frame; None where the records did not travel."""
    parts: Sequence[str | bytes] = ()
    """The frames as they came, where `frame` is several of them joined."""

    @property
    def arrival(self) -> Arrival:
        """The arrival of the first record; those of a frame arrived together."""
        records = self.records
        return records.arrivals[0][0] if isinstance(records, RecordBatch) else records[0].arrival
