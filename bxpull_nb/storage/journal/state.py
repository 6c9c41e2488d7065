"""The state of a capture, as the records of its journal leave it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import structs

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import shown_path
from bxpull_nb.models import Position, Record, RecordBatch
from bxpull_nb.protocol.endpoint import FULL_HISTORY
from bxpull_nb.protocol.portal_address import portal_url
from bxpull_nb.protocol.session import is_counted
from bxpull_nb.storage.journal.files import checked_content
from bxpull_nb.storage.journal.reading import batches_of
from bxpull_nb.storage.journal.record import (
    CaptureStarted,
    FileHeader,
    FoundRecord,
    FrameHead,
    scan,
)

__all__ = [
    "Change",
    "JournalState",
    "file_header",
    "greatest_of",
    "is_reset",
    "positions_in",
    "state_of",
]

_START = 65_536  # bytes; a header is far smaller


class JournalState:
    """The beginning of a capture, and each lane's position after the records so far."""

    def __init__(
        self,
        since: float | None = None,
        positions: Iterable[tuple[str | None, Position]] = (),
    ) -> None:
        self.since = since
        """Unix seconds by the portal's clock; None before it began."""
        self.positions: dict[str | None, Position] = dict(positions)

    def copy(self) -> "JournalState":
        """Return a state that changes on its own."""
        return JournalState(self.since, self.positions.items())

    def header(self, created_us: int, portal: str) -> FileHeader:
        """Return the first record of a file that follows."""
        positions = tuple(self.positions.copy().items())
        newest = tuple((lane, one.newest) for lane, one in positions if one.newest)
        return FileHeader(created_us, portal, self.since, newest, positions)

    def begin(self, started: CaptureStarted) -> None:
        """Note when the capture began, and after which mids lanes began."""
        self.since = started.since
        for lane, mid in started.beginnings:
            known = self.positions.get(lane, Position())
            safe = max(known.safe or "", mid)  # the mid of an empty history was noted too early
            self.positions[lane] = structs.replace(known, safe=safe)

    def move(self, lane: str | None, position: Position | None, greatest: str) -> None:
        """Note a batch: the position before it, and its greatest mid.

        After a reset a position of another lane means nothing: all that is stored is newer.
        """
        before = position or Position()
        if is_reset(position):
            self.positions.update(dict.fromkeys(self.positions, before))
        newest = max(before.newest or "", greatest) or None
        self.positions[lane] = structs.replace(before, newest=newest)


Change = Callable[[JournalState], None]
"""The change that a record makes to a state."""


def is_reset(position: Position | None) -> bool:
    """Whether a batch with this position proved that the server restarted its count."""
    return position == Position(safe=FULL_HISTORY)


def greatest_of(records: Iterable[Record]) -> str:
    """Return the greatest mid that a server counted; an empty text for none."""
    batch = RecordBatch.of(records)
    greatest = batch.mid_range[1]
    if is_counted(greatest):  # nearly always
        return greatest
    return max((mid for mid in batch.mids if mid and is_counted(mid)), default="")


def state_of(files: Sequence[Path], portal: str) -> JournalState:
    """Return the state after all records of these files, the newest last.

    Reads the newest file, and those before it only where a header is damaged. Raises
    FileFormatError, JournalTooNew, OSError; SettingsError for a capture of another portal.
    """
    first = len(files)
    while first and (first == len(files) or file_header(files[first]) is None):
        first -= 1
    state, last = JournalState(), dict[str | None, FoundRecord]()
    for path in files[first:]:
        for found in scan(checked_content(path)):
            if not isinstance(found, FoundRecord):
                continue
            match found.head:
                case FileHeader() as head:
                    _check_portal(path, head.portal, portal)
                    state, last = JournalState(head.since, positions_in(head).items()), {}
                case CaptureStarted() as head:
                    state.begin(head)
                case FrameHead(source=None) as head:  # only channels have positions
                    if is_reset(head.position):
                        last.clear()
                    state.move(head.channel, head.position, "")
                    last[head.channel] = found
    for lane, found in last.items():
        _add_newest(state, lane, found)
    return state


def positions_in(header: FileHeader) -> dict[str | None, Position]:
    """Return the positions in a header; older ones hold the newest mids alone."""
    if header.positions:
        return dict(header.positions)
    return {lane: Position(mid, mid, mid) for lane, mid in header.newest}


def file_header(path: Path) -> FileHeader | None:
    """Return the header of the file; None where it is damaged."""
    with path.open("rb") as file:
        start = file.read(_START)
    found = next(scan(start), None)
    if isinstance(found, FoundRecord) and isinstance(found.head, FileHeader):
        return found.head
    return None


def _add_newest(state: JournalState, lane: str | None, found: FoundRecord) -> None:
    """Add the mids of a lane's last frame: a position is the one before the frame."""
    position = state.positions[lane]
    for batch in batches_of([found]):
        newest = max(position.newest or "", greatest_of(batch.records)) or None
        state.positions[lane] = structs.replace(position, newest=newest)


def _check_portal(path: Path, stored: str, portal: str) -> None:
    if stored and portal and _one_form(stored) != _one_form(portal):
        raise SettingsError(
            f"the journal in {shown_path(path.parent)} is a capture of {stored}, not of "
            f"{portal}. Take another folder."
        )


def _one_form(portal: str) -> str:
    """Return the portal's name in its one form: older journals have it as it was typed."""
    try:
        return portal_url(portal)
    except SettingsError:
        return portal  # `sandbox`, or another name without a dot
