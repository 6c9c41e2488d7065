"""Where a listener's records come in: the log, those who wait for an event, and the rate.

It is all that the listener's thread holds of a feed, so that a feed nobody holds any more can
be collected although its thread still runs.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue

from bxpull_nb.capture.recent_frames import KeptFrame, RecentFrames
from bxpull_nb.errors import WaitTimeout
from bxpull_nb.models import Batch, Record
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["EventHub"]

_RATE_WINDOW = 10.0  # seconds
_Batches = SimpleQueue[Sequence[Record] | None]


class EventHub:
    """The sink of a listener; `None` in a waiter's queue says that the listener has ended.

    `taps` get every batch of new records too. `monotonic` gives seconds.
    """

    def __init__(self, log: EventLog, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.log = log
        self.error: BaseException | None = None
        self.taps: list[Callable[[Sequence[Record]], None]] = []
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._changes: list[asyncio.Future[None]] = []
        self._waiting: list[_Batches] = []
        self._waited = 0  # rows that an earlier wait has passed
        self._batches: deque[tuple[float, int]] = deque()
        self._frames = RecentFrames()

    def store(self, batch: Batch) -> None:
        """Append to the log, and hand the records to everybody who waits: the sink."""
        records = batch.records
        with self._lock:
            self._frames.add(len(self.log), batch)
            if not records:
                return
            self.log.extend(records)
            self._batches.append((self._monotonic(), len(records)))
            self._forget_old_batches()
            for queue in self._waiting:
                queue.put(records)
        for tap in tuple(self.taps):
            tap(records)

    def changed(self) -> None:
        """The listener's state changed: wake those who wait for it. On the loop's thread only."""
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)

    def ended(self, task: "asyncio.Task[None]") -> None:
        """The listener ended: keep why, and wake everybody."""
        self.error = None if task.cancelled() else task.exception()
        self.changed()
        with self._lock:
            for queue in self._waiting:
                queue.put(None)

    def rate(self) -> float:
        """Events per second over the last ten seconds."""
        with self._lock:
            self._forget_old_batches()
            return sum(count for _, count in self._batches) / _RATE_WINDOW

    def frame_of(self, row: int) -> KeptFrame | None:
        """The frame that brought the row; None when it is no longer kept."""
        with self._lock:
            return self._frames.of_row(row)

    def duplicates_of(self, mid: str | None) -> int:
        """How many further copies of the message came, and were dropped."""
        with self._lock:
            return self._frames.duplicates_of(mid)

    async def wait_change(self, reached: Callable[[], bool], timeout: float) -> None:
        """Return when `reached` says True, asked at every change, or after `timeout` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not reached():
                    change = asyncio.get_running_loop().create_future()
                    self._changes.append(change)
                    await change

    def wait_records(
        self,
        enough: Callable[[Record], bool],
        timeout: float | None,
        *,
        alive: Callable[[], bool],
        gone: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, int, Record]:
        """The first row looked at, the row behind the last, and the record that was enough.

        Looks at every record since the end of the previous wait, then at what arrives. `gone` is
        told how many the log no longer gives: those before the newest ten thousand, or beyond
        its bound. Raises WaitTimeout; the listener's own error when that ended it.
        """
        deadline = None if timeout is None else self._monotonic() + timeout
        with self._subscribed() as (first, queue):
            row = first
            gone(first - self._waited)
            if not alive():
                queue.put(None)
            while (batch := self._next(queue, deadline, row - first, timeout)) is not None:
                for record in batch:
                    row += 1
                    if enough(record):
                        self._waited = row
                        return first, row, record
        if self.error is not None:
            raise self.error
        raise WaitTimeout(
            f"the feed is not running, and what was awaited is not among the {row - first} "
            f"events since the last wait. Start it with feed.start()."
        )

    @contextmanager
    def _subscribed(self) -> Iterator[tuple[int, _Batches]]:
        queue: _Batches = SimpleQueue()
        with self._lock:
            first, records = self.log.recent(self._waited)
            queue.put(records)
            self._waiting.append(queue)
        try:
            yield first, queue
        finally:
            with self._lock:
                self._waiting.remove(queue)

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

    def _forget_old_batches(self) -> None:
        horizon = self._monotonic() - _RATE_WINDOW
        while self._batches and self._batches[0][0] < horizon:
            self._batches.popleft()
