"""The events that arrive from now on: streams, callbacks and the watch for drift."""

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.awaited import AwaitedEvents
from bxpull_nb.capture.checks import checked_count
from bxpull_nb.capture.handlers import Handler, Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.lookup import all_from
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.capture.selection import Selection, Where, selected
from bxpull_nb.capture.stream import EventStream
from bxpull_nb.capture.watch import OnFound, Watch, WatchSettings
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import mask_url
from bxpull_nb.models import LogEntry, Record

if TYPE_CHECKING:
    from bxpull_nb.analysis.intervals import Span

__all__ = ["FollowedEvents"]


class FollowedEvents(AwaitedEvents):
    """Gives the events of a capture to streams, callbacks and a watch.

    Those who follow a recording get all its events, from the first on.
    """

    def __init__(
        self, hub: EventHub, run: CaptureRun, bridge: LoopThread, *, recorded: bool = False
    ) -> None:
        super().__init__(hub, run, bridge, recorded=recorded)
        failed = partial(_log_failure, self.logbook)
        self.handlers = Handlers(None, failed=failed) if recorded else Handlers(failed=failed)
        hub.taps.append(self.handlers.offer)
        self._watch: Watch | None = None

    def stream(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        where: Where | None = None,
        maxsize: int | None = 10_000,
        from_now: bool = False,
    ) -> EventStream:
        """Return the events that meet the conditions, for `async with`, on any event loop.

        It begins with events that are still new, as `expect` does, or `from_now` on. It ends when
        the feed stops, with the feed's error if there is one. A consumer that is cancelled takes
        no event with it. When `maxsize` events wait (None: no bound; of a recording there is
        none), the oldest are dropped, counted and reported; see `EventStream`.

        ```python
        async with feed.stream("dealUpdate", where=lambda event: event.params["id"] == 15) as deals:
            async for event in deals:
                print(event.received_at, event.params)
        ```
        """
        if maxsize is not None:
            maxsize = checked_count("maxsize", maxsize, "let one event wait, or more")
        return EventStream(
            self._hub,
            self._run,
            Selection(command=command, module_id=module_id, where=where),
            maxsize=None if self._recorded else maxsize,
            from_now=from_now,
            check=self._may_stream,
        )

    def on(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        where: Where | None = None,
        once: bool = False,
        module: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Decorate a callback: it gets every matching event from now on, on its own thread.

        With `once` it gets the first one only. `where` is a function, or a list of conditions.
        Of a replay it gets every event from the first on, those that were played already too.
        A callback that fails or is slow harms neither the capture nor another; `handlers.stats`
        shows calls, failures and dropped events. See `Handlers.on`.

        >>> @feed.on("dealUpdate", where=[("params.stage", "==", "WON")])
        ... def notify(event):
        ...     print(event.params)
        """
        if not self._recorded:
            return self.handlers.on(
                command, module_id=module_id, where=where, once=once, module=module
            )
        selection = selected(command, module_id, where, module)

        async def add(handler: Handler) -> None:
            self.handlers.add(handler, selection, all_from(self.log, 0)[1], once=once)

        def decorate(handler: Handler) -> Handler:
            # On the loop's thread no event comes meanwhile: each is either earlier or later.
            self.bridge.run(add(handler))
            return handler

        return decorate

    def watch(
        self,
        on_found: OnFound | None = None,
        *,
        new_command: bool = True,
        new_path: bool = True,
        type_change: bool = True,
        silence: "Span | None" = None,
        rate_above: float | None = None,
        chance: float = 0.01,
    ) -> Watch:
        """Watch for drift from now on, on a thread of its own, and return the watch.

        What it finds is an entry of the activity log (`new_command`, `new_path`, `type_changed`,
        `silent`, `rate_above`), and `on_found` is called with it. A command, a path or a type of
        a path's values is new when at least three events have it, and the chance is below
        `chance` that none before had it (see `query.novelty`). `silence` is the least time without
        a command that usually pauses at most a third of it, or without any event, while connected.
        `rate_above` is in events per second. All events so far are known. Another call replaces
        the watch. Raises SettingsError for what cannot be used.

        >>> watch = feed.watch(print, silence="5min", rate_above=500)
        """
        settings = WatchSettings(
            new_command=new_command,
            new_path=new_path,
            type_change=type_change,
            silence=silence,
            rate_above=rate_above,
            chance=chance,
        )
        run = self._run  # not self: a feed without a reference must be collected
        watch = Watch(
            self.log,
            self.logbook,
            settings,
            on_found,
            now_us=run.now_us,
            rate=self._hub.rate,
            is_connected=lambda: run.state == "connected",
        )
        if self._watch is not None:
            self._watch.stop()
        self._watch = watch.start()
        weakref.finalize(self, watch.stop)
        return watch

    @contextmanager
    def subscribed(self, tap: Callable[[Sequence[Record]], None]) -> Iterator[None]:
        """Give `tap` every batch of new records meanwhile, on the listener's own thread.

        It must be quick: everything else waits for it. One that raises is called no more.
        """
        self._hub.taps.append(tap)
        try:
            yield
        finally:
            with suppress(ValueError):  # one that raised is gone
                self._hub.taps.remove(tap)

    def _may_stream(self) -> None:
        self.bridge.is_current()  # raises WrongProcessError in a fork
        if self._run.state == "idle":
            raise SettingsError("the feed was never started: call feed.start() before a stream.")


def _log_failure(logbook: ActivityLog, name: str, error: str) -> None:
    """Log a handler's first failure. No method: a feed without a reference must be collected."""
    text = mask_url(f"the handler {name} failed: {error}")
    logbook.add(LogEntry(at_us=time.time_ns() // 1000, kind="handler_failed", text=text))
