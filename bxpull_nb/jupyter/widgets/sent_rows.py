"""The rows that a table sends to its pages: the newest of an answer, then those that follow.

`live_table.py` describes the messages.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bxpull_nb.jupyter.widgets.found_rows import ALL, highlights, records_at
from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer
from bxpull_nb.jupyter.widgets.rows import encode_rows
from bxpull_nb.jupyter.widgets.sorted_rows import SortedRows
from bxpull_nb.jupyter.widgets.streaming_view import MOST_FLAGS, StreamingView, log_of
from bxpull_nb.jupyter.widgets.table_search import TableSearch, shown_facets
from bxpull_nb.models import Record

if TYPE_CHECKING:
    from bxpull_nb.params.path import Path

__all__ = ["SentRows"]

_WINDOW = 1000  # rows of an answer that a page gets at first
_MOST_ASKED = 2000  # rows that a page may ask for at once
_FACETS_SECONDS = 1.0


class SentRows(StreamingView):
    """The kernel's half of a table, without what a user can set.

    A subclass has the trait `rows`, the most rows of a page. `run` does a search.
    """

    rows: Any

    def __init__(
        self,
        source: Any,
        clock: Callable[[], float],
        run: Callable[[Callable[[], None]], None],
        **settings: Any,
    ) -> None:
        self._sent = 0  # the number of the next row to send
        self._filters = ALL
        self._asked = 0
        self._search = TableSearch(log_of(source)[0], run, self.flush)
        self._shown_answer = self._search.answer  # the one that the page has rows of
        self._shown_order: SortedRows | None = None  # and in which order
        self._placed = 0  # how many of its rows were sent
        self._window: tuple[int, int] = (0, 0)  # rows sent with it, and where it was searched from
        self._progress: tuple[int, ...] = ()
        self._facets_at, self._facets_sent = float("-inf"), b""
        self._paths: tuple[Path, ...] = ()
        self._flags: deque[tuple[int, str]] = deque(maxlen=MOST_FLAGS)
        self._flagged = self._flags_sent = 0
        super().__init__(source, clock, **settings)

    @property
    def columns(self) -> tuple[str, ...]:
        """The paths of `params` shown as columns, such as `params.stage`."""
        return tuple(f"params.{path}" for path in self._paths)

    @property
    def _end(self) -> int:
        return self._sent

    def _send_new(self) -> int:
        if len(self._source) < self._sent:  # it was emptied
            return self._start_over()
        self._send_facets()
        answer, order = self._search.answer, self._search.ordered
        if self._search.sort is not None and order is None:
            return 0  # the page keeps its rows until all are in order
        if answer is not self._shown_answer or order is not self._shown_order:
            ready = answer.is_all or answer.searched or answer.is_done
            return self._send_answer() if ready else 0
        if self._window_grows(answer):
            return self._send_answer()
        if order is not None or not answer.is_all:
            return self._send_found(answer)
        first, records = self._newest(self._sent)
        if first != self._sent:
            return self._send_rows("snapshot", first, None, records)
        if records or self._flags_sent < self._flagged:
            return self._send_rows("rows", first, None, records)
        return 0

    def _window_grows(self, answer: LiveAnswer) -> bool:
        """Whether older rows were found for a window that has room for them."""
        if answer.is_all or self._shown_order is not None:
            return False
        count, low = self._window
        return count < self._room and answer.low < low

    @property
    def _room(self) -> int:
        return min(int(self.rows), _WINDOW)

    def _send_all(self) -> int:
        return self._send_answer()

    def _send_answer(self) -> int:
        """Send the newest rows of the answer, in place of all that the page has."""
        answer = self._search.answer
        if answer is not self._shown_answer:
            self._shown_answer, self._facets_sent = answer, b""
        if self._search.ordered is not self._shown_order:
            self._search.number += 1
        if self._search.ordered is not None:
            return self._send_ordered(self._search.ordered)
        self._shown_order = None
        if answer.is_all:
            first, records = self._newest(0)
            return self._send_rows("snapshot", first, None, records)
        low, high = answer.low, answer.high
        numbers = answer.before(high, self._room)
        self._window = len(numbers), low
        self._sent = high
        start = int(numbers[0]) if len(numbers) else high
        return self._send_rows("snapshot", start, *records_at(self._source, numbers))

    def _send_ordered(self, order: SortedRows) -> int:
        """Send the first rows in this order; the page finds the places of later ones."""
        before, self._shown_order = self._shown_order, order
        again = before is not None and before.sort is order.sort
        self._placed = min(max(self._placed, self._room), self.rows) if again else self._room
        numbers = order.part(0, self._placed, self._shown_answer.kept_from)
        self._sent = order.end
        return self._send_rows("snapshot", order.end, *records_at(self._source, numbers))

    @property
    def _high(self) -> int:
        """The number of the first row that the answer does not know yet."""
        answer = self._shown_answer
        return len(self._source) if answer.is_all else answer.high

    def _send_found(self, answer: LiveAnswer) -> int:
        """Send rows of the answer that came since, or how far the search is."""
        high = self._high
        numbers = answer.since(self._sent)
        numbers = numbers[numbers < high]
        if len(numbers) > self.rows:  # of sorted rows a new order follows soon
            return 0 if self._shown_order is not None else self._send_answer()
        progress = (len(answer), answer.searched, high)
        if not len(numbers) and progress == self._progress and self._flags_sent == self._flagged:
            return 0
        start, self._sent = self._sent, high
        return self._send_rows("rows", start, *records_at(self._source, numbers))

    def _remind(self) -> None:
        self._send_rows("rows", self._sent, np.empty(0, "int64"), ())

    def _send_page(self, page: str, number: int, wanted: dict[str, Any]) -> None:
        """Send the rows before a row, after one, or from a place of the order, to this page."""
        before, after, place = wanted.get("before"), wanted.get("after"), wanted.get("place")
        with self._lock:
            answer, order = self._shown_answer, self._shown_order
            if number != self._search.number or not self._watched:
                return
            if isinstance(before, int):
                numbers = answer.before(before, _MOST_ASKED)
            elif isinstance(after, int):
                numbers = answer.since(after + 1)[:_MOST_ASKED]
            elif isinstance(place, int) and order is not None:
                self._placed = max(0, place) + _MOST_ASKED
                numbers = order.part(max(0, place), _MOST_ASKED, answer.kept_from)
            else:
                return
            numbers, records = records_at(self._source, numbers)
            head = {"kind": "page", "page": page, "before": before, "after": after, "place": place}
            head |= {"placed": self._placed}
            head |= {"count": len(numbers), "numbers": numbers.tolist()} | self._counts()
            self._send_message(head, encode_rows(records, self._paths) if records else None)

    def _send_facets(self) -> None:
        """Send the counted values once a second, if they have changed."""
        answer = self._search.answer
        if not answer.counts or not (answer.searched or answer.is_done):
            return
        if self._clock() - self._facets_at < _FACETS_SECONDS:
            return
        body = msgspec.json.encode(shown_facets(answer))
        self._facets_at = self._clock() if answer.is_done else float("-inf")
        if body != self._facets_sent:
            self._facets_sent = body
            self._send_message({"kind": "facets", "answer": self._search.number}, body)

    def _newest(self, start: int) -> tuple[int, list[Record]]:
        if start == len(self._source):
            return start, []
        first, records = self._source.recent(max(start, len(self._source) - self.rows))
        spare = max(0, len(records) - self.rows)  # they may have grown since
        return first + spare, records[spare:]

    def _order(self) -> dict[str, Any]:
        """Return the order that is wanted, and how many rows are in it already."""
        sort, order = self._search.sort, self._shown_order
        wanted = None if sort is None else {"column": sort.column, "down": sort.down}
        count = None if order is None else len(order.numbers)
        return {"sort": wanted, "ordered": count, "placed": self._placed}

    def _counts(self) -> dict[str, int]:
        answer = self._shown_answer
        self._progress = (len(answer), answer.searched, self._high)
        kept = len(self._source) - answer.kept_from
        if answer.is_all:
            return {"kept_from": answer.kept_from}
        return {"found": len(answer), "searched": answer.searched, "kept": kept}

    def _send_rows(
        self,
        kind: str,
        start: int,
        numbers: np.ndarray | None,
        records: Sequence[Record],
    ) -> int:
        head: dict[str, Any] = {"kind": kind, "start": start, "count": len(records)}
        if self._shown_answer.is_all and self._shown_order is None:
            self._sent = start + len(records)
        elif numbers is not None and len(numbers):
            head["numbers"] = numbers.tolist()
        head |= {"end": self._sent, "answer": self._search.number, **self._counts()}
        head |= {"flagged": self._flagged, "asked": self._asked}
        if kind == "snapshot":
            head |= {"flags": list(self._flags), "filters": self._filters, "paths": self.columns}
            head["mistake"] = self._search.mistake
            head["marks"] = highlights(self._shown_answer.wanted)
            head |= self._order()
        elif self._flags_sent < self._flagged:
            head["flags"] = list(self._flags)[self._flags_sent - self._flagged :]
        self._send_message(head, encode_rows(records, self._paths) if records else None)
        self._flags_sent = self._flagged
        return len(records)
