"""Uploading a journal to a dataset in parts, however often it is interrupted.

The journal is the only buffer. A cursor in its folder is the place up to which it was uploaded; it
moves after a part is written, so a crash in between writes the same part again under the same name.
"""

import logging
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex

import msgspec
import pyarrow as pa

from bxpull_nb.files import read_private, replacing
from bxpull_nb.masking import reason_of, shown_path
from bxpull_nb.storage.dataset.part_names import Folder, part_name
from bxpull_nb.storage.dataset.schema import days_of, part_bytes, table_of
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.journal import Cursor, bytes_after, forget_before, read_on

__all__ = ["PART_BYTES", "Uploader", "Written"]

PART_BYTES = 64 * 1024 * 1024
"""Bytes of frames in one part: 150 000 events, 4 to 8 MB of Parquet."""
_BLOCK_BYTES = 4 * 1024 * 1024  # of the journal held at once: as records it takes six times that
_KEPT_FILES = 4  # of the journal, for a listener to resume from: some 500 000 messages
_STATE = "dataset.json"
_log = logging.getLogger("bxpull_nb")


class Written(msgspec.Struct, frozen=True):
    """A part that was written to the dataset."""

    name: str
    events: int
    bytes: int


class _State(msgspec.Struct):
    """The content of the state file in a journal's folder."""

    collector: str
    """The random id of this journal; it never changes."""
    cursors: dict[str, Cursor]
    """The uploaded place, by the digest of the dataset's address."""


class Uploader:
    """Uploads the journal in `folder` to the dataset at `url`, as events of `portal`.

    Only one process at a time may do so: the one that holds the journal. `written` is called with
    each part. Journal files that every dataset has are removed, but for the newest four.
    """

    def __init__(
        self,
        folder: Path,
        url: str | Path,
        portal: str,
        *,
        part_bytes: int = PART_BYTES,
        written: Callable[[Written], None] = lambda _part: None,
    ) -> None:
        self.storage = Storage(url)
        self._folder, self._portal = folder, portal
        self._part_bytes = part_bytes
        self._written = written
        self._key = blake2b(self.storage.url.encode(), digest_size=8).hexdigest()
        self._state = _read_state(folder / _STATE)
        if self._state.cursors and self._key not in self._state.cursors:
            _log.warning(
                "the journal in %s was sent to another dataset before: it keeps what that one has "
                "not got yet. If that one is given up, remove %s first",
                shown_path(folder),
                shown_path(folder / _STATE),
            )

    @property
    def collector(self) -> str:
        """The collector's id, with which the names of its parts begin."""
        return self._state.collector

    def pending(self) -> int:
        """Return how many bytes of the journal are not in the dataset yet."""
        return bytes_after(self._folder, self._cursor)

    def upload(self) -> int:
        """Write all that the journal has at present; return the number of events.

        Raises DatasetNotWritable, and FileFormatError or OSError for a journal that cannot be
        read. Parts written before stay; the next call continues after them.
        """
        events, has_more = 0, True
        while has_more:
            log = EventLog()
            start, end, has_more = self._read_part(log)
            if len(log):
                events += self._write(log, start)
            self._move(end)
        if events:
            pa.default_memory_pool().release_unused()  # or the pool keeps what a part took
        return events

    @property
    def _cursor(self) -> Cursor:
        return self._state.cursors.get(self._key, Cursor())

    def _read_part(self, log: EventLog) -> tuple[Cursor, Cursor, bool]:
        """Append the journal's next `part_bytes` to the log, block by block.

        The result is where they begin and end, and whether more can be read already.
        """
        start, end, read, has_more = None, self._cursor, 0, True
        while has_more and read < self._part_bytes:
            chunk = read_on(self._folder, end, min(_BLOCK_BYTES, self._part_bytes - read))
            for batch in chunk.batches:
                log.extend(batch.records)
            read += chunk.end.offset - chunk.start.offset
            start, end, has_more = start or chunk.start, chunk.end, chunk.has_more
        return start or end, end, has_more

    def _write(self, log: EventLog, start: Cursor) -> int:
        table = table_of(log)
        for day, rows in days_of(table):
            content = part_bytes(rows)
            folder = Folder(self._portal, day)
            name = part_name(folder, self.collector, start.number, start.offset, content)
            self.storage.put(name, content)
            self._written(Written(name, rows.num_rows, len(content)))
        return int(table.num_rows)

    def _move(self, cursor: Cursor) -> None:
        if cursor == self._cursor:
            return
        state = _State(self._state.collector, {**self._state.cursors, self._key: cursor})
        with replacing(self._folder / _STATE, private=True) as file:
            file.write(msgspec.json.encode(state))
        self._state = state
        forget_before(self._folder, min(self._state.cursors.values()), _KEPT_FILES)


def _read_state(path: Path) -> _State:
    """Return the state; a new collector uploads the journal once more, as duplicates."""
    try:
        return msgspec.json.decode(read_private(path), type=_State)
    except FileNotFoundError:
        pass
    except (OSError, msgspec.DecodeError) as exc:
        _log.warning(
            "%s cannot be read (%s): the journal is uploaded again",
            shown_path(path),
            reason_of(exc),
        )
    return _State(token_hex(4), {})
