"""Callbacks for events, each on its own thread: a slow or failing one does not affect others.

```python
handlers = Handlers()

@handlers.on(module="crm", command="dealUpdate")
def show(event):
    print(event.params)
```
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Record

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

    Up to `queue` events wait for a callback. When more come, the oldest is dropped and counted,
    so that a slow callback sees the newest events.
    """

    def __init__(self, queue: int = 1000) -> None:
        if queue < 1:
            raise SettingsError(f"queue={queue!r}: let one event wait, or more.")
        self._queue = queue
        self._workers: list[_Worker] = []

    def on(
        self, *, module: str | None = None, command: str | None = None
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that registers a callback for every matching event, in order.

        Module and command are compared without case; None matches everything, unreadable
        messages (`event.error`) included. The callback runs on its own thread. The decorator
        returns it unchanged; `on(…)(callback)` works as well.
        """

        def add(handler: Handler) -> Handler:
            worker = _Worker(handler, _folded(module), _folded(command), self._queue)
            self._workers = [*self._workers, worker]
            return handler

        return add

    def off(self, handler: Handler) -> None:
        """Unregister the callback and drop its queue; an unknown callback is ignored."""
        gone = [worker for worker in self._workers if worker.handler is handler]
        self._workers = [worker for worker in self._workers if worker not in gone]
        for worker in gone:
            worker.close()

    def offer(self, records: Iterable[Record]) -> None:
        """Put each record into the queues of the callbacks it matches; from any thread."""
        workers = self._workers
        if not workers:
            return
        for record in records:
            module, command = _folded(record.module_id), _folded(record.command)
            for worker in workers:
                if worker.wants(module, command):
                    worker.put(record)

    @property
    def stats(self) -> list[HandlerStats]:
        """The counters of each callback, in the order in which they were added."""
        return [worker.stats for worker in self._workers]

    def close(self) -> None:
        """Unregister all callbacks; running ones get a second in all to finish."""
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


class _Worker:
    """One callback, its queue and its thread, which starts with the first event."""

    def __init__(
        self, handler: Handler, module: str | None, command: str | None, limit: int
    ) -> None:
        self.handler = handler
        self.name: str = getattr(handler, "__qualname__", type(handler).__name__)
        self._module, self._command = module, command
        self._limit = limit
        self._waiting: deque[Record] = deque()
        self._changed = threading.Condition()
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

    def wants(self, module: str | None, command: str | None) -> bool:
        return self._module in (None, module) and self._command in (None, command)

    def put(self, record: Record) -> None:
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._limit:
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
            try:
                self.handler(record)
            except Exception as exc:  # noqa: BLE001 - any error of a callback is counted and logged
                self._failed(exc)
            with self._changed:
                self._calls += 1

    def _next(self) -> Record | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return None if self._closed else self._waiting.popleft()

    def _failed(self, exc: Exception) -> None:
        with self._changed:
            self._failures += 1
            is_first, self._error = self._failures == 1, f"{type(exc).__name__}: {exc}"
        if is_first:
            _log.warning("the handler %s failed: %s", self.name, self._error, exc_info=exc)


def _folded(name: str | None) -> str | None:
    return None if name is None else name.casefold()
