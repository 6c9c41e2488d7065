"""Waiting for records: which records are still new, and who waits for them."""

import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from bxpull_nb.capture.lookup import Lookup
from bxpull_nb.capture.subscription import Subscription
from bxpull_nb.errors import WaitTimeout
from bxpull_nb.models import Record
from bxpull_nb.models.counted import counted
from bxpull_nb.storage.eventlog.log import RECENT, EventLog

__all__ = ["Waiters"]


class Waiters:
    """The subscriptions to one log; `lock` guards the log, `monotonic` gives seconds.

    A lookup by command passes the records of that command up to the one it finds. A lookup for
    any command begins after the row that the lookups before it have reached, and passes all.
    A stream passes what it gives. `recent` returns kept records from a row on, as
    `EventLog.recent` does.
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
        self._passed = 0  # rows before this are passed
        self._given: set[int] = set()  # passed rows after it
        self._reached = 0  # the row after the last one that a lookup has found

    def offer(self, first: int, records: Sequence[Record]) -> None:
        """Give the records, `first` being the row of the first, to all. Hold the lock."""
        if not self._open:
            return  # nearly always, and a weak set is slow to walk through
        for subscription in tuple(self._open):
            subscription.put(enumerate(records, first))

    def rewind(self, row: int) -> None:
        """Take the rows from this one on as new: they come again. Hold the lock."""
        self._passed, self._reached = min(self._passed, row), min(self._reached, row)
        self._given = {given for given in self._given if given < row}
        for subscription in tuple(self._open):
            subscription.drop_from(row)

    def end(self, error: BaseException | None) -> None:
        """End every subscription. Hold the lock."""
        for subscription in tuple(self._open):
            subscription.end(error)

    def open(
        self,
        subscription: Subscription,
        *,
        since: int | None = None,
        from_now: bool = False,
        any_command: bool = False,
    ) -> int:
        """Give the subscription the new records, and those that arrive.

        `since`: instead, all from that row on; `from_now`: only those that arrive; `any_command`:
        the new ones that no lookup has reached. Returns how many of them are no longer kept.
        """
        with self._lock:
            start = since
            if start is None:
                start = self._reached if any_command else self._passed
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

    def earlier(self, lookup: Lookup) -> list[Record]:
        """Return what the lookup looked at, and what came before: the newest ten thousand."""
        with self._lock:
            first, records = self._log.recent(0)
        return records[: max(lookup.end - first, 0)]

    def give(self, rows: Iterable[int]) -> None:
        """Note that a caller has been given these rows: they are no longer new."""
        with self._lock:
            self._given.update(row for row in rows if row >= self._passed)
            self._settle()

    def reach(self, lookup: Lookup) -> None:
        """Note what the lookup passes, now that it has found enough."""
        with self._lock:
            self._reached = max(self._reached, lookup.end)
            if lookup.passed is None:
                self._passed = self._reached
        self.give(lookup.passed or ())

    def wait(
        self,
        lookup: Lookup,
        timeout: float | None,
        alive: Callable[[], bool],
        since: int | None = None,
    ) -> bool:
        """Look at what is new, then at what arrives; whether it found enough before the end.

        Raises WaitTimeout after `timeout` seconds.
        """
        with self._looking_up(lookup, alive, since) as subscription:
            left = self._countdown(timeout)
            while not self._is_enough(lookup, subscription):
                if subscription.ended and not subscription:
                    return False
                if not subscription.block(left()):
                    raise _too_late(lookup, timeout)
        return True

    async def wait_async(
        self, lookup: Lookup, timeout: float | None, alive: Callable[[], bool]
    ) -> bool:
        """Do as `wait`, on the caller's own loop. Cancelling it leaves the records new."""
        with self._looking_up(lookup, alive) as subscription:
            left = self._countdown(timeout)
            while not self._is_enough(lookup, subscription):
                if subscription.ended and not subscription:
                    return False
                if not await subscription.arrival(left()):
                    raise _too_late(lookup, timeout)
        return True

    @contextmanager
    def _looking_up(
        self, lookup: Lookup, alive: Callable[[], bool], since: int | None = None
    ) -> Iterator[Subscription]:
        subscription = Subscription()
        lookup.end = len(self._log)
        lost = self.open(subscription, since=since, any_command=lookup.passed is None)
        lookup.skip(lost)
        if not alive():
            subscription.end(None)
        try:
            yield subscription
        finally:
            self.close(subscription)

    def _is_enough(self, lookup: Lookup, subscription: Subscription) -> bool:
        """Look at the queued records; note what is no longer new once enough is found."""
        while (taken := subscription.take()) is not None:
            if lookup.is_enough_with(*taken):
                self.reach(lookup)
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


def _too_late(lookup: Lookup, timeout: float | None) -> WaitTimeout:
    return WaitTimeout(
        f"not met within {timeout:g} s; {counted(lookup.looked_at, 'event')} came since the last "
        f"wait. Look at feed.state and feed.tail(), or wait longer."
    )
