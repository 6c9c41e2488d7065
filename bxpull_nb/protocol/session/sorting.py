"""Sorts the messages of one frame: known, older than the capture, or proof of a reset."""

from collections.abc import Iterable, Sequence

from bxpull_nb.models import BadFrame, Event, Record, RecordBatch
from bxpull_nb.protocol.session.mids import is_counted
from bxpull_nb.protocol.session.seen_mids import SeenMids

__all__ = ["duplicates_in", "greatest_known", "older_ones", "proof_of_reset", "service_messages"]

_SERVICE_COMMANDS = {"channel_expire", "config_expire", "server_restart"}


def duplicates_in(batch: RecordBatch, seen: SeenMids) -> list[int]:
    """Return the places of messages that were seen before, or earlier in the frame."""
    mids = batch.mids
    if len(set(mids)) == len(mids):
        if seen.isdisjoint(batch):
            return []
        if batch.errors is None:  # nearly always
            return seen.known_places(batch)
    duplicates: list[int] = []
    in_frame: dict[str, list[Record]] = {}
    for at, record in enumerate(batch):
        if not record.mid:
            continue
        earlier = in_frame.setdefault(record.mid, [])
        if record in earlier or seen.holds(record):
            duplicates.append(at)
        earlier.append(record)
    return duplicates


def older_ones(
    batch: RecordBatch, since: float, first: str, duplicates: Sequence[int]
) -> list[int]:
    """Return the places of messages older than the capture, except duplicates.

    A message without a time is older when its mid is below `first`.
    """
    known = frozenset(duplicates)
    return [
        at for at, record in enumerate(batch) if at not in known and _is_older(record, since, first)
    ]


def proof_of_reset(
    kept: RecordBatch, known: Sequence[Record], seen: SeenMids, below: str
) -> list[str]:
    """Return the mids of messages that prove that the server restarted its count.

    `kept` are new, `known` were seen before. No new message can have a mid up to `below`.
    """
    return _counted_again(kept, seen, below) or _sibling_counted_again(known, seen, below)


def greatest_known(batch: Sequence[Record]) -> str | None:
    """Return the greatest mid of messages that are not torn."""
    known = (r.mid for r in batch if r.mid and not (isinstance(r, BadFrame) and r.is_torn))
    return max(known, default=None)


def service_messages(batch: Iterable[Record]) -> list[Event]:
    """Return the messages of the push system to its clients (protocol 2.9).

    A dialect that names senders shows when a client wrote one: that is not the system's.
    """
    return [
        record
        for record in batch
        if isinstance(record, Event)
        and record.module_id == "pull"
        and (record.command or "").lower() in _SERVICE_COMMANDS
        and not (record.sender or "").startswith("client")
    ]


def _counted_again(batch: RecordBatch, seen: SeenMids, below: str) -> list[str]:
    """Return the mids of new messages that prove it.

    They are far below the position, or another message had the same mid.
    """
    least, _ = batch.mid_range
    if not least or (least > below and seen.isdisjoint(batch)):
        return []  # nearly always
    return [
        record.mid
        for record in batch
        if type(record) is Event
        and is_counted(record.mid)
        and (record.mid <= below or seen.has_another(record))
    ]


def _sibling_counted_again(known: Sequence[Record], seen: SeenMids, below: str) -> list[str]:
    """Return the mids of messages that prove the same, and that only a sibling had before."""
    return [
        record.mid
        for record in known
        if type(record) is Event
        and is_counted(record.mid)
        and record.mid <= below
        and not seen.has_received(record)
    ]


def _is_older(record: Record, since: float, first: str) -> bool:
    at = record.server_time_unix
    return (record.mid or first) < first if at is None else at < since
