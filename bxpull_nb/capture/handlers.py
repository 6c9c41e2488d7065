"""Callbacks for events, each on its own thread: a slow or failing one does not affect others.

```python
handlers = Handlers()

@handlers.on("dealUpdate", module_id="crm")
def show(event):
    print(event.params)
```
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from bxpull_nb.capture.checks import checked_count, checked_function
from bxpull_nb.capture.same_callback import is_identical, is_same
from bxpull_nb.capture.selection import Selection, Where, error_text, selected
from bxpull_nb.locks import fork_safe
from bxpull_nb.models import Record
from bxpull_nb.models.html import html_table

__all__ = ["Handler", "HandlerStats", "Handlers"]

_log = logging.getLogger("bxpull_nb")
Handler = Callable[[Record], object]
_CLOSE_TIMEOUT = 1.0  # seconds that running callbacks have to finish


class HandlerStats(msgspec.Struct, frozen=True):
    """A snapshot of the counters of one callback."""

    name: str
    calls: int
    """Finished calls, failed ones included."""
    failures: int
    dropped: int
    """Events that were dropped because the queue was full."""
    waiting: int
    error: str | None
    """The last failure: the exception's type and text."""


class Handlers:
    """Callbacks by module and command, fed with `offer`, which never blocks and never raises.

    Up to `queue` events wait for a callback (None: no bound). When more come, the oldest is dropped
    and counted, so that a slow callback sees the newest events. `failed` is called at the first
    failure of each callback, on its thread, with its name and the exception's type and text.
    """

    def __init__(
        self, queue: int | None = 1000, *, failed: Callable[[str, str], object] | None = None
    ) -> None:
        if queue is not None:
            queue = checked_count("queue", queue, "let one event wait, or more")
        self._queue, self._on_failed = queue, failed
        self._workers: list[_Worker] = []
        self._registering = fork_safe(threading.Lock(), 0)

    def on(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        where: Where | None = None,
        once: bool = False,
        module: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that registers a callback for every matching event, in order.

        Command and module are compared without case; None matches everything, unreadable
        messages (`event.error`) included. `where` is called on the callback's own thread, with
        events that meet the others; when it raises, that counts as a failure of the callback. With
        `once` the callback gets the first event only, and is unregistered after it.
        `module` is an older name of `module_id`. The decorator returns the callback unchanged;
        `on(…)(callback)` works as well. Raises SettingsError for a callback that is a coroutine
        function: use `feed.stream` there.

        The same function defined again, as by a cell that runs again, replaces the earlier one if
        the conditions are the same; waiting events pass to it. See `same_callback` for the
        rule: callbacks made in a loop stay apart when they captured different values.
        """
        selection = selected(command, module_id, where, module)

        def add(handler: Handler) -> Handler:
            self.add(handler, selection, once=once)
            return handler

        return add

    def add(
        self,
        handler: Handler,
        selection: Selection,
        earlier: Iterable[Record] = (),
        *,
        once: bool = False,
    ) -> None:
        """Register the callback; `earlier` records come first, unless it replaces another."""
        checked_function("the callback", handler)
        done = self._remove if once else None
        worker = _Worker(handler, selection, self._queue, self._on_failed, done)
        with self._registering:
            others = self._without_earlier(worker)
            if len(others) == len(self._workers):
                worker.offer(earlier)
            self._workers = [*others, worker]

    def off(self, handler: Handler) -> None:
        """Unregister the callback and drop its queue; an unknown callback is ignored."""
        with self._registering:
            gone = [worker for worker in self._workers if is_identical(worker.handler, handler)]
            self._workers = [worker for worker in self._workers if worker not in gone]
        for worker in gone:
            worker.close()

    def _remove(self, worker: "_Worker") -> None:
        with self._registering:
            self._workers = [other for other in self._workers if other is not worker]
        worker.close()

    def offer(self, records: Iterable[Record]) -> None:
        """Put each record into the queues of the callbacks it matches; from any thread."""
        workers = self._workers
        records = list(records) if workers else ()
        for worker in workers:
            worker.offer(records)

    @property
    def stats(self) -> list[HandlerStats]:
        """The counters of each callback, in the order in which they were added."""
        return [worker.stats for worker in self._workers]

    def close(self) -> None:
        """Unregister all callbacks; running ones get a second in all to finish."""
        with self._registering:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.join(_CLOSE_TIMEOUT / len(workers))

    def __enter__(self) -> "Handlers":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Handlers({', '.join(worker.name for worker in self._workers)})"

    def _repr_html_(self) -> str:
        return html_table((stats.name, _summary(stats)) for stats in self.stats)

    def _without_earlier(self, worker: "_Worker") -> list["_Worker"]:
        """Return the other callbacks; an earlier one of the same function ends here."""
        kept = []
        for other in self._workers:
            if other.registers_same(worker):
                other.hand_over(worker)
            else:
                kept.append(other)
        return kept


class _Worker:
    """One callback, its queue and its thread, which starts with the first event."""

    def __init__(
        self,
        handler: Handler,
        selection: Selection,
        limit: int | None,
        on_failed: Callable[[str, str], object] | None,
        done: "Callable[[_Worker], object] | None" = None,
    ) -> None:
        """Make a worker; it calls `done` after the first event, if given."""
        self.handler = handler
        self.name: str = getattr(handler, "__qualname__", type(handler).__name__)
        self._selection, self._wants = selection, selection.by_name()
        self._limit, self._on_failed, self._done = limit, on_failed, done
        self._successor: _Worker | None = None
        self._waiting: deque[Record] = deque()
        self._changed = threading.Condition(fork_safe(threading.RLock(), 4))
        self._thread: threading.Thread | None = None
        self._closed = False
        self._calls = self._failures = self._dropped = 0
        self._error: str | None = None

    @property
    def stats(self) -> HandlerStats:
        with self._changed:
            return HandlerStats(
                self.name,
                self._calls,
                self._failures,
                self._dropped,
                len(self._waiting),
                self._error,
            )

    def registers_same(self, other: "_Worker") -> bool:
        one, two = self._selection, other._selection
        conditions = one.names() == two.names() and is_same(one.where, two.where)
        return conditions and is_same(self.handler, other.handler)

    def offer(self, records: Iterable[Record]) -> None:
        """Queue the records that it wants."""
        for record in records:
            if self._wants is None or self._wants(record):
                self.put(record)

    def hand_over(self, successor: "_Worker") -> None:
        """Pass the waiting events to the successor, and those still to come."""
        with self._changed:
            self._successor = successor
            for record in self._waiting:
                successor.put(record)
        self.close()

    def put(self, record: Record) -> None:
        with self._changed:
            successor = self._successor
            if successor is None:
                self._put(record)
        if successor is not None:
            successor.put(record)

    def _put(self, record: Record) -> None:
        if self._closed:
            return
        if self._limit is not None and len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append(record)
        self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"bxpull-handler-{self.name}", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify()

    def join(self, timeout: float) -> None:
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while (record := self._next()) is not None:
            is_wanted = False
            try:
                is_wanted = self._selection.is_where(record)
                if not is_wanted:
                    continue
                self.handler(record)
            except BaseException as exc:  # noqa: BLE001 - SystemExit too must not end the thread
                self._failed(exc)
            with self._changed:
                self._calls += 1
            if is_wanted and self._done is not None:
                self._done(self)

    def _next(self) -> Record | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.popleft()

    def _failed(self, exc: BaseException) -> None:
        error = error_text(exc)
        with self._changed:
            self._failures += 1
            is_first, self._error = self._failures == 1, error
        if not is_first:
            return
        _log.warning("the handler %s failed: %s", self.name, error, exc_info=exc)
        if self._on_failed is not None:
            try:
                self._on_failed(self.name, error)
            except BaseException as broken:  # noqa: BLE001 - the callback's thread must go on
                _log.warning("the failure could not be reported: %s", error_text(broken))


def _summary(stats: HandlerStats) -> str:
    counts = f"{stats.calls:,} calls, {stats.failures:,} failed, {stats.dropped:,} dropped"
    return f"{counts}, {stats.waiting:,} waiting{f'; {stats.error}' if stats.error else ''}"
