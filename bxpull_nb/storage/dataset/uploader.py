"""From a journal to a dataset: what is not there yet, in parts, however often it was interrupted.

The journal is the only buffer. What was sent off is known by a cursor that is kept beside it and
moved after a part is written: a crash in between writes the same part again, under the same name.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex

import msgspec

from bxpull_nb.files import replacing
from bxpull_nb.models import Batch
from bxpull_nb.storage.dataset.layout import Folder, part_name
from bxpull_nb.storage.dataset.schema import days_of, part_bytes, table_of_batches
from bxpull_nb.storage.dataset.storage import Storage
from bxpull_nb.storage.journal import Cursor, forget_before, journal_files, read_on

__all__ = ["PART_BYTES", "Uploader", "Written"]

PART_BYTES = 64 * 1024 * 1024
"""Of frames in one part: some 150 000 events, which are 4 to 8 MB of Parquet."""
_KEPT_FILES = 4  # of the journal, for a listener to go on from: some 500 000 messages
_STATE = "dataset.json"
_log = logging.getLogger("bxpull_nb")


class Written(msgspec.Struct, frozen=True):
    """A part that is in the dataset now."""

    name: str
    events: int
    bytes: int


class _State(msgspec.Struct):
    """What is kept beside a journal."""

    collector: str
    """Random, of this journal for ever."""
    cursors: dict[str, Cursor]
    """By dataset, of which only a digest is kept: what is in it already."""


class Uploader:
    """Sends the journal in `folder` to the dataset at `url`, as events of `portal`.

    One process at a time: the one that holds the journal. `written` is told of every part.
    Journal files all of which is in every dataset are removed, but for the newest four.
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
                folder,
                folder / _STATE,
            )

    @property
    def collector(self) -> str:
        """Who writes: the beginning of its parts' names."""
        return self._state.collector

    def pending(self) -> int:
        """Bytes of the journal that are not in the dataset yet."""
        cursor, total = self._cursor, 0
        for path in journal_files(self._folder):
            if int(path.stem) >= cursor.number:
                total += path.stat().st_size
        return max(total - cursor.offset, 0)

    def ship(self) -> int:
        """How many events were written: all that the journal has at present.

        Raises DatasetNotWritable, and FileFormatError or OSError for a journal that cannot be
        read. What was written before stays; the next call goes on behind it.
        """
        events, has_more = 0, True
        while has_more:
            chunk = read_on(self._folder, self._cursor, self._part_bytes)
            if chunk.batches:
                events += self._write(chunk.batches, chunk.start)
            self._move(chunk.end)
            has_more = chunk.has_more
        return events

    @property
    def _cursor(self) -> Cursor:
        return self._state.cursors.get(self._key, Cursor())

    def _write(self, batches: list[Batch], start: Cursor) -> int:
        table = table_of_batches(batches)
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
        self._state.cursors[self._key] = cursor
        with replacing(self._folder / _STATE) as file:
            file.write(msgspec.json.encode(self._state))
        forget_before(self._folder, min(self._state.cursors.values()), _KEPT_FILES)


def _read_state(path: Path) -> _State:
    """The state, or a new collector: then the journal is sent off once more, which costs copies."""
    with suppress(FileNotFoundError):
        try:
            return msgspec.json.decode(path.read_bytes(), type=_State)
        except msgspec.DecodeError as exc:
            _log.warning("%s cannot be read (%s): the journal is sent off again", path, exc)
    return _State(token_hex(4), {})
