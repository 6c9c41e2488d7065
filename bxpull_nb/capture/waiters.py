"""Waiting for records: which records are still new, and who waits for them."""

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from bxpull_nb.capture.search import Search
from bxpull_nb.capture.subscription import Subscription
from bxpull_nb.errors import WaitTimeout
from bxpull_nb.models import Record
from bxpull_nb.storage.eventlog.log import RECENT, EventLog

__all__ = ["Waiters"]


class Waiters:
    """The subscriptions to one log; `lock` guards the log, `monotonic` gives seconds.

    A record is new until a wait has passed it, or a call has given it to its caller. `recent`
    returns kept records from a row on, as `EventLog.recent` does.
    """

    def __init__(
        self,
        log: EventLog,
        lock: threading.Lock,
        monotonic: Callable[[], float] = time.monotonic,
        recent: Callable[[int], tuple[int, list[Record]]] | None = None,
    ) -> None:
        self._log = log
        self._lock = lock
        self._monotonic = monotonic
        self._recent = recent or log.recent
        self._open: weakref.WeakSet[Subscription] = weakref.WeakSet()
        self._passed = 0  # rows that an earlier wait has looked at
        self._given: set[int] = set()  # rows after them that a caller has been given

    def offer(self, first: int, records: Sequence[Record]) -> None:
        """Give the records, `first` being the row of the first, to all. Hold the lock."""
        for subscription in tuple(self._open):
            subscription.put(enumerate(records, first))

    def end(self, error: BaseException | None) -> None:
        """End every subscription. Hold the lock."""
        for subscription in tuple(self._open):
            subscription.end(error)

    def open(
        self, subscription: Subscription, *, since: int | None = None, from_now: bool = False
    ) -> int:
        """Give the subscription the new records, and those that arrive.

        `since`: instead, all from that row on; `from_now`: only those that arrive. Returns how
        many of the new records are no longer kept.
        """
        with self._lock:
            start = self._passed if since is None else since
            if not from_now:
                first, records = self._recent(start)
                rows: Iterable[tuple[int, Record]] = enumerate(records, first)
                if since is None and self._given:
                    rows = [row for row in rows if row[0] not in self._given]
                subscription.put(rows)
            self._open.add(subscription)
            return 0 if from_now else max(first - start, 0)

    def close(self, subscription: Subscription) -> None:
        """Give the subscription nothing more."""
        with self._lock:
            self._open.discard(subscription)

    def earlier(self, search: Search) -> list[Record]:
        """Return what the search looked at, and what came before: the newest ten thousand."""
        with self._lock:
            first, records = self._log.recent(0)
        return records[: max(search.end - first, 0)]

    def give(self, rows: Iterable[int]) -> None:
        """Note that a caller has been given these rows: they are no longer new."""
        with self._lock:
            self._given.update(row for row in rows if row >= self._passed)
            self._settle()

    def pass_all(self, end: int) -> None:
        """Note that a wait has passed all rows before `end`."""
        with self._lock:
            self._passed = max(self._passed, end)
            self._settle()

    def wait(
        self,
        search: Search,
        timeout: float | None,
        alive: Callable[[], bool],
        since: int | None = None,
    ) -> bool:
        """Search what is new, then what arrives; whether it found enough before the end.

        Raises WaitTimeout after `timeout` seconds.
        """
        with self._searching(search, alive, since) as subscription:
            left = self._countdown(timeout)
            while not self._is_enough(search, subscription):
                if subscription.ended and not subscription:
                    return False
                if not subscription.block(left()):
                    raise _too_late(search, timeout)
        return True

    async def wait_async(
        self,
        search: Search,
        timeout: float | None,
        alive: Callable[[], bool],
        since: int | None = None,
    ) -> bool:
        """Do as `wait`, on the caller's own loop. Cancelling it leaves the records new."""
        with self._searching(search, alive, since) as subscription:
            left = self._countdown(timeout)
            while not self._is_enough(search, subscription):
                if subscription.ended and not subscription:
                    return False
                if not await subscription.arrival(left()):
                    raise _too_late(search, timeout)
        return True

    @contextmanager
    def _searching(
        self, search: Search, alive: Callable[[], bool], since: int | None
    ) -> Iterator[Subscription]:
        subscription = Subscription()
        search.end = len(self._log)
        search.skip(self.open(subscription, since=since))
        if not alive():
            subscription.end(None)
        try:
            yield subscription
        finally:
            self.close(subscription)

    def _is_enough(self, search: Search, subscription: Subscription) -> bool:
        """Search what waits; note what is no longer new once enough is found."""
        while (taken := subscription.take()) is not None:
            if search.is_enough_with(*taken):
                if search.passed is None:
                    self.pass_all(search.end)
                else:
                    self.give(search.passed)
                return True
        return False

    def _countdown(self, timeout: float | None) -> Callable[[], float | None]:
        if timeout is None:
            return lambda: None
        deadline = self._monotonic() + timeout
        return lambda: max(deadline - self._monotonic(), 0)

    def _settle(self) -> None:
        """Forget given rows that no longer matter: passed, or older than what is looked at."""
        while self._passed in self._given:
            self._passed += 1
        if len(self._given) > 2 * RECENT:
            self._given = {row for row in self._given if row >= self._passed}
        if len(self._given) > 2 * RECENT and self._recent == self._log.recent:
            oldest = len(self._log) - RECENT
            self._given = {row for row in self._given if row >= oldest}


def _too_late(search: Search, timeout: float | None) -> WaitTimeout:
    return WaitTimeout(
        f"not met within {timeout:g} s; {search.looked_at} events came since the last wait. "
        f"Look at feed.state and feed.tail(), or wait longer."
    )
