"""Search in events, in the language of `search_text`."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from bxpull_nb.errors import QueryFailed
from bxpull_nb.query.answer import df_of
from bxpull_nb.query.search_terms import columns_of, met_by
from bxpull_nb.query.search_text import Alternatives, Term, parsed
from bxpull_nb.query.source import resolved

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["columns_read", "matches", "search"]


def search(source: Any, text: str) -> "pd.DataFrame":
    """Return the events that meet a search, such as `command:deal* params.stage:WON -test`.

    `source` is a feed, a DataFrame, a file, a journal or a dataset. Words are looked for in
    module, command, params and error; all must be there. `"quotes"` mean exactly this text,
    `field:value` and `params.path:value` a value (`*` is any text), `>`, `<`, `>=`, `<=` compare,
    a minus excludes, `OR` separates alternatives. Rows of a feed or a DataFrame keep their
    numbers. Raises QueryFailed for a text that is no search, and the errors of `read_events`.

    >>> bx.search(feed, 'params.sum>1000 -command:dealDelete OR "in progress"')
    """
    wanted = parsed(text)
    events = resolved(source)
    lacking = [name for name in columns_read(wanted) if name not in events.columns]
    if lacking:
        raise QueryFailed(f"these events lack the column {', '.join(lacking)}.")
    df = getattr(source, "df", source)
    if hasattr(df, "iloc") and not hasattr(df, "dask"):
        [table] = events.tables(columns_read(wanted))
        found: pd.DataFrame = df[matches(wanted, table, len(df))]
        return found
    parts = [table.filter(pa.array(matches(wanted, table))) for table in events.tables()]
    return df_of(pa.concat_tables(parts))


def columns_read(wanted: Alternatives) -> list[str]:
    """Return the columns of events that a search reads."""
    every = (columns_of(term) for terms in wanted for term in terms)
    return list(dict.fromkeys(name for names in every for name in names))


def matches(wanted: Alternatives, table: pa.Table, length: int | None = None) -> np.ndarray:
    """Whether each event of the table meets the search."""
    count = table.num_rows if length is None else length
    if not wanted:
        return np.ones(count, bool)
    met = np.zeros(count, bool)
    for terms in wanted:
        met |= _all_met(terms, table, count)
    return met


def _all_met(terms: tuple[Term, ...], table: pa.Table, count: int) -> np.ndarray:
    """Whether each event meets all terms; each is asked only of events that met those before."""
    rows, rest = np.arange(count), table
    for term in sorted(terms, key=_cost):
        met = met_by(term, rest)
        if not met.all():
            rows, rest = rows[met], rest.filter(pa.array(met))
    mask = np.zeros(count, bool)
    mask[rows] = True
    return mask


def _cost(term: Term) -> int:
    """Return the order of terms: names are looked up in no time, JSON has to be read."""
    if term.path is not None:
        return 2
    return 1 if term.column in (None, "params", "error", "mid") else 0
