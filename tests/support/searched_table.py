"""A table that a test's page shows, and the work of its searches, done when the test lets it."""

import json
from collections.abc import Callable
from typing import Any

from bxpull_nb.jupyter.widgets.found_rows import ALL
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.storage.eventlog import EventLog
from tests.support.fake_comm import Sent, from_page, sent_by
from tests.support.row_source import event

__all__ = ["Later", "choose", "fill", "ids", "log_of", "newest", "shown"]


class Later:
    """Searches when the test lets it."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        """Keep the work."""
        self.work.append(work)

    def go(self) -> None:
        """Do it."""
        while self.work:
            self.work.pop(0)()


def log_of(count: int, **changes: Any) -> EventLog:
    """Return a log of so many events, of which each third was won."""
    log = EventLog(**changes)
    fill(log, count)
    return log


def fill(log: EventLog, count: int, start: int = 0) -> None:
    """Add events to it."""
    stages = [b"NEW", b"WON", b"LOSE"]
    for i in range(start, start + count):
        log.extend([event(i, params_json=b'{"id":%d,"stage":"%s"}' % (i, stages[i % 3]))])


def shown(log: EventLog, **settings: Any) -> tuple[LiveTable, Later]:
    """Return a table that a page shows, and its searches."""
    later = Later()
    table = LiveTable(log, run=later, **settings)
    from_page(table, {"kind": "hello", "page": "p", "epoch": None, "end": 0})
    return table, later


def choose(table: LiveTable, **filters: Any) -> None:
    """Set filters as the page does."""
    asked = sent_by(table)[-1].content.get("asked", 0)
    from_page(table, {"kind": "filters", "asked": asked, "filters": {**ALL, **filters}})


def ids(message: Sent) -> list[int]:
    """The `id` in the params of the rows of a message, which carries their numbers too."""
    rows = json.loads(message.buffers[0]) if message.buffers else []
    found = [json.loads(row[4])["id"] for row in rows]
    assert message.content.get("numbers", found) == found
    return found


def newest(table: LiveTable) -> dict[str, Any]:
    """What the last message says."""
    content: dict[str, Any] = sent_by(table)[-1].content
    return content
