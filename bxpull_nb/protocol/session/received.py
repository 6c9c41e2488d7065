"""What a session makes of a frame."""

from collections.abc import Sequence

import msgspec

from bxpull_nb.models import Batch, Event, Record

__all__ = ["Received"]


class Received(msgspec.Struct, frozen=True):
    """The result of `Session.receive`: the batch to store, and what the frame says beyond it."""

    batch: Batch = Batch()
    """The frame's new records, for the target."""
    at_us: int = 0
    """When the frame came: Unix microseconds."""
    known: Sequence[Record] = ()
    """The messages of the frame that were seen before."""
    again: Sequence[str] = ()
    """The mids of those that this lane itself had before, as far as an audit wants them."""
    old: int = 0
    """Messages dropped because they are older than the capture."""
    mids: Sequence[str | None] = ()
    """The mids of all messages of the frame."""
    newest: str | None = None
    """The greatest mid of the frame, seen before or not; torn messages do not count. After a reset
    that of the messages that prove it: others of the frame may be from before."""
    is_whole: bool = True
    """Whether nothing in the frame was damaged, except messages known to be."""
    is_torn: bool = False
    """Whether the frame could not be read to its end: it must be asked for again."""
    was_reset: bool = False
    """Whether the server restarted its count: its storage is empty, old positions mean nothing."""
    service_messages: Sequence[Event] = ()
    """New messages of the push system to its clients; the batch has them too."""
    acknowledge: Sequence[str] = ()
    """Mids to acknowledge once the records are stored (JSON-RPC), duplicates too."""
