"""The live view of an event log, a table in the page.

Only new rows are sent. Messages are numbered: the page asks once for missing rows. With filters
the kernel searches all rows that are kept, and the page holds a window of the answer.

```
kernel -> page     rows {epoch, answer, start, count, numbers?, …}   these follow the last ones
kernel -> page     snapshot {…, flags, filters, marks}   the newest; forget the rows before
kernel -> page     page {page, count, numbers, replace}  rows this page has asked for
kernel -> page     show {epoch, asked, filters}          set these filters in all your views
kernel -> page     mistake {asked, text}                 the search is none: what is wrong
kernel -> page     facets {facets, done}                 values of the answer, with counts
kernel -> page     facet {name}                          show this facet too
kernel -> page     columns {paths}                       show these paths of params as columns
page   -> kernel   select {epoch, row}                   this row was chosen
page   -> kernel   filters {asked, filters}              the user has set these
page   -> kernel   page {page, answer, before | after | place}   send older or newer rows than
                                                         this one, or those from a place on
page   -> kernel   sort {sort}                           in the order of a column; null: of arrival
page   -> kernel   facets {names} · columns {paths}      the user has chosen these
```

`start` is the number of the first row that the message may hold and `end` that after the last
one; the rows themselves are one buffer of JSON, `numbers` theirs where some are left out.
`found` of `kept` rows meet the filters; `searched` were looked at so far. `flagged` counts the
flags there have been, `asked` the calls of `show_only` and `search_for`, so that the page misses
neither, and a snapshot never undoes the user's changes since the last call.

With a `sort` a snapshot holds the first of `ordered` rows in this order, and the page finds the
places of the rows that follow; after some thousand of these the kernel sorts all again.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import traitlets
from ipywidgets import CallbackDispatcher

from bxpull_nb.errors import SettingsError
from bxpull_nb.jupyter.widgets.found_rows import Filters
from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer
from bxpull_nb.jupyter.widgets.rows import short_name
from bxpull_nb.jupyter.widgets.sent_rows import SentRows
from bxpull_nb.jupyter.widgets.sorted_rows import COLUMNS, Sort
from bxpull_nb.jupyter.widgets.table_search import on_a_thread, path_of
from bxpull_nb.masking import quoted
from bxpull_nb.params.path import Path

__all__ = ["Filters", "LiveTable"]

MOST_ROWS = 10_000
"""More rows in a page make drawing slow; the log itself keeps all."""

_NO_EVENTS = "No events yet. They appear here as they arrive."
_MOST_PATHS = 20  # columns and facets of paths


class LiveTable(SentRows):
    """A table of the records of `source`, a log or a feed. A page holds `rows` of them.

    `empty` is the text of a table without rows, `height` its height in pixels.
    A displayed table of a feed is live. Of a log, call `flush()` on a timer, at most ten times a
    second. Nothing is sent until the table is displayed, or a page asks; inside a container, see
    `expect_page()`. `run` does a search, by
    default on a thread of its own.
    """

    _scripts = (
        "live_table_bar.js",
        "live_table_columns.js",
        "live_table_facets.js",
        "live_table_sort.js",
        "live_table_rows.js",
        "live_table_pages.js",
        "live_table.js",
    )
    _styles = ("live_table.css", "live_table_bar.css", "live_table_facets.css")

    # Settings only: what is synced is saved with the notebook.
    rows = traitlets.Int(5000, min=1, max=MOST_ROWS).tag(sync=True)
    empty = traitlets.Unicode(_NO_EVENTS).tag(sync=True)
    height = traitlets.Int(360, min=1).tag(sync=True)

    def __init__(
        self,
        source: Any,
        *,
        rows: int = 5000,
        empty: str = _NO_EVENTS,
        height: int = 360,
        clock: Callable[[], float] = time.monotonic,
        run: Callable[[Callable[[], None]], None] = on_a_thread,
    ) -> None:
        if not 1 <= rows <= MOST_ROWS:
            raise SettingsError(f"LiveTable: rows={rows}, but it has to be from 1 to {MOST_ROWS}.")
        self._on_select = CallbackDispatcher()  # shows what a callback raises, and goes on
        self._on_filter = CallbackDispatcher()
        super().__init__(source, clock, run, rows=rows, empty=empty, height=height)

    @property
    def filters(self) -> Filters:
        """The page's filters, for an export of just these rows.

        A change arrives within half a second. With two views, those of the one changed last.
        """
        return self._filters.copy()

    @property
    def search(self) -> LiveAnswer:
        """The rows that meet all filters but the command and the times, for a chart."""
        return self._search.for_chart

    def show_only(
        self,
        module: str | None = None,
        command: str | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> None:
        """Set these filters in all views, now and in those drawn later; None means any.

        Times are microseconds since 1970, UTC, from `since_us` on and before `until_us`, widened
        to whole milliseconds. The text in the search box stays.
        """
        self._show({
            "text": self._filters["text"],
            "module": _name(module),
            "command": _name(command),
            "since_us": None if since_us is None else since_us // 1000 * 1000,
            "until_us": None if until_us is None else -(-until_us // 1000) * 1000,
        })  # fmt: skip

    def search_for(self, text: str) -> None:
        """Search for this text in all views, now and in those drawn later; see `bx.search`.

        The other filters stay. A text that is no search shows why.
        """
        self._show({**self._filters, "text": text})

    def add_column(self, path: str) -> None:
        """Show the values at a path of `params` as a column; SettingsError for no path."""
        if not isinstance(path_of(path), Path):
            raise SettingsError(f"{quoted(path)} is no path of params: write such as params.stage.")
        self._set_columns([*self.columns, path])

    def add_facet(self, name: str) -> None:
        """Count the values of a field, or of a path such as `params.stage`, in all views."""
        with self._lock:
            if self._watched:
                self._send_message({"kind": "facet", "name": name}, None)

    def flag(self, row: int, label: str) -> None:
        """Draw a labelled flag line above the row of this number, at the next flush.

        `len(table.source)` puts it before the next row to come. The newest 200 flags are kept,
        until the source is set or emptied; they are shown in the order of arrival only.
        """
        with self._lock:
            self._flags.append((row, short_name(label)))
            self._flagged += 1

    def on_select(self, callback: Callable[[int], None]) -> None:
        """Call `callback(number)` when a row is chosen, by a click or with Enter.

        It runs on the thread that brings the page's message: hand longer work over.
        """
        self._on_select.register_callback(callback)

    def on_filter(self, callback: Callable[[Filters], None]) -> None:
        """Call `callback(filters)` when the user changed the filters in the page.

        It runs on the thread that brings the page's message: hand longer work over.

        >>> table.on_filter(lambda filters: print(filters["text"]))
        """
        self._on_filter.register_callback(callback)

    def _show(self, filters: Filters) -> None:
        with self._lock:
            self._filters = filters
            self._asked += 1
            if self._watched:
                head = {"kind": "show", "asked": self._asked, "filters": self._filters}
                self._send_message(head, None)
            self._begin()
        self._search.keep_up()

    def _begin(self) -> None:
        """Begin the search that the filters mean; the page keeps its rows until one is found."""
        if not self._search.begin(self._source, self._filters) and self._watched:
            message = {"kind": "mistake", "asked": self._asked, "text": self._search.mistake}
            self._send_message(message, None)

    def flush(self) -> int:
        """Send the rows since the last flush as one message; return their number.

        Any thread may call it, at most ten times a second. Of a larger burst than the page
        holds, only as much as it holds is sent.
        """
        sent = super().flush()
        if self._watched:
            self._search.keep_up()
        return sent

    def _forget(self) -> None:
        self._sent = self._flagged = self._flags_sent = 0
        self._flags.clear()
        self._search.begin(self._source, self._filters)

    def _on_choice(self, content: dict[str, Any]) -> None:
        match content:
            case {"kind": "select", "epoch": epoch, "row": int(row)}:
                if epoch == self._epoch and 0 <= row < len(self._source):
                    self._on_select(row)
            case {"kind": "filters", "filters": dict(values), "asked": asked}:
                self._take_filters(values, asked)
            case {"kind": "page", "page": str(page), "answer": int(number)}:
                self._send_page(page, number, content)
            case {"kind": "facets", "names": list(names)}:
                self._set_facets(names)
            case {"kind": "columns", "paths": list(paths)}:
                self._set_columns(paths)
            case {"kind": "sort", "sort": None}:
                self._set_sort(None)
            case {"kind": "sort", "sort": {"column": str(column), "down": bool(down)}}:
                path = path_of(column)
                if column in COLUMNS or isinstance(path, Path):
                    self._set_sort(Sort(column, down, path if isinstance(path, Path) else None))

    def _take_filters(self, values: dict[str, Any], asked: object) -> None:
        try:
            filters = msgspec.convert(values, Filters)
        except msgspec.ValidationError:
            return
        with self._lock:
            if asked != self._asked:  # it crossed a show_only() on the way
                return
            self._filters = filters
            self._begin()
        self._on_filter(filters.copy())
        self.flush()

    def _set_sort(self, sort: Sort | None) -> None:
        with self._lock:
            self._search.sort_by(sort)
        self._search.keep_up()
        self.flush()

    def _set_facets(self, names: list[Any]) -> None:
        with self._lock:
            known = [name for name in names if path_of(name) is not None]
            self._search.facets = tuple(dict.fromkeys(known))[:_MOST_PATHS]
            self._search.begin(self._source, self._filters)
            self._facets_at = float("-inf")
        self.flush()

    def _set_columns(self, names: Sequence[Any]) -> None:
        paths = [path for name in names if isinstance(path := path_of(name), Path)]
        with self._lock:
            self._paths = tuple(dict.fromkeys(paths))[:_MOST_PATHS]
            if self._watched:
                self._send_message({"kind": "columns", "paths": self.columns}, None)
                self._send_all()


def _name(text: str | None) -> str | None:
    return None if text is None else short_name(text)
