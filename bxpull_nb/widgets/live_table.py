"""The live view of an event log: a table in the page that is fed only what is new.

The rows travel as custom messages, never as traits: a synced trait is written into the saved
notebook. Each message is numbered, so the page sees what it missed and asks for it, once:

```
page   -> kernel   hello {page, epoch, end}   drawn, or rows are missing: what I have ends at `end`
page   -> kernel   leave {page}               my last view is gone
page   -> kernel   select {epoch, row}        this row was clicked
kernel -> page     rows {epoch, start, count}       these follow what I sent last
kernel -> page     snapshot {epoch, start, count}   forget what you had; this is all I can give
```

`epoch` counts the sources the table has had, `start` is the number of the first row, and the rows
themselves are one buffer of JSON.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import anywidget
import msgspec
import traitlets
from ipywidgets import CallbackDispatcher

from bxpull_nb.errors import SettingsError
from bxpull_nb.models import BadFrame, Event, Record

__all__ = ["LiveTable", "RowSource", "encode_rows"]

MOST_ROWS = 10_000
"""More than this in a page makes filtering felt; the log itself keeps all."""

_NO_EVENTS = "No events yet. They appear here as they arrive."
_EXPECTED = ""  # stands in `_pages` for a page that is being drawn and has not spoken yet
_REMIND_SECONDS = 5.0

_TEXT_LIMIT = 400
_NAME_LIMIT = 80
_UNESCAPE_LIMIT = 8_192  # bytes; longer params are shown with their escapes, for the time it saves
_LATEST_TIME = 1e11  # seconds; a server time beyond it (or nan) is somebody's joke, not a time


class RowSource(Protocol):
    """What a live table reads: an append-only list of records, of which the newest are at hand.

    Both methods may be called from any thread. A source must not call the table while it holds
    a lock of its own that they need.
    """

    def __len__(self) -> int:
        """How many records there have ever been; the next one gets this number."""
        ...

    def recent(self, start: int) -> tuple[int, list[Record]]:
        """(number of the first, records) from number `start` on, as far as they are at hand."""
        ...


class LiveTable(anywidget.AnyWidget):
    """A table of the newest records of `source`; the page holds at most `rows` of them.

    `empty` is what the table says while there is nothing to show, `height` its height in pixels.
    Call `flush()` on a timer, at most ten times a second. Nothing is sent until the table is
    displayed, or a page asks; inside a container, see `expect_page()`.
    """

    _esm = Path(__file__).with_suffix(".js")
    _css = Path(__file__).with_suffix(".css")

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
        self._source = source
        self._clock = clock
        self._lock = threading.Lock()  # flush() and the page's messages come on different threads
        self._epoch = 0
        self._sent = 0  # the number of the next row to send
        self._sent_at = float("-inf")
        self._pages: set[str] = set()
        self._on_select = CallbackDispatcher()  # shows what a callback raises, and goes on
        super().__init__(rows=rows, empty=empty, height=height)
        self.on_msg(self._on_page)

    @property
    def source(self) -> RowSource:
        """What the table shows; set another (or the same, emptied) and the page starts over."""
        return self._source

    @source.setter
    def source(self, source: RowSource) -> None:
        with self._lock:
            self._source = source
            self._start_over()

    def on_select(self, callback: Callable[[int], None]) -> None:
        """Call `callback(number)` when a row is clicked, or chosen with Enter.

        It runs on whatever thread brings the page's message: hand longer work over.
        """
        self._on_select.register_callback(callback)

    def flush(self) -> int:
        """Send what is new since the last flush, as one message; the number of rows sent.

        May be called from any thread. Sends no more than the page holds: of a greater burst,
        the newest.
        """
        with self._lock:
            if not self._pages or self.comm is None:  # nobody looks, or closed
                return 0
            if len(self._source) < self._sent:  # it was emptied
                return self._start_over()
            first, records = self._newest(self._sent)
            if records:
                kind = "rows" if first == self._sent else "snapshot"
                return self._send_rows(kind, first, records)
            # Jupyter drops messages above 1000 a second, and the last rows before a silence
            # may be among them: a page that hears where the log ends notices.
            if self._clock() - self._sent_at >= _REMIND_SECONDS:
                self._send_rows("rows", self._sent, ())
            return 0

    def expect_page(self) -> None:
        """Send from the next flush on, without waiting for a page to ask.

        Displaying the table calls this; a container that displays the table inside itself should
        too. A page's request waits until the running cell is done, and rows should move meanwhile.
        """
        with self._lock:
            self._pages.add(_EXPECTED)

    def __repr__(self) -> str:
        return f"LiveTable({self._source!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.expect_page()
        return super()._repr_mimebundle_(**kwargs)

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello", "page": str(page), "epoch": epoch, "end": end}:
                self._answer(page, epoch, end)
            case {"kind": "leave", "page": str(page)}:
                with self._lock:
                    self._pages.discard(page)
            case {"kind": "select", "epoch": epoch, "row": int(row)}:
                if epoch == self._epoch and 0 <= row < len(self._source):
                    self._on_select(row)

    def _answer(self, page: str, epoch: object, end: object) -> None:
        with self._lock:
            self._pages.discard(_EXPECTED)
            self._pages.add(page)
            if epoch == self._epoch and end == self._sent:
                self._send_rows("rows", self._sent, ())
            else:
                self._send_rows("snapshot", *self._newest(0))

    def _start_over(self) -> int:
        self._epoch += 1
        self._sent = 0
        return self._send_rows("snapshot", *self._newest(0)) if self._pages else 0

    def _newest(self, start: int) -> tuple[int, list[Record]]:
        if start == len(self._source):
            return start, []
        first, records = self._source.recent(max(start, len(self._source) - self.rows))
        spare = max(0, len(records) - self.rows)  # they may have grown since
        return first + spare, records[spare:]

    def _send_rows(self, kind: str, start: int, records: Sequence[Record]) -> int:
        head = {"kind": kind, "epoch": self._epoch, "start": start, "count": len(records)}
        self.send(head, buffers=[encode_rows(records)] if records else None)
        self._sent = start + len(records)
        self._sent_at = self._clock()
        return len(records)


def encode_rows(records: Sequence[Record]) -> bytes:
    """The records as the page draws them: a JSON array of rows, each an array.

    A row is `[received (ms since 1970), channel, module, command, params, lag (us)]`, and for an
    unreadable message its error as a seventh. Long texts are cut.
    """
    # A buffer rather than lists inside the message: 100 rows cost 0.48 ms, signing and packing
    # included, against 0.68 ms (0.95 against 1.15 where escapes are undone, see _params_text).
    rows = [_row(record) for record in records]
    try:
        return msgspec.json.encode(rows)
    except UnicodeEncodeError:  # half a surrogate pair; one such text must not stop the table
        return msgspec.json.encode([[_encodable(cell) for cell in row] for row in rows])


def _row(record: Record) -> list[Any]:
    arrival = record.arrival
    received, sent = arrival.received_us, record.server_time_unix
    lag = None
    if received is not None and sent is not None and -_LATEST_TIME < sent < _LATEST_TIME:
        lag = received - round(sent * 1e6)
    row = [
        None if received is None else received // 1000,
        _cut(arrival.channel),
        _cut(record.module_id),
        _cut(record.command),
        _cut(record.raw, _TEXT_LIMIT) if isinstance(record, BadFrame) else _params_text(record),
        lag,
    ]
    if record.error is not None:
        row.append(_cut(record.error, _TEXT_LIMIT))
    return row


def _params_text(event: Event) -> str:
    raw = event.params_json
    if len(raw) <= _UNESCAPE_LIMIT and b"\\u" in raw:
        # Portals escape quotes and tags, older ones every Cyrillic letter; nobody could
        # read that, nor find a name in it with the filter.
        with suppress(ValueError, RecursionError):  # not quite JSON: shown as it came
            raw = msgspec.json.encode(msgspec.json.decode(raw))
    # A character takes at most four bytes, so this holds one character too many if it was cut.
    return _cut(raw[: 4 * _TEXT_LIMIT + 4].decode("utf-8", "replace"), _TEXT_LIMIT) or ""


def _cut(text: str | None, limit: int = _NAME_LIMIT) -> str | None:
    return text if text is None or len(text) <= limit else text[: limit - 1] + "…"


def _encodable(cell: Any) -> Any:
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
