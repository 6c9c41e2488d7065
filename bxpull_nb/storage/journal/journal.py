"""A capture on disk; every batch is written before it counts as received."""

import logging
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.files import path_of
from bxpull_nb.masking import quoted, scrub, shown_path
from bxpull_nb.models import Batch, Position
from bxpull_nb.models.counted import counted
from bxpull_nb.protocol.session import Resume
from bxpull_nb.storage.journal.files import ActiveFile, Repaired, journal_files, make_private
from bxpull_nb.storage.journal.lock import locked, not_writable
from bxpull_nb.storage.journal.lost_note import Lost, LostNote
from bxpull_nb.storage.journal.reading import batches_of
from bxpull_nb.storage.journal.record import CaptureStarted, pack, pack_batch, scan
from bxpull_nb.storage.journal.resuming import resume_from
from bxpull_nb.storage.journal.state import Change, JournalState, greatest_of, state_of
from bxpull_nb.storage.journal.writer import Writer

__all__ = ["Journal", "JournalStats"]

_log = logging.getLogger("bxpull_nb")
_DURABILITIES = ("frame", "second", "os")


class JournalStats(msgspec.Struct, frozen=True):
    """Counters of a journal since it was opened; a snapshot."""

    records: int = 0
    """Records written to its files, one a batch."""
    bytes: int = 0
    waiting: int = 0
    """Records in memory that the disk did not take yet."""
    waiting_bytes: int = 0
    dropped: int = 0
    """Batches that found neither the disk nor room in memory, or waited there until the end."""
    dropped_events: int = 0
    """Events in them."""


