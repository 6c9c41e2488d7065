"""The live view of an event log, a table in the page.

Only new rows are sent. Messages are numbered: the page asks once for missing rows.

```
kernel -> page     rows {epoch, start, count, flagged, asked, flags?}   these follow the last ones
kernel -> page     snapshot {…, flags, filters}    everything at hand; forget the rows before
kernel -> page     show {epoch, asked, filters}    set these filters in all your views
page   -> kernel   select {epoch, row}             this row was clicked
page   -> kernel   filters {asked, filters}        the user has set these
```

`start` is the number of the first row, the rows themselves are one buffer of JSON. `flagged`
counts the flags there have been, and `asked` the calls of `show_only`, so that the page misses
neither, and a snapshot never undoes the user's changes since the last call.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

import msgspec
import traitlets
from ipywidgets import CallbackDispatcher

from bxpull_nb.errors import SettingsError
from bxpull_nb.jupyter.widgets.rows import RowSource, encode_rows, short_name
from bxpull_nb.jupyter.widgets.streaming_view import MOST_FLAGS, StreamingView
from bxpull_nb.models import Record

__all__ = ["Filters", "LiveTable"]

MOST_ROWS = 10_000
"""More rows in a page make filtering slow; the log itself keeps all."""

_NO_EVENTS = "No events yet. They appear here as they arrive."


class Filters(TypedDict):
    """The filters of a table, which shows the rows that meet all of them."""

    text: str
    """Text in module, command, params or error, upper or lower case; "" for any."""
    module: str | None
    command: str | None
    since_us: int | None
    """Received at this time or later: microseconds since 1970, UTC, in whole milliseconds."""
    until_us: int | None
    """Received before this time."""


_ALL: Filters = {"text": "", "module": None, "command": None, "since_us": None, "until_us": None}


class LiveTable(StreamingView):
    """A table of the newest records of `source`, at most `rows` in the page.

    `empty` is the text of a table without rows, `height` its height in pixels.
    Call `flush()` on a timer, at most ten times a second. Nothing is sent until the table is
    displayed, or a page asks; inside a container, see `expect_page()`.
    """

    _scripts = ("live_table_bar.js", "live_table_rows.js", "live_table.js")
    _styles = ("live_table.css", "live_table_bar.css")

    # Settings only: what is synced is saved with the notebook.
    rows = traitlets.Int(5000, min=1, max=MOST_ROWS).tag(sync=True)
    empty = traitlets.Unicode(_NO_EVENTS).tag(sync=True)
    height = traitlets.Int(360, min=1).tag(sync=True)

    def __init__(
        self,
        source: RowSource,
        *,
        rows: int = 5000,
        empty: str = _NO_EVENTS,
        height: int = 360,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 1 <= rows <= MOST_ROWS:
            raise SettingsError(f"LiveTable: rows={rows}, but it has to be from 1 to {MOST_ROWS}.")
        self._sent = 0  # the number of the next row to send
        self._filters = _ALL
        self._asked = 0
        self._flags: deque[tuple[int, str]] = deque(maxlen=MOST_FLAGS)
        self._flagged = self._flags_sent = 0
        self._on_select = CallbackDispatcher()  # shows what a callback raises, and goes on
        super().__init__(source, clock, rows=rows, empty=empty, height=height)

    @property
    def filters(self) -> Filters:
        """The page's filters, for an export of just these rows.

        A change arrives within half a second. With two views, those of the one changed last.
        """
        return self._filters.copy()

    def show_only(
        self,
        module: str | None = None,
        command: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> None:
        """Set these filters in all views, now and in those drawn later; None means any.

        Times are microseconds since 1970, UTC, from `since_us` on and before `until_us`, widened
        to whole milliseconds. The text in the filter box stays.
        """
        with self._lock:
            self._filters = {
                "text": self._filters["text"],
                "module": _name(module),
                "command": _name(command),
                "since_us": None if since_us is None else since_us // 1000 * 1000,
                "until_us": None if until_us is None else -(-until_us // 1000) * 1000,
            }
            self._asked += 1
            if self._watched:
                head = {"kind": "show", "asked": self._asked, "filters": self._filters}
                self._send_message(head, None)

    def flag(self, row: int, label: str) -> None:
        """Draw a labelled flag line above the row of this number, at the next flush.

        `len(table.source)` puts it before the next row to come. The newest 200 flags are kept,
        until the source is set or emptied; they are shown in the order of arrival only.
        """
        with self._lock:
            self._flags.append((row, short_name(label)))
            self._flagged += 1

    def on_select(self, callback: Callable[[int], None]) -> None:
        """Call `callback(number)` when a row is clicked, or chosen with Enter.

        It runs on the thread that brings the page's message: hand longer work over.
        """
        self._on_select.register_callback(callback)

    @property
    def _end(self) -> int:
        return self._sent

    def _send_new(self) -> int:
        if len(self._source) < self._sent:  # it was emptied
            return self._start_over()
        first, records = self._newest(self._sent)
        if first != self._sent:
            return self._send_rows("snapshot", first, records)
        if records or self._flags_sent < self._flagged:
            return self._send_rows("rows", first, records)
        return 0

    def _send_all(self) -> int:
        return self._send_rows("snapshot", *self._newest(0))

    def _remind(self) -> None:
        self._send_rows("rows", self._sent, ())

    def _forget(self) -> None:
        self._sent = self._flagged = self._flags_sent = 0
        self._flags.clear()

    def _on_choice(self, content: dict[str, Any]) -> None:
        match content:
            case {"kind": "select", "epoch": epoch, "row": int(row)}:
                if epoch == self._epoch and 0 <= row < len(self._source):
                    self._on_select(row)
            case {"kind": "filters", "filters": dict(values), "asked": asked}:
                self._take_filters(values, asked)

    def _take_filters(self, values: dict[str, Any], asked: object) -> None:
        try:
            filters = msgspec.convert(values, Filters)
        except msgspec.ValidationError:
            return
        with self._lock:
            if asked == self._asked:  # else it crossed a show_only() on the way
                self._filters = filters

    def _newest(self, start: int) -> tuple[int, list[Record]]:
        if start == len(self._source):
            return start, []
        first, records = self._source.recent(max(start, len(self._source) - self.rows))
        spare = max(0, len(records) - self.rows)  # they may have grown since
        return first + spare, records[spare:]

    def _send_rows(self, kind: str, start: int, records: Sequence[Record]) -> int:
        head: dict[str, Any] = {"kind": kind, "start": start, "count": len(records)}
        head |= {"flagged": self._flagged, "asked": self._asked}
        if kind == "snapshot":
            head |= {"flags": list(self._flags), "filters": self._filters}
        elif self._flags_sent < self._flagged:
            head["flags"] = list(self._flags)[self._flags_sent - self._flagged :]
        self._send_message(head, encode_rows(records) if records else None)
        self._sent = start + len(records)
        self._flags_sent = self._flagged
        return len(records)


def _name(text: str | None) -> str | None:
    return None if text is None else short_name(text)
