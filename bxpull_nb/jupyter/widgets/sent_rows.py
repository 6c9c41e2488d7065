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
        answer = self._search.answer
        if answer is not self._shown_answer or self._window_grows(answer):
            return self._send_answer() if answer.is_all or answer.searched or answer.is_done else 0
        if not answer.is_all:
            return self._send_found(answer)
        first, records = self._newest(self._sent)
        if first != self._sent:
            return self._send_rows("snapshot", first, records)
        if records or self._flags_sent < self._flagged:
            return self._send_rows("rows", first, records)
        return 0

    def _window_grows(self, answer: LiveAnswer) -> bool:
        """Whether older rows were found for a window that has room for them."""
        count, low = self._window
        return not answer.is_all and count < self._room and answer.low < low

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
        if answer.is_all:
            return self._send_rows("snapshot", *self._newest(0))
        low, high = answer.low, answer.high
        numbers = answer.before(high, self._room)
        self._window = len(numbers), low
        self._sent = high
        start = int(numbers[0]) if len(numbers) else high
        return self._send_rows("snapshot", start, records_at(self._source, numbers), numbers)

    def _send_found(self, answer: LiveAnswer) -> int:
        """Send rows of the answer that came since, or how far the search is."""
        high = answer.high
        numbers = answer.since(self._sent)
        numbers = numbers[numbers < high]
        if len(numbers) > self.rows:
            return self._send_answer()
        progress = (len(answer), answer.searched, high)
        if not len(numbers) and progress == self._progress and self._flags_sent == self._flagged:
            return 0
        start, self._sent = self._sent, high
        return self._send_rows("rows", start, records_at(self._source, numbers), numbers)

    def _remind(self) -> None:
        self._send_rows("rows", self._sent, (), np.empty(0, "int64"))

    def _send_page(self, page: str, number: int, wanted: dict[str, Any]) -> None:
        """Send the rows of the answer before a row, or after one, to the page that asks."""
        before, after = wanted.get("before"), wanted.get("after")
        with self._lock:
            answer = self._shown_answer
            if number != self._search.number or not self._watched:
                return
            if isinstance(before, int):
                numbers = answer.before(before, _MOST_ASKED)
            elif isinstance(after, int):
                numbers = answer.since(after + 1)[:_MOST_ASKED]
            else:
                return
            head = {"kind": "page", "page": page, "before": before, "after": after}
            head |= {"count": len(numbers), "numbers": numbers.tolist()} | self._counts()
            records = records_at(self._source, numbers)
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

    def _counts(self) -> dict[str, int]:
        answer = self._shown_answer
        self._progress = (len(answer), answer.searched, answer.high)
        kept = len(self._source) - answer.kept_from
        if answer.is_all:
            return {"kept_from": answer.kept_from}
        return {"found": len(answer), "searched": answer.searched, "kept": kept}

    def _send_rows(
        self,
        kind: str,
        start: int,
        records: Sequence[Record],
        numbers: np.ndarray | None = None,
    ) -> int:
        head: dict[str, Any] = {"kind": kind, "start": start, "count": len(records)}
        if self._shown_answer.is_all:
            self._sent = start + len(records)
        elif numbers is not None and len(numbers):
            head["numbers"] = numbers.tolist()
        head |= {"end": self._sent, "answer": self._search.number, **self._counts()}
        head |= {"flagged": self._flagged, "asked": self._asked}
        if kind == "snapshot":
            head |= {"flags": list(self._flags), "filters": self._filters, "paths": self.columns}
            head["mistake"] = self._search.mistake
            head["marks"] = highlights(self._shown_answer.wanted)
        elif self._flags_sent < self._flagged:
            head["flags"] = list(self._flags)[self._flags_sent - self._flagged :]
        self._send_message(head, encode_rows(records, self._paths) if records else None)
        self._flags_sent = self._flagged
        return len(records)