class Journal:
    """An append-only log of a capture in `folder`: its frames, checked by crc32.

    ```python
    feed = bx.listen(portal, journal=Journal("capture", compress=True))
    ```

    `durability` is what a written batch survives: `frame` a power cut (each is synced, on the
    listener's thread), `second` the end of the process at once and a power cut a second later,
    `os` the end of the process. A file of `rotate_bytes` is followed by the next one. While the
    disk takes nothing, up to `memory_bytes` of batches wait in memory, `error` is the reason, and
    a write is tried again every second; nothing is raised. Batches beyond that are counted as
    `stats.dropped`, and a later `resume()` asks the server for them again.

    `compress` makes large frames smaller (zstd): a tenth of the disk, a little more work.

    Frames are kept as they came and are not masked: one may hold a channel's id or a token, so
    only the owner may read the files. The exports of its events are masked. `portal` is a masked
    name to keep with them. `clock` returns Unix nanoseconds, `monotonic` seconds. Any thread may
    use it. A journal that is forgotten while open is closed.
    """

    def __init__(
        self,
        folder: str | Path,
        durability: str = "second",
        *,
        portal: str = "",
        compress: bool = False,
        rotate_bytes: int = 64 * 1024 * 1024,
        memory_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not isinstance(durability, str) or durability not in _DURABILITIES:
            raise SettingsError(
                f"durability={quoted(durability)}: choose from 'frame', 'second', 'os'."
            )
        self.folder = path_of(folder)
        self.durability = durability
        self.repaired = Repaired()
        """Damage that `open` found."""
        self.lost_before = Lost()
        """Events that the last process could not write, as `open` found."""
        self._note = LostNote(self.folder)
        self._portal, self._compress = _checked_portal(portal), _checked_flag(compress)
        self._writer_options: dict[str, Any] = {
            "portal": portal,
            "rotate_bytes": _checked_bytes("rotate_bytes", rotate_bytes),
            "memory_bytes": _checked_bytes("memory_bytes", memory_bytes),
            "clock": clock,
            "monotonic": monotonic,
        }
        self._writer: Writer | None = None
        self._end: Callable[[], object] = lambda: None
        self._gaps: dict[str | None, Position | None] = {}
        self._dropped = self._dropped_events = 0
        self._state = JournalState()
        self._left: _Left | None = None
        self._lacks_source = False  # a batch was dropped that only its source has, on the portal

    def open(self) -> "Journal":
        """Make the journal ready to write and return it; twice does nothing.

        An unfinished record is cut off (see `repaired`). Raises JournalInUse, JournalNotWritable,
        FileFormatError or JournalTooNew for files that cannot be read, SettingsError for another
        portal's capture.
        """
        if self._writer is None:
            lock = locked(self.folder)
            try:
                self._writer = self._begin_writing(lock.release)
                self._end = weakref.finalize(self, self._writer.close)
            finally:
                if self._writer is None:
                    lock.release()
            self.lost_before = self._note.read() if self._note.written is None else Lost()
            self.note_lost()
        return self

    def close(self) -> None:
        """Write and sync what waits, and release the journal; twice does nothing."""
        writer, self._writer = self._writer, None
        self._end()
        if writer is not None:
            for batch in _waiting(writer):
                self._drop(batch, batch.position)
            left = _Left.of(self.folder)
            self._left = left if left is not None and left.size == writer.size else None
            self.note_lost()

    def write(self, batch: Batch) -> None:
        """Write the batch; on return the disk has it, as far as `durability` promises.

        A batch without records or without a frame is skipped. Batches of one channel come from
        one thread. Raises SettingsError when the journal is not open, WrongProcessError in a
        forked child, and nothing else.
        """
        if batch.frame is None or not batch.records:
            return
        channel, is_of_lane = batch.arrival.channel, batch.arrival.source == "channel"
        position = self._gaps.get(channel, batch.position) if is_of_lane else None
        change = _moved(batch, position) if is_of_lane else _unmoved
        if not self._open_writer.put(pack_batch(batch, position, self._compress), change):
            self._drop(batch, position)
        if self.error is not None or self._note.written:
            self.note_lost()

    def _drop(self, batch: Batch, position: Position | None) -> None:
        """Count a batch that is not written; what follows on its lane keeps its position."""
        self._dropped += 1
        self._dropped_events += len(batch.records)
        if batch.arrival.source == "channel":
            self._gaps.setdefault(batch.arrival.channel, position)
        else:
            self._lacks_source = True

    def sync(self) -> bool:
        """Return when the disk has every batch so far, if it can; whether it has.

        A dropped batch of a channel does not count, since the server is asked for it again. With
        `durability="os"` the system has the batches then. Any thread may call it.
        """
        return self._writer is not None and not self._lacks_source and self._writer.sync()

    def began(self, since: float, beginnings: Sequence[tuple[str | None, str]] = ()) -> None:
        """Note when the capture began: Unix seconds by the portal's clock.

        `beginnings` are channels with the mids after which they began, where these are known.
        """
        started = CaptureStarted(since, tuple(beginnings))
        self._open_writer.put(pack(started), lambda state: state.begin(started))

    @property
    def since(self) -> float | None:
        """The beginning of its capture: Unix seconds by the portal's clock, or None."""
        return self._state.since

    def resume(self) -> Resume:
        """Return what a listener needs to go on where the last one stopped.

        Reads the messages since the last audit of each channel, at least the newest 10 000. Raises
        JournalNotWritable for files that the disk does not give, FileFormatError, JournalTooNew.
        """
        writer, state = self._open_writer, self._state.copy()
        for _, change in writer.waiting:
            change(state)
        try:
            return resume_from(self.folder, _waiting(writer), state)
        except OSError as exc:
            raise not_writable(self.folder, exc) from scrub(exc)

    @property
    def lost(self) -> Lost:
        """Events that the disk did not take, since the journal was opened for the first time."""
        stats = self.stats
        return Lost(stats.dropped_events, stats.dropped, stats.waiting)

    def note_lost(self) -> None:
        """Note `lost` on disk, where the next run finds it however this one ends."""
        self._note.write(self.lost)

    @property
    def error(self) -> OSError | None:
        """Why the disk takes nothing at present; None while it does."""
        return self._writer.error if self._writer else None

    @property
    def stats(self) -> JournalStats:
        """Counters at this moment; zeros for a closed journal."""
        writer = self._writer
        if writer is None:
            return JournalStats(dropped=self._dropped, dropped_events=self._dropped_events)
        return JournalStats(
            writer.records,
            writer.bytes,
            len(writer.waiting),
            writer.waiting_bytes,
            self._dropped,
            self._dropped_events,
        )

    def __enter__(self) -> "Journal":
        return self.open()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._writer is None else f"{counted(self.stats.records, 'record')}"
        return f"Journal({self.folder.name}, {self.durability}, {state})"

    def _begin_writing(self, release: Callable[[], None]) -> Writer:
        try:
            files = journal_files(self.folder)
            for path in files:
                make_private(path)
            active = self._reopened(files)
            writer = Writer(
                self.folder,
                self.durability,
                state=self._state,
                release=release,
                **self._writer_options,
            )
            writer.begin(active)
        except (OSError, RuntimeError) as exc:  # RuntimeError: no thread can be started
            raise not_writable(self.folder, exc) from scrub(exc)
        if self.repaired != Repaired():
            _log.warning(
                "the journal in %s was damaged: %s", shown_path(self.folder.name), self.repaired
            )
        return writer

    def _reopened(self, files: list[Path]) -> ActiveFile | None:
        """Return the newest file; it is read unless it is as this journal left it."""
        self.repaired, left = Repaired(), self._left
        if not files:
            self._state = JournalState()
            return None
        if left is not None and left == _Left.of(self.folder):
            return ActiveFile(left.path, left.size)
        self._state = state_of(files, self._portal)
        active, self.repaired = ActiveFile.repaired(files[-1])
        return active

    @property
    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise SettingsError("the journal is not open. Call journal.open(), or use `with`.")
        return self._writer


def _checked_bytes(name: str, value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise SettingsError(f"{name}={quoted(value)}: give a whole number of bytes, 1 or more.")
    return value


def _checked_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsError(f"compress={quoted(value)}: give True or False.")
    return value


def _checked_portal(name: object) -> str:
    try:
        if not isinstance(name, str):
            raise ValueError
        name.encode()
    except ValueError:
        raise SettingsError(f"portal={quoted(name)}: give the portal's name as text.") from None
    return name


def _moved(batch: Batch, position: Position | None) -> Change:
    """Return how the batch moves its lane's position."""
    channel, greatest = batch.arrival.channel, greatest_of(batch.records)
    return lambda state: state.move(channel, position, greatest)


def _unmoved(state: JournalState) -> None:
    """Leave the state: only channels have positions."""


class _Left(NamedTuple):
    """The newest file of a journal, as it was left."""

    path: Path
    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, folder: Path) -> "_Left | None":
        """Return it; None where there is no file, or where it cannot be seen."""
        with suppress(OSError):
            if files := journal_files(folder):
                seen = files[-1].stat()
                return cls(files[-1], seen.st_size, seen.st_mtime_ns, seen.st_ino)
        return None


def _waiting(writer: Writer) -> list[Batch]:
    """Return the batches that wait in memory."""
    return list(batches_of(scan(b"".join(record for record, _ in writer.waiting), 0)))
