"""The searches of one table: what its filters mean, and their order, on a thread of their own."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.jupyter.widgets.found_rows import ALL, Filters, searched_for
from bxpull_nb.jupyter.widgets.live_answer import FACETS, LiveAnswer
from bxpull_nb.jupyter.widgets.rows import RowSource, short_name
from bxpull_nb.jupyter.widgets.sorted_rows import Sort, SortedRows
from bxpull_nb.params.path import Path

__all__ = ["TableSearch", "on_a_thread", "path_of", "shown_facets"]

_SHOWN = 50  # values of a facet
_MOST_UNSORTED = 2000  # later rows, for which a page finds the places; then all are sorted again

_log = logging.getLogger("bxpull_nb")


def on_a_thread(work: Callable[[], None]) -> None:
    """Do the work on a thread of its own."""
    threading.Thread(target=work, name="bxpull-search", daemon=True).start()


class TableSearch:
    """The answer for a table, and the one for its chart without the chart's own choice.

    `run` does the work of a search; `found` is called, on the same thread, when there is
    something to show.
    """

    def __init__(
        self,
        source: RowSource,
        run: Callable[[Callable[[], None]], None],
        found: Callable[[], object],
    ) -> None:
        self.facets: tuple[str, ...] = ()
        """Names of the facets to count."""
        self.mistake = ""
        """The sentence about the newest search, if it is none."""
        self.number = 0
        """The number of answers, and of orders of these, before."""
        self.sort: Sort | None = None
        """The order that is wanted; None for that of arrival."""
        self.ordered: SortedRows | None = None
        """The answer in that order, once it is found."""
        self._run, self._found = run, found
        self._lock = threading.Lock()
        self._is_running = False
        self.begin(source, ALL)

    def begin(self, source: RowSource, filters: Filters) -> bool:
        """Begin a new search, in place of the one before; whether the filters are one."""
        span = (filters["since_us"], filters["until_us"])
        try:
            wanted, unpicked = (searched_for(filters, picked=one) for one in (True, False))
        except BxPullError as mistake:
            self.mistake = f"{str(mistake)[:1].upper()}{str(mistake)[1:]}"
            return False
        self.mistake = ""
        self.number += 1
        self._source, self.ordered = source, None
        self.answer = LiveAnswer(source, wanted, span, self.facets)
        same = unpicked == wanted and span == (None, None)
        self.for_chart = self.answer if same else LiveAnswer(source, unpicked)
        return True

    def sort_by(self, sort: Sort | None) -> None:
        """Put the answer into another order; None for that of arrival."""
        self.number += 1
        self.sort, self.ordered = sort, None

    def keep_up(self) -> None:
        """Search and sort what was not yet, unless that is being done."""
        if not self._needs_work:
            return
        with self._lock:
            if self._is_running:
                return
            self._is_running = True
        self._run(self._work)

    @property
    def _needs_work(self) -> bool:
        return self._needs_order or any(not one.is_done for one in self._answers)

    @property
    def _needs_order(self) -> bool:
        """Whether the answer is found, and not sorted, or not with many of its later rows."""
        if self.sort is None or not (self.answer.is_all or self.answer.is_past_done):
            return False
        ordered = self.ordered
        return ordered is None or len(self.answer.since(ordered.end)) > _MOST_UNSORTED

    @property
    def _answers(self) -> Sequence[LiveAnswer]:
        """The answers that need a search; of all rows only the facets do."""
        every = dict.fromkeys((self.answer, self.for_chart))
        return [one for one in every if not one.is_all or one.counts]

    def _work(self) -> None:
        answer = None
        try:
            while True:
                self._put_in_order()
                pending = [one for one in self._answers if one.advance()]
                if self.answer in pending and answer is not self.answer:
                    answer = self.answer  # the first piece of a new search: rows to show
                    self._found()
                if not pending and not self._needs_order:
                    break
        except Exception:  # noqa: BLE001 - the table must stay alive
            _log.exception("the search failed")
            self.mistake = "The search failed; the log of the notebook has the reason."
            self.sort = None
            self.answer = self.for_chart = LiveAnswer(self._source)
        finally:
            with self._lock:
                self._is_running = False
            self._found()

    def _put_in_order(self) -> None:
        if not self._needs_order:
            return
        answer, sort = self.answer, self.sort
        ordered = SortedRows(self._source, answer, sort) if sort is not None else None
        if answer is self.answer and sort is self.sort:  # else the user wants another one by now
            self.ordered = ordered
            self._found()


def path_of(name: object) -> Path | str | None:
    """Return the path of `params.stage`, the name of another facet as it is, None for none."""
    if not isinstance(name, str) or name in FACETS:
        return name if isinstance(name, str) else None
    if not name.startswith(("params.", "params[")):
        return None
    try:
        return Path.of(name.removeprefix("params").removeprefix("."))
    except SettingsError:
        return None


def shown_facets(answer: LiveAnswer) -> list[dict[str, Any]]:
    """Return the most frequent values of each facet, with their counts, as a page shows them."""
    return [
        {
            "name": name,
            "values": [[short_name(value), count] for value, count in counts.most_common(_SHOWN)],
            "others": max(0, len(counts) - _SHOWN),
        }
        for name, counts in answer.counts.items()
    ]
