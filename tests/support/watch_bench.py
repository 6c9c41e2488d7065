"""A watch on a log of its own, with a clock that the test sets."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.watch import OnFound, Watch, WatchSettings
from bxpull_nb.models import Arrival, Event, LogEntry
from bxpull_nb.storage.eventlog import EventLog
from tests.support.demo import START_US

__all__ = ["SECOND", "Bench"]

SECOND = 1_000_000
"""In microseconds."""


class Bench:
    """A watch on a log of its own, with a clock and a rate that the test sets."""

    def __init__(self, on_found: OnFound | None = None, **settings: Any) -> None:
        self.log, self.logbook = EventLog(), ActivityLog()
        self.now_us, self.rate, self.is_connected = START_US, 0.0, True
        self.number = 0
        self.make: Callable[[], Watch] = lambda: Watch(
            self.log,
            self.logbook,
            WatchSettings(**settings),
            on_found,
            now_us=lambda: self.now_us,
            rate=lambda: self.rate,
            is_connected=lambda: self.is_connected,
        )
        self.watch = self.make()

    def arrive(self, params: Any, command: str = "c", seconds: float = 1.0) -> list[LogEntry]:
        """Let time pass and an event arrive; return what the watch finds."""
        self.now_us += round(seconds * SECOND)
        self.number += 1
        text = params if isinstance(params, bytes) else json.dumps(params).encode()
        arrival = Arrival(self.now_us, "shared", "websocket")
        self.log.extend([Event(f"{self.number:026}", "m", command, text, None, None, arrival)])
        return self.watch.look()

    def repeat(self, count: int, params: Any, command: str = "c") -> list[LogEntry]:
        """Let so many of these events arrive; return all that the watch finds."""
        return [entry for _ in range(count) for entry in self.arrive(params, command)]

    def play(self, records: Iterator[Event], every: int) -> list[LogEntry]:
        """Let recorded events arrive at their own times; look after so many."""
        found = []
        while batch := list(islice(records, every)):
            self.log.extend(batch)
            self.now_us = batch[-1].arrival.received_us or 0
            found += self.watch.look()
        return found
