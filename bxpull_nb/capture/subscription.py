"""A queue of records for one consumer, which may wait in a thread or on any event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from bxpull_nb.models import Record

__all__ = ["Subscription"]

Waker = Callable[[], object]


class Subscription:
    """The records from one row on, in order: first those kept, then those that arrive.

    Any thread may put, and any thread or loop may take; each record is taken once. Beyond
    `maxsize` the oldest is dropped and counted; `overflowed` is called at the first. Only records
    for which `wanted` is True are queued; None wants all.
    """

    def __init__(
        self,
        *,
        wanted: Callable[[Record], bool] | None = None,
        maxsize: int | None = None,
        overflowed: Callable[[], object] = lambda: None,
    ) -> None:
        self.dropped = 0
        """Records that were dropped because too many waited."""
        self.ended = False
        """Whether nothing more will be put."""
        self.error: BaseException | None = None
        """Why it ended; None when nothing failed."""
        self._wanted, self._maxsize, self._overflowed = wanted, maxsize, overflowed
        self._waiting: deque[tuple[int, Record]] = deque()
        self._wakers: list[Waker] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return how many records wait."""
        return len(self._waiting)

    def put(self, rows: Iterable[tuple[int, Record]]) -> None:
        """Queue the records, each with the number of its row."""
        if self._wanted is not None:
            rows = [row for row in rows if self._wanted(row[1])]
        with self._lock:
            before = self.dropped
            self._waiting.extend(rows)
            while self._maxsize is not None and len(self._waiting) > self._maxsize:
                self._waiting.popleft()
                self.dropped += 1
            is_first_drop = before == 0 < self.dropped
        if is_first_drop:
            self._overflowed()
        self._wake()

    def drop_from(self, row: int) -> None:
        """Drop the records from this row on that wait: they will be put again."""
        with self._lock:
            while self._waiting and self._waiting[-1][0] >= row:
                self._waiting.pop()

    def end(self, error: BaseException | None) -> None:
        """Put nothing more; what waits may still be taken."""
        with self._lock:
            self.ended, self.error = True, error
        self._wake()

    def take(self) -> tuple[int, Record] | None:
        """Return the oldest record and its row; None when no record waits."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def block(self, timeout: float | None) -> bool:
        """Wait until there may be something to take; False after `timeout` seconds."""
        arrived = threading.Event()
        waker = arrived.set
        if self._is_ready(waker):
            return True
        try:
            return arrived.wait(timeout)
        finally:
            self._forget(waker)

    async def arrival(self, timeout: float | None = None) -> bool:
        """Wait as `block` does, on the caller's own loop.

        It takes nothing, so cancelling it loses nothing.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[bool] = loop.create_future()
        waker = partial(_wake_loop, loop, arrived)
        if self._is_ready(waker):
            return True
        timer = None if timeout is None else loop.call_later(timeout, _settle, arrived, False)
        try:
            return await arrived
        finally:
            self._forget(waker)
            if timer is not None:
                timer.cancel()

    def _is_ready(self, waker: Waker) -> bool:
        """Whether there is something to take, or an end; if not, the waker is kept."""
        with self._lock:
            is_ready = bool(self._waiting) or self.ended
            if not is_ready:
                self._wakers.append(waker)
            return is_ready

    def _wake(self) -> None:
        """Wake every waiting consumer: a cancelled one must not keep it from another."""
        with self._lock:
            if not self._waiting and not self.ended:
                return
            wakers, self._wakers = self._wakers, []
        for waker in wakers:
            waker()

    def _forget(self, waker: Waker) -> None:
        with self._lock:
            self._wakers = [other for other in self._wakers if other is not waker]


def _wake_loop(loop: asyncio.AbstractEventLoop, arrived: "asyncio.Future[bool]") -> None:
    with suppress(RuntimeError):  # the loop was closed meanwhile: its consumer has gone
        loop.call_soon_threadsafe(_settle, arrived, True)


def _settle(arrived: "asyncio.Future[bool]", is_there: bool) -> None:
    if not arrived.done():
        arrived.set_result(is_there)
