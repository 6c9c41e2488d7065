"""Records of any kept rows, and the search that a table's filters mean."""

from functools import cache
from typing import Any, TypedDict

import numpy as np

from bxpull_nb.capture.recorded import recorded_rows
from bxpull_nb.jupyter.widgets.live_answer import df_of
from bxpull_nb.jupyter.widgets.rows import RowSource
from bxpull_nb.models import Record
from bxpull_nb.query.search import matches
from bxpull_nb.query.search_text import Alternatives, Term, parsed
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["ALL", "Filters", "highlights", "records_at", "searched_for"]


class Filters(TypedDict):
    """The filters of a table, which shows the rows that meet all of them."""

    text: str
    """A search, as of `bx.search`; "" for any."""
    module: str | None
    command: str | None
    since_us: int | None
    """Received at this time or later: microseconds since 1970, UTC, in whole milliseconds."""
    until_us: int | None
    """Received before this time."""


ALL: Filters = {"text": "", "module": None, "command": None, "since_us": None, "until_us": None}


def searched_for(filters: Filters, *, picked: bool = True) -> Alternatives:
    """Return the search that the filters mean, apart from the times.

    Without `picked` the command is left out. Raises QueryFailed for a text that is no search.
    """
    wanted = parsed(filters["text"])
    matches(wanted, _nothing())  # refuses wrong times at once
    command = filters["command"] if picked else None
    named = [
        _name_term(column, name)
        for column, name in (("module_id", filters["module"]), ("command", command))
        if name is not None
    ]
    if not named:
        return wanted
    return tuple((*named, *terms) for terms in wanted or ((),))


def _name_term(column: str, name: str) -> Term:
    """Return the term on a name as a page shows it, which may be cut."""
    if name.endswith("…"):
        return Term(f"{name[:-1]}*", column)
    return Term(name, column, exact=True)


@cache
def _nothing() -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(EventLog().df, preserve_index=False)


def highlights(wanted: Alternatives) -> list[tuple[str, bool, str | None]]:
    """Return the texts to highlight: text, whether exact, and the column, None for any."""
    return [
        (part, term.exact, term.column)
        for terms in wanted
        for term in terms
        if term.operator == ":" and not term.negated
        for part in ([term.value] if term.exact else term.value.split("*"))
        if part
    ]


def records_at(source: RowSource, numbers: np.ndarray) -> tuple[np.ndarray, list[Record]]:
    """Return those of these rows that are still kept, in the order given, and their records."""
    if not len(numbers):
        return numbers, []
    lowest = int(numbers.min())
    if len(source) - lowest <= 2 * len(numbers) + 100:  # the newest are at hand
        first, records = source.recent(lowest)
        if first <= lowest:
            return numbers, [records[number - first] for number in numbers.tolist()]
    df, kept_from = df_of(source)
    numbers = numbers[numbers >= kept_from]
    return numbers, list(recorded_rows(df.iloc[numbers - kept_from]).records)
