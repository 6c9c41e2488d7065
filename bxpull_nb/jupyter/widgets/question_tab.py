"""The tabs Catalogue, Trace and Query: questions about the feed's events, asked on demand.

A question runs on a thread of its own and can be cancelled; the capture goes on meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import BxPullError
from bxpull_nb.jupyter.widgets.answer_table import AnswerTable
from bxpull_nb.jupyter.widgets.controls import button, row
from bxpull_nb.params.engine import interruptible
from bxpull_nb.query.entity_rules import known_rules

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CatalogueTab", "QueryTab", "QuestionTab", "TraceTab"]

_NO_EVENTS = "No events yet: ask again when some have come."
_INTERRUPT_EVERY = 0.1  # seconds
_FIRST_QUERY = """select command, count(*) as events
from events group by command order by events desc"""


class QuestionTab(ipw.VBox):
    """Controls, a button that asks, one that cancels, and the answer with its line of Python."""

    def __init__(self, feed: Feed, controls: list[ipw.Widget], label: str, hint: str) -> None:
        self._feed = feed
        self._cancelled: asyncio.Event | None = None
        self.ask_button = button(label, "search")
        self.cancel_button = button("Cancel", "times")
        self.cancel_button.disabled = True
        self.answer = AnswerTable(hint)
        super().__init__([row(*controls, self.ask_button, self.cancel_button), self.answer])

    def question(self) -> tuple[str, Callable[[], "pd.DataFrame"]]:
        """Return the line of Python for what is chosen, and the function that does it."""
        raise NotImplementedError

    async def ask(self) -> None:
        """Ask and show the answer; a question that is asked meanwhile takes its place."""
        await self.cancel()
        code, work = self.question()
        if not len(self._feed):
            self.answer.note_that(_NO_EVENTS, code)
            return
        cancelled = self._cancelled = asyncio.Event()
        self.cancel_button.disabled = False
        self.answer.note_that("Asking …", code)
        try:
            found = await _until(work, cancelled)
        except BxPullError as mistake:
            self._finish(cancelled, str(mistake))
        else:
            if self._finish(cancelled, "Cancelled.") and found is not None:
                self.answer.show(found, code)

    async def cancel(self) -> None:
        """Stop the question that is being asked."""
        if self._cancelled is not None:
            self._cancelled.set()
            self.answer.note_that("Cancelled.")

    def _finish(self, cancelled: asyncio.Event, note: str) -> bool:
        """Note that the question has ended; whether its answer is still wanted."""
        if self._cancelled is not cancelled:
            return False
        self._cancelled = None
        self.cancel_button.disabled = True
        self.answer.note_that(note)
        return not cancelled.is_set()


async def _until(
    work: Callable[[], "pd.DataFrame"], cancelled: asyncio.Event
) -> "pd.DataFrame | None":
    """Return the result of the work, done on another thread; None when it was cancelled."""
    with interruptible() as interrupt:
        working = asyncio.ensure_future(asyncio.to_thread(work))
        waiting = asyncio.ensure_future(cancelled.wait())
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not cancelled.is_set():
            return working.result()
        while not working.done():  # between two queries there is none to interrupt
            interrupt()
            await asyncio.wait({working}, timeout=_INTERRUPT_EVERY)
        working.exception()  # is known: it was interrupted
        return None


class CatalogueTab(QuestionTab):
    """The paths in `params` of each command, with types and values: `feed.schema()`."""

    def __init__(self, feed: Feed) -> None:
        hint = "What is inside the events: the paths of each command, their types and values."
        super().__init__(feed, [], "List the paths", hint)

    def question(self) -> tuple[str, Callable[[], "pd.DataFrame"]]:
        """Return `feed.schema()`."""
        return "feed.schema()", self._feed.schema


class TraceTab(QuestionTab):
    """The events of one entity and what each changed: `feed.trace(…)`."""

    def __init__(self, feed: Feed) -> None:
        kinds = list(dict.fromkeys(rule.entity for rule in known_rules()))
        self.entity = ipw.Dropdown(
            options=kinds, description="entity", layout={"width": "200px"},
            style={"description_width": "initial"},
        )  # fmt: skip
        self.entity_id = ipw.Text(
            placeholder="empty: list them", description="id", layout={"width": "220px"},
            style={"description_width": "initial"},
        )  # fmt: skip
        hint = "The life of a deal, a task or a chat. Without an id: those that there are."
        super().__init__(feed, [self.entity, self.entity_id], "Trace", hint)

    def choose(self, entity: str, name: str) -> None:
        """Choose an entity, also of a rule that was added since."""
        if entity not in self.entity.options:
            self.entity.options = [*self.entity.options, entity]
        self.entity.value, self.entity_id.value = entity, name

    def question(self) -> tuple[str, Callable[[], "pd.DataFrame"]]:
        """Return `feed.trace(kind, id)`, or `feed.entities(kind)` without an id."""
        entity, name = str(self.entity.value), self.entity_id.value.strip()
        if not name:
            return f"feed.entities({entity!r})", lambda: self._feed.entities(entity)
        return f"feed.trace({entity!r}, {name!r})", lambda: self._feed.trace(entity, name)


class QueryTab(QuestionTab):
    """SQL on the events: `feed.sql(…)`."""

    def __init__(self, feed: Feed) -> None:
        self.query = ipw.Textarea(
            value=_FIRST_QUERY, description="SQL", rows=3,
            layout={"width": "auto", "flex": "1 1 420px"},
        )  # fmt: skip
        hint = "One SELECT on the table events; params->>'$.stage' is a value inside params."
        super().__init__(feed, [self.query], "Run", hint)

    def question(self) -> tuple[str, Callable[[], "pd.DataFrame"]]:
        """Return `feed.sql(query)`."""
        query = self.query.value.strip()
        shown = f'feed.sql("""{query}""")' if "\n" in query else f"feed.sql({query!r})"
        return shown, lambda: self._feed.sql(query)
