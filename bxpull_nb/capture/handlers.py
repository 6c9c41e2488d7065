"""Callbacks for events, each on a thread of its own: one that fails or is slow harms no other.

```python
handlers = Handlers()

@handlers.on(module="crm", command="dealUpdate")
def tell(event):
    print(event.params)
```
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Record

__all__ = ["Handler", "HandlerStats", "Handlers"]

_log = logging.getLogger("bxpull_nb")
Handler = Callable[[Record], object]
_CLOSE_TIMEOUT = 1.0  # seconds for all callbacks at work to come to their end


class HandlerStats(msgspec.Struct, frozen=True):
    """What one callback has done so far; a snapshot."""

    name: str
    calls: int
    """Calls that have ended, the failed ones too."""
    failures: int
    dropped: int
    """Events it never saw, because too many waited for it."""
    waiting: int
    error: str | None
    """The last failure: the exception's type and text."""


class Handlers:
    """Callbacks by module and command, fed with `offer`, which never blocks and never raises.

    Up to `queue` events wait for a callback; when more come, the oldest is dropped and counted,
    so that a slow callback sees what is new.
    """

    def __init__(self, queue: int = 1000) -> None:
        if queue < 1:
            raise SettingsError(f"queue={queue!r}: let one event wait, or more.")
        self._queue = queue
        self._workers: list[_Worker] = []

    def on(
        self, *, module: str | None = None, command: str | None = None
    ) -> Callable[[Handler], Handler]:
        """A decorator: the callback is called with every matching event, in their order.

        Module and command are compared without case; None matches all, messages that could not
        be read (`event.error`) too. The callback runs on a thread of its own. It is given back
        unchanged, and `on(…)(callback)` does without the @.
        """

        def add(handler: Handler) -> Handler:
            worker = _Worker(handler, _folded(module), _folded(command), self._queue)
            self._workers = [*self._workers, worker]
            return handler

        return add

    def off(self, handler: Handler) -> None:
        """Call it no more; what waits for it is forgotten. Unknown ones are passed over."""
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
        """A line for each callback, in the order they were added."""
        return [worker.stats for worker in self._workers]

    def close(self) -> None:
        """Call nobody any more; a callback at work has a second to come to its end."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()
        for worker in workers:
            worker.join(_CLOSE_TIMEOUT / len(workers))

    def __enter__(self) -> "Handlers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Handlers({', '.join(worker.name for worker in self._workers)})"


class _Worker:
    """One callback, its queue and its thread, which begins with the first event."""

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
            except Exception as exc:  # noqa: BLE001 - whatever it is, it is the callback's own
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
