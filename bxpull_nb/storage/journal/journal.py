"""A capture on disk: every batch is written before it counts as received."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.errors import JournalInUse, JournalNotWritable, SettingsError
from bxpull_nb.models import Batch, Position
from bxpull_nb.protocol.session import Resume
from bxpull_nb.storage.journal.files import ActiveFile, Repaired, journal_files
from bxpull_nb.storage.journal.reading import batches_of, resume_from, when_begun
from bxpull_nb.storage.journal.record import CaptureStarted, FileHeader, pack, pack_batch, scan
from bxpull_nb.storage.journal.writer import Writer

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["Journal", "JournalStats"]

_log = logging.getLogger("bxpull_nb")
_DURABILITIES = ("frame", "second", "os")
_LOCK = "journal.lock"


class JournalStats(msgspec.Struct, frozen=True):
    """What a journal has done since it was opened; a snapshot."""

    records: int = 0
    """Records it has put into its files: one a batch."""
    bytes: int = 0
    waiting: int = 0
    """Records in memory, because the disk did not take them."""
    waiting_bytes: int = 0
    dropped: int = 0
    """Batches that found neither the disk nor room in memory, or waited there until the end."""
    dropped_events: int = 0
    """Events in them."""


class Journal:
    """An append-only log of a capture in `folder`: the frames as they came, checked by crc32.

    ```python
    feed = bx.listen(portal, journal=Journal("capture", compress=True))
    ```

    `durability` says what a batch has survived when the listener goes on: `frame` a power cut
    (a sync for each, on the listener's thread), `second` the end of the process at once and a
    power cut a second later, `os` the end of the process. A file is followed by the next one
    when it has `rotate_bytes`. While the disk is full, or not writable any more, up to
    `memory_bytes` of batches wait in memory, `error` says why, and every second one is tried
    again; nothing is raised. What then finds no room is not written, is counted as
    `stats.dropped`, and a later `resume()` asks the server for it again.

    `compress` makes large frames smaller (zstd): a tenth of the disk, a little more work.

    Frames are kept as they came, and one may hold a channel's id: only the owner may read the
    files. `portal` is a masked name to keep with them. `clock` gives Unix nanoseconds,
    `monotonic` seconds. Any thread may use it.
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
        if durability not in _DURABILITIES:
            raise SettingsError(f"durability={durability!r}: choose from 'frame', 'second', 'os'.")
        self.folder = Path(folder).expanduser()
        self.durability = durability
        self.repaired = Repaired()
        """What `open` found damaged."""
        self._portal, self._compress = portal, compress
        self._how: dict[str, Any] = {
            "rotate_bytes": rotate_bytes,
            "memory_bytes": memory_bytes,
            "monotonic": monotonic,
        }
        self._clock = clock
        self._in_use: BaseFileLock | None = None
        self._writer: Writer | None = None
        self._since: float | None = None
        self._gaps: dict[str | None, Position | None] = {}
        self._dropped = self._dropped_events = 0

    def open(self) -> "Journal":
        """Itself, ready to write; a record that was never finished is cut off (see `repaired`).

        Raises JournalInUse, JournalNotWritable, for what cannot be read FileFormatError or
        JournalTooNew, for another portal's capture SettingsError. Opening twice does nothing.
        """
        if self._writer is None:
            in_use = _locked(self.folder)
            try:
                self._writer, self._in_use = self._begin_writing(), in_use
            finally:
                if self._writer is None:
                    in_use.release()
        return self

    def close(self) -> None:
        """Write and sync what waits, and let others use the journal; twice does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None and self._in_use is not None:
            writer.close()
            self._in_use.release()
            self._dropped += len(writer.waiting)
            waiting = batches_of(scan(b"".join(writer.waiting), 0))
            self._dropped_events += sum(len(batch.records) for batch in waiting)

    def write(self, batch: Batch) -> None:
        """Keep the batch: on return the disk has it, as far as `durability` promises.

        A batch without records or without a frame is passed over. Raises SettingsError when the
        journal is not open, and nothing else. Batches of one channel come from one thread.
        """
        if batch.frame is None or not batch.records:
            return
        channel = batch.arrival.channel
        position = self._gaps.get(channel, batch.position)
        if not self._open_writer.put(pack_batch(batch, position, self._compress)):
            self._dropped += 1
            self._dropped_events += len(batch.records)
            self._gaps[channel] = position

    def began(self, since: float) -> None:
        """Note when the capture began: Unix seconds by the portal's clock."""
        self._since = since
        self._open_writer.put(pack(CaptureStarted(since)))

    def resume(self) -> Resume:
        """What a listener needs to go on where the last one that used this journal stopped.

        It reads the newest 200 000 messages: about a second.
        """
        waiting = b"".join(self._open_writer.waiting)
        return resume_from(self.folder, scan(waiting, 0), self._since)

    @property
    def error(self) -> OSError | None:
        """Why the disk does not take anything at present; None while it does."""
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
        state = "closed" if self._writer is None else f"{self.stats.records:,} records"
        return f"Journal({self.folder.name}, {self.durability}, {state})"

    def _begin_writing(self) -> Writer:
        files = journal_files(self.folder)
        writer = Writer(self.folder, self.durability, opened=self._opened, **self._how)
        try:
            self._since = when_begun(self.folder, self._portal)
            active = None
            if files:
                active, self.repaired = ActiveFile.repaired(files[-1])
            writer.begin(active)
        except OSError as exc:
            raise _not_writable(self.folder, exc) from exc
        if self.repaired != Repaired():
            _log.warning("the journal in %s was damaged: %s", self.folder.name, self.repaired)
        return writer

    def _opened(self) -> FileHeader:
        return FileHeader(self._clock() // 1000, self._portal, self._since)

    @property
    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise SettingsError("the journal is not open. Call journal.open(), or use `with`.")
        return self._writer


def _locked(folder: Path) -> "BaseFileLock":
    """The journal's lock, held until it is released or the process ends, however it ends."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(folder / _LOCK, timeout=0, mode=0o600, thread_local=False)
        lock.acquire()
    except Timeout:
        raise JournalInUse(
            f"another capture writes to the journal in {folder}. Stop it, or take another "
            f"folder; bx.read_events() reads it at any time."
        ) from None
    except OSError as exc:
        raise _not_writable(folder, exc) from exc
    return lock


def _not_writable(folder: Path, exc: OSError) -> JournalNotWritable:
    return JournalNotWritable(
        f"the journal in {folder} cannot be written ({exc.strerror or exc}). Make room or give "
        f"the right to write, or take another folder."
    )
