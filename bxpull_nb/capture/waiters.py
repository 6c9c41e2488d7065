"""Waiting for records: every wait gets a queue, filled with what arrives."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from bxpull_nb.errors import WaitTimeout
from bxpull_nb.models import Record
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["Waiters"]

_Batches = SimpleQueue[Sequence[Record] | None]


class Waiters:
    """The waits on one log; `lock` guards the log, `monotonic` gives seconds.

    A wait looks at every record since the previous wait ended, then at what arrives.
    """

    def __init__(
        self,
        log: EventLog,
        lock: threading.Lock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._lock = lock
        self._monotonic = monotonic
        self._queues: list[_Batches] = []
        self._passed = 0  # rows that an earlier wait has looked at

    def offer(self, records: Sequence[Record] | None) -> None:
        """Give the records to every wait; None ends them. Call it with the lock held."""
        for queue in self._queues:
            queue.put(records)

    def wait(
        self,
        enough: Callable[[Record], bool],
        timeout: float | None,
        *,
        alive: Callable[[], bool],
        skipped: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, int, Record] | int:
        """Return the first row looked at, the row after the last, and the record that is enough.

        `skipped` gets the number of rows that the log no longer gives: those before the newest
        ten thousand, or beyond its bound. Returns how many records were looked at when nothing
        more can come. Raises WaitTimeout.
        """
        deadline = None if timeout is None else self._monotonic() + timeout
        with self._subscribed() as (first, queue):
            row = first
            skipped(first - self._passed)
            if not alive():
                queue.put(None)
            while (batch := self._next(queue, deadline, row - first, timeout)) is not None:
                for record in batch:
                    row += 1
                    if enough(record):
                        self._passed = row
                        return first, row, record
        return row - first

    @contextmanager
    def _subscribed(self) -> Iterator[tuple[int, _Batches]]:
        queue: _Batches = SimpleQueue()
        with self._lock:
            first, records = self._log.recent(self._passed)
            queue.put(records)
            self._queues.append(queue)
        try:
            yield first, queue
        finally:
            with self._lock:
                self._queues.remove(queue)

    def _next(
        self, queue: _Batches, deadline: float | None, looked_at: int, timeout: float | None
    ) -> Sequence[Record] | None:
        left = None if deadline is None else max(deadline - self._monotonic(), 0)
        try:
            return queue.get(timeout=left) if left is None or left > 0 else queue.get_nowait()
        except Empty:
            raise WaitTimeout(
                f"not met within {timeout:g} s; {looked_at} events came since the last wait. "
                f"Look at feed.state and feed.tail(), or wait longer."
            ) from None
