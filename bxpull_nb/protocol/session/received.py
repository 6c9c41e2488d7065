"""What a session says: what a frame came to, and what a successor begins with."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from bxpull_nb.models import Batch, Event, Record
from bxpull_nb.protocol.codec import RpcAnswer
from bxpull_nb.protocol.session.seen_mids import SeenMids

__all__ = ["Received", "Resume"]


class Received(msgspec.Struct, frozen=True):
    """What one frame came to."""

    records: Sequence[Record] = ()
    """New events and unreadable messages, in the order of the frame."""
    copies: Sequence[str] = ()
    """Mids of the messages dropped because they had been seen."""
    left_out: Sequence[int] = ()
    """Places in the frame, from 0, of the messages that are not among `records`."""
    old: int = 0
    """Messages dropped because they are from before the capture."""
    newest: str | None = None
    """The greatest mid of the frame, seen before or not; what is torn does not count."""
    is_whole: bool = True
    """Nothing in the frame was damaged, or only messages that were known to be."""
    is_torn: bool = False
    """The frame could not be read to its end: it is to be asked for again, however often."""
    was_reset: bool = False
    """The server counts anew: its storage was wiped, and old positions mean nothing."""
    services: Sequence[Event] = ()
    """New messages of the push system to its clients, among `records` too."""
    answers: Sequence[RpcAnswer] = ()
    """Answers to calls of ours (JSON-RPC)."""
    acknowledge: Sequence[str] = ()
    """Mids to acknowledge when the sink has the records (JSON-RPC), copies too."""
    dialect: str = ""
    """What the frame turned out to be written in: `text`, `protobuf`, `json` or `jsonrpc`."""

    @property
    def duplicates(self) -> int:
        """How many messages were dropped because they had been seen."""
        return len(self.copies)


class Resume(msgspec.Struct, frozen=True):
    """Where an earlier process stopped: what its listener's successor begins with."""

    seen: SeenMids
    """Every message that may come again."""
    last: Mapping[str | None, Batch] = {}
    """The last batch of each lane."""
    since: float | None = None
    """When the capture began: Unix seconds by the portal's clock; None when it did not yet."""
    begin: Callable[[float], None] = lambda _: None
    """Told of that moment by the listener that begins the capture."""
