"""What writes: records to the newest file, to memory while the disk takes none, and the sync."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bxpull_nb.files import sync_folder
from bxpull_nb.models import IS_LOG_ENTRY
from bxpull_nb.storage.journal.files import ActiveFile, sync_and_close
from bxpull_nb.storage.journal.record import PREAMBLE, FileHeader, pack

__all__ = ["SYNC_EVERY", "Writer"]

SYNC_EVERY = 1.0  # seconds
_RETRY_EVERY = 1.0  # seconds
_log = logging.getLogger("bxpull_nb")


class Writer:
    """Records into the files of `folder`, in their order; `opened` gives a new file's first one.

    It raises nothing once it has begun: `error` says why records wait in memory. Any thread may
    use it.
    """

    def __init__(
        self,
        folder: Path,
        durability: str,
        *,
        rotate_bytes: int,
        memory_bytes: int,
        opened: Callable[[], FileHeader],
        monotonic: Callable[[], float],
    ) -> None:
        self.error: OSError | None = None
        self.records = 0
        self.bytes = 0
        self.waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self._folder, self._durability = folder, durability
        self._rotate_bytes, self._memory_bytes = rotate_bytes, memory_bytes
        self._opened, self._monotonic = opened, monotonic
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._tail: ActiveFile | None = None
        self._syncing: threading.Thread | None = None
        self._unsynced = False
        self._retry_at = float("-inf")

    def begin(self, active: ActiveFile | None) -> None:
        """Go on behind what is in the newest file, or begin the first; raises OSError."""
        if active is None:
            self._begin_file(self._folder / "000001.bxj")
        elif active.size <= len(PREAMBLE):
            active.close()
            self._begin_file(active.path)
        else:
            self._tail = active
        if self._durability == "second":
            self._syncing = threading.Thread(
                target=self._keep_syncing, name="bxpull-journal", daemon=True
            )
            self._syncing.start()

    def put(self, record: bytes) -> bool:
        """Whether the record is on disk, or has its place in memory until it is."""
        with self._guard:
            self._write_waiting()
            if self.waiting and self.waiting_bytes + len(record) > self._memory_bytes:
                return False
            self.waiting.append(record)
            self.waiting_bytes += len(record)
            self._write_waiting()
            return True

    def close(self) -> None:
        """Write and sync what waits, as far as the disk takes it."""
        self._closing.set()
        if self._syncing is not None:
            self._syncing.join()
        with self._guard:
            self._retry_at = float("-inf")
            self._write_waiting()
            if self._tail is not None:
                with suppress(OSError):
                    self._tail.sync()
                self._tail.close()
            self._tail = None

    def _begin_file(self, path: Path) -> None:
        active = ActiveFile(path)
        try:
            active.write(PREAMBLE + pack(self._opened()))
            if self._durability != "os":
                active.sync()
                sync_folder(self._folder)
        except OSError:
            active.close()
            raise
        if self._tail is not None:
            self._tail.close()
        self._tail = active

    def _write_waiting(self) -> None:
        if not self.waiting or self._monotonic() < self._retry_at:
            return
        while self.waiting and self._attempt(self._write_next):
            self.waiting_bytes -= len(self.waiting.popleft())
        if self._durability == "frame" and self._unsynced and self._tail is not None:
            self._unsynced = not self._attempt(self._tail.sync)

    def _write_next(self) -> None:
        active = self._tail
        if active is None:
            return
        if active.size >= self._rotate_bytes:
            if self._durability != "os":
                active.sync()
            self._begin_file(active.path.with_name(f"{int(active.path.stem) + 1:06}.bxj"))
            active = self._tail or active
        active.write(self.waiting[0])
        self._unsynced = True
        self.records += 1
        self.bytes += len(self.waiting[0])

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Whether it succeeded; `error` says why not."""
        try:
            action()
        except OSError as exc:
            if self.error is None:
                _log.warning(
                    "the journal in %s takes nothing: %s",
                    self._folder.name,
                    exc,
                    extra=IS_LOG_ENTRY,
                )
            self.error = exc
            self._retry_at = self._monotonic() + _RETRY_EVERY
            return False
        if self.error is not None:
            _log.warning("the journal in %s writes again", self._folder.name, extra=IS_LOG_ENTRY)
        self.error, self._retry_at = None, float("-inf")
        return True

    def _keep_syncing(self) -> None:
        """Sync once a second what was written, off the listener's thread."""
        while not self._closing.wait(SYNC_EVERY):
            with self._guard:
                self._write_waiting()
                due, self._unsynced = self._unsynced, False
                descriptor = self._tail.duplicate() if due and self._tail is not None else None
            if descriptor is not None:
                self._sync(descriptor)

    def _sync(self, descriptor: int) -> None:
        try:
            sync_and_close(descriptor)
        except OSError as exc:
            _log.warning(
                "the journal in %s cannot be synced: %s", self._folder.name, exc, extra=IS_LOG_ENTRY
            )
            self.error, self._unsynced = exc, True
