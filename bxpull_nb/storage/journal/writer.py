"""Writing records to the newest file, or to memory while the disk takes none."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bxpull_nb.files import sync_folder
from bxpull_nb.locks import check_process
from bxpull_nb.masking import shown_path
from bxpull_nb.models import IS_LOG_ENTRY
from bxpull_nb.storage.journal.files import ActiveFile, sync_and_close
from bxpull_nb.storage.journal.record import PREAMBLE, pack
from bxpull_nb.storage.journal.state import Change, JournalState

__all__ = ["SYNC_EVERY", "Writer"]

SYNC_EVERY = 1.0  # seconds
_RETRY_EVERY = 1.0  # seconds
_log = logging.getLogger("bxpull_nb")


class Writer:
    """Writes records to the files of `folder`, and syncs them on a thread of its own.

    Once it has begun it raises only WrongProcessError, in a forked child: `error` is why records
    wait in memory. Any thread may use it.
    `state` follows the records that are in a file. It knows no journal, so that its
    thread keeps none alive; `release` is called when it is closed.
    """

    def __init__(
        self,
        folder: Path,
        durability: str,
        *,
        state: JournalState,
        portal: str,
        rotate_bytes: int,
        memory_bytes: int,
        clock: Callable[[], int],
        monotonic: Callable[[], float],
        release: Callable[[], None],
    ) -> None:
        self.error: OSError | None = None
        self.records = 0
        self.bytes = 0
        self.waiting: deque[tuple[bytes, Change]] = deque()
        self.waiting_bytes = 0
        self.size: int | None = None
        """Bytes of whole records in the newest file, once it is closed."""
        self._state = state
        self._folder, self._durability, self._portal = folder, durability, portal
        self._rotate_bytes, self._memory_bytes = rotate_bytes, memory_bytes
        self._clock, self._monotonic, self._release = clock, monotonic, release
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._process = os.getpid()
        self._active: ActiveFile | None = None
        self._syncing: threading.Thread | None = None
        self._unsynced = False
        self._retry_at = float("-inf")

    def begin(self, active: ActiveFile | None) -> None:
        """Append to the newest file, or begin the first one.

        Raises OSError, and RuntimeError where no thread can be started.
        """
        if active is None:
            self._begin_file(self._folder / "000001.bxj")
        elif active.size <= len(PREAMBLE):
            active.close()
            self._begin_file(active.path)
        else:
            self._active = active
        if self._durability == "second":
            syncing = threading.Thread(
                target=self._keep_syncing, name="bxpull-journal", daemon=True
            )
            try:
                syncing.start()
            except BaseException:
                self._finish()
                raise
            self._syncing = syncing

    def put(self, record: bytes, change: Change) -> bool:
        """Write the record, or keep it in memory; whether there was room for it.

        `change` is what the record changes in the state, once it is written.
        """
        self._check_process()
        with self._guard:
            if self._closing.is_set():
                return False
            self._write_waiting()
            if self.waiting and self.waiting_bytes + len(record) > self._memory_bytes:
                return False
            self.waiting.append((record, change))
            self.waiting_bytes += len(record)
            self._write_waiting()
            return True

    def sync(self) -> bool:
        """Return when the disk has all records so far, if it can; whether it has."""
        self._check_process()
        with self._guard:
            self._write_waiting()
            if self.waiting or self._active is None:
                return False
            if self._durability == "os":
                return True
            descriptor = self._active.duplicate()
        try:
            sync_and_close(descriptor)  # unguarded: the listener goes on meanwhile
        except OSError as exc:
            self.error, self._unsynced = exc, True
            return False
        return True

    def close(self) -> None:
        """Write and sync waiting records, as far as the disk takes them; twice does nothing.

        Any thread may call it, also the syncing one: collecting garbage, it may find the journal
        forgotten at any step, and closes when that step is done.
        """
        if self._process != os.getpid():
            return  # a fork: the files are its parent's
        self._closing.set()
        if self._syncing is None:
            self._finish()
        elif self._syncing is not threading.current_thread():
            self._syncing.join()

    def _check_process(self) -> None:
        check_process(
            self._process,
            "after the journal was opened: its files are its parent's. Open another journal "
            "here, in the child, in a folder of its own.",
        )

    def _finish(self) -> None:
        with self._guard:
            self._retry_at = float("-inf")
            self._write_waiting()
            if self._active is None:
                return
            with suppress(OSError):
                self._active.sync()
            with suppress(OSError):
                self._active.close()
            self.size, self._active = self._active.size, None
            self._release()

    def _begin_file(self, path: Path) -> None:
        active = ActiveFile(path)
        try:
            header = self._state.header(self._clock() // 1000, self._portal)
            active.write(PREAMBLE + pack(header))
            if self._durability != "os":
                active.sync()
                sync_folder(self._folder)
        except BaseException:
            active.close()
            raise
        if self._active is not None:
            self._active.close()
        self._active = active

    def _write_waiting(self) -> None:
        if self._active is None or not self.waiting or self._monotonic() < self._retry_at:
            return
        while self.waiting and self._attempt(self._write_next):
            self.waiting_bytes -= len(self.waiting.popleft()[0])
        if self._durability == "frame" and self._unsynced and self._active is not None:
            self._unsynced = not self._attempt(self._active.sync)

    def _write_next(self) -> None:
        active = self._active
        if active is None:
            return
        if active.size >= self._rotate_bytes:
            if self._durability != "os":
                active.sync()
            self._begin_file(active.path.with_name(f"{int(active.path.stem) + 1:06}.bxj"))
            active = self._active or active
        record, change = self.waiting[0]
        active.write(record)
        change(self._state)
        self._unsynced = True
        self.records += 1
        self.bytes += len(record)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """Whether the action succeeded; `error` is why not."""
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
            _log.warning(
                "the journal in %s writes again", shown_path(self._folder.name), extra=IS_LOG_ENTRY
            )
        self.error, self._retry_at = None, float("-inf")
        return True

    def _keep_syncing(self) -> None:
        """Sync written records once a second, off the listener's thread."""
        while not self._closing.wait(SYNC_EVERY):
            try:
                self._sync()
            except OSError as exc:
                _log.warning(
                    "the journal in %s cannot be synced: %s",
                    self._folder.name,
                    exc,
                    extra=IS_LOG_ENTRY,
                )
                self.error, self._unsynced = exc, True
        self._finish()

    def _sync(self) -> None:
        with self._guard:
            self._write_waiting()
            due, self._unsynced = self._unsynced, False
            descriptor = self._active.duplicate() if due and self._active is not None else None
        if descriptor is not None:
            sync_and_close(descriptor)
