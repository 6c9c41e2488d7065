"""Reads the messages that a server may send again, and no more of a journal than that."""

from collections.abc import Iterable
from pathlib import Path

from bxpull_nb.models import Batch, Position
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.session import Resume, SeenMids
from bxpull_nb.storage.journal.files import journal_files
from bxpull_nb.storage.journal.reading import batches_in
from bxpull_nb.storage.journal.state import JournalState, file_header, is_reset, positions_in

__all__ = ["resume_from"]

_REMEMBERED = 200_000  # messages; as many as a session remembers
_LEAST = 10_000  # messages: a server may repeat what came last, unasked


def resume_from(folder: Path, waiting: list[Batch], state: JournalState) -> Resume:
    """Return what a listener resumes from, at this state of the journal.

    `waiting` are batches that are not in a file yet. Files are read from the newest one back,
    until all messages are known that the server may send again.
    """
    runs, reach = [waiting], _Reach(state.positions)
    reach.read(runs[0])
    for path in reversed(journal_files(folder)):
        if reach.needs(path):
            runs.append(batches_in(path))
            reach.read(runs[-1])
        if reach.passed(path):
            break
    batches = [batch for run in reversed(runs) for batch in run]
    last = {lane: Batch(position=position) for lane, position in state.positions.items()}
    of_lanes = [batch for batch in batches if _is_of_lane(batch)]
    times = [batch.arrival.received_us or 0 for batch in of_lanes]
    return Resume(
        _seen(of_lanes, reach.count),
        last,
        state.since,
        max(times, default=None),
        sources=_seen_of_sources(batches),
        folder=folder,
    )


class _Reach:
    """The part of a journal that must be read for lanes at these positions."""

    def __init__(self, positions: dict[str | None, Position]) -> None:
        self.count = 0
        """Messages read."""
        self._after = {lane: one.newest for lane, one in positions.items()}
        is_counted = any(self._after.values())  # else mids have no order
        self._open = {lane: _lowest(one) * is_counted for lane, one in positions.items()}
        self._counted = {lane for lane, newest in self._after.items() if newest}

    def needs(self, path: Path) -> bool:
        """Whether the file may hold messages that can be sent again."""
        before = _newest_before(path)
        if before is None or self.count < _LEAST:
            return True
        return any(before.get(lane) != self._after.get(lane) for lane in self._open)

    def read(self, batches: Iterable[Batch]) -> None:
        """Note what was read: all that came before a reset is gone from the server."""
        for batch in batches:
            self.count += len(batch.records)
            lane = batch.arrival.channel
            if _is_of_lane(batch) and lane in self._counted and _starts_over(batch.position):
                self._open.pop(lane, None)

    def passed(self, path: Path) -> bool:
        """Whether no file before this one is needed."""
        before = _newest_before(path)
        if before is None:
            return False
        self._after = dict(before)
        for lane, point in list(self._open.items()):
            is_known = (before.get(lane) or "") <= point if point else self.count >= _REMEMBERED
            if is_known:
                del self._open[lane]
        return not self._open and self.count >= _LEAST


def _lowest(position: Position) -> str:
    """Return the mid after which an audit asks: the lowest that a lane asks from."""
    return position.audited or position.safe or ""


def _newest_before(path: Path) -> dict[str | None, str | None] | None:
    """Return the newest mid of each lane before the file; None where its header is damaged."""
    try:
        header = file_header(path)
    except FileNotFoundError:  # removed since it was listed: the datasets have it
        return {}
    if header is None:
        return None
    return {lane: one.newest for lane, one in positions_in(header).items()}


def _seen(batches: Iterable[Batch], count: int) -> dict[str | None, SeenMids]:
    """Return the messages of each lane; a reset begins an epoch, as it did in the process."""
    family, seen = SeenMids(), dict[str | None, SeenMids]()
    placed = set[str | None]()
    for batch in batches:
        lane, position = batch.arrival.channel, batch.position
        if lane not in seen:
            seen[lane] = family.sibling(max(count + 1, _REMEMBERED))
        is_reset_of_sibling = lane in placed and _starts_over(position)
        if is_reset_of_sibling or is_reset(position) or seen[lane].has_another_of(batch.records):
            seen[lane].count_restarted(batch.records)
        if position is not None and position.newest:
            placed.add(lane)
        seen[lane].add(batch.records, batch.duplicates)
    return seen


def _seen_of_sources(batches: Iterable[Batch]) -> dict[str, SeenMids]:
    """Return the events of each source other than the channels."""
    seen: dict[str, SeenMids] = {}
    for batch in batches:
        if not _is_of_lane(batch):
            seen.setdefault(batch.arrival.source, SeenMids()).add(batch.records)
    return seen


def _is_of_lane(batch: Batch) -> bool:
    return batch.arrival.source == "channel"


def _starts_over(position: Position | None) -> bool:
    """Whether the lane knew no message of the count: it began, or started over after a reset."""
    return position is not None and (position.newest, position.safe) == (None, FULL_HISTORY)
