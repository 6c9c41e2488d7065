"""A feed's events as an async iterator, on any event loop of the caller's.

```python
async with feed.stream(command="dealUpdate") as events:
    async for event in events:
        print(event.params)
```
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from bxpull_nb.capture.hub import EventHub
from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.capture.selection import Selection
from bxpull_nb.capture.subscription import Subscription
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import IS_LOG_ENTRY, Record
from bxpull_nb.models.counted import counted
from bxpull_nb.storage.eventlog.log import RECENT

__all__ = ["EventStream"]

_log = logging.getLogger("bxpull_nb")
_TURN = 64  # records after which the loop's other tasks run, however many more wait


class EventStream:
    """The records of a feed that meet a selection, for `async with` and `async for`.

    It begins with the records that no earlier wait or stream has given to a caller, of the newest
    ten thousand; with `from_now` it begins with those that arrive. It ends when the feed stops,
    and raises the feed's error when that ended it. When more than `maxsize` records wait for a
    slow consumer, the oldest are dropped, counted in `dropped` and reported in the feed's
    activity log. Cancelling a consumer loses nothing: records that were not given to it are
    there for the next `async for`, and, after the `async with`, for the next stream or wait.
    """

    def __init__(
        self,
        hub: EventHub,
        run: CaptureRun,
        selection: Selection,
        *,
        maxsize: int | None,
        from_now: bool,
        check: Callable[[], None],
    ) -> None:
        """Make a stream that is not open; `check` raises what prevents opening it."""
        self._hub, self._run, self._check = hub, run, check
        self._selection, self._maxsize, self._from_now = selection, maxsize, from_now
        self._given: deque[int] = deque(maxlen=None if maxsize is None else RECENT)
        self._looked_at = 0
        self._subscription: Subscription | None = None
        self._dropped = 0  # by subscriptions that were closed

    @property
    def waiting(self) -> int:
        """Records that wait for the consumer; `where` has not seen them yet."""
        return len(self._subscription) if self._subscription else 0

    @property
    def dropped(self) -> int:
        """Records that were dropped because more than `maxsize` waited."""
        subscription = self._subscription
        return self._dropped + (0 if subscription is None else subscription.dropped)

    async def __aenter__(self) -> "EventStream":
        if self._subscription is not None:
            raise SettingsError("this stream is open already: give each consumer its own.")
        self._check()
        subscription = Subscription(
            wanted=self._selection.by_name(),
            maxsize=self._maxsize,
            overflowed=partial(_report_overflow, self._run, self._selection, self._maxsize),
        )
        self._hub.waiters.open(subscription, from_now=self._from_now)
        self._subscription = subscription
        if not self._run.running:
            subscription.end(self._hub.error)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._close()

    def __aiter__(self) -> "EventStream":
        return self

    async def __anext__(self) -> Record:
        """Return the next record; cancelling it takes none."""
        subscription = self._opened()
        while True:
            await self._let_others_run()
            taken = subscription.take()
            if taken is not None:
                if self._is_selected(*taken):
                    return taken[1]
            elif subscription.ended and not subscription:
                _raise_end(subscription)
            else:
                await subscription.arrival()

    def __repr__(self) -> str:
        state = "open" if self._subscription else "not open"
        counts = f"{self.waiting:,} waiting, {self.dropped:,} dropped"
        return f"EventStream({self._selection}, {state}, {counts})"

    def _opened(self) -> Subscription:
        if self._subscription is None:
            raise SettingsError(
                "the stream is not open: write `async with feed.stream(…) as events`, then "
                "`async for event in events` within it."
            )
        return self._subscription

    async def _let_others_run(self) -> None:
        self._looked_at += 1
        if self._looked_at % _TURN == 0:
            await asyncio.sleep(0)

    def _is_selected(self, row: int, record: Record) -> bool:
        if not self._selection.is_where(record):
            return False
        while self._given and self._given[-1] >= row:  # a replay went back: it comes again
            self._given.pop()
        self._given.append(row)
        return True

    def _close(self) -> None:
        """Leave the feed; note what was given, and report what was dropped."""
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        self._hub.waiters.close(subscription)
        subscription.end(None)  # for consumers that still wait for it
        if not self._from_now:
            self._hub.waiters.give(self._given)
        self._given.clear()
        self._dropped += subscription.dropped
        if subscription.dropped:
            text = f"a stream of {self._selection} dropped {counted(subscription.dropped, 'event')}"
            self._run.note("stream_overflowed", text, count=subscription.dropped)
            _log.warning("%s: it was read too slowly", text, extra=IS_LOG_ENTRY)


def _raise_end(subscription: Subscription) -> NoReturn:
    if subscription.error is not None:
        raise subscription.error
    raise StopAsyncIteration


def _report_overflow(run: CaptureRun, selection: Selection, maxsize: int | None) -> None:
    """Log the first drop. No method: a stream without a reference must be collected."""
    run.note(
        "stream_overflowed",
        f"{maxsize:,} events wait for a stream of {selection}: its oldest are dropped from now "
        f"on. Read it faster, or give a larger maxsize.",
    )
