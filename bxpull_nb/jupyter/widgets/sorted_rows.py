"""The found rows of a table in the order of a column: all that are kept, not those of a page."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer, df_of
from bxpull_nb.jupyter.widgets.rows import RowSource
from bxpull_nb.params.path import Path
from bxpull_nb.query.search_values import texts_at

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Sort", "SortedRows"]

COLUMNS = {
    "time": "received_at",
    "channel": "channel",
    "module": "module_id",
    "command": "command",
    "params": "params",
    "lag": "lag",
    "mid": "mid",
}
"""Column of a page -> column of events."""
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"


class Sort(NamedTuple):
    """The order that a page asks for."""

    column: str
    """A name of `COLUMNS`, or a path such as `params.stage`."""
    down: bool
    path: Path | None = None
    """The path, if the column is one."""


class SortedRows:
    """The rows found by `answer` until now, in the order of `sort`. Later ones are not in it.

    Upper and lower case are alike. Missing values come last in both directions, and equal ones
    stay in the order of arrival. In a column of a path, numbers come before texts.
    """

    def __init__(self, source: RowSource, answer: LiveAnswer, sort: Sort) -> None:
        df, kept_from = df_of(source)
        self.sort = sort
        self.end = kept_from + len(df) if answer.is_all else answer.high
        """The number of the first row that is too new."""
        numbers = answer.since(kept_from)
        numbers = numbers[numbers < min(self.end, kept_from + len(df))]
        self.numbers: np.ndarray = numbers
        """The numbers of the rows, in this order."""
        if len(numbers):
            self.numbers = numbers[_order(_taken(df, numbers - kept_from), sort)]

    def part(self, start: int, count: int, kept_from: int) -> np.ndarray:
        """Return the numbers from this place on, without rows that are no longer kept."""
        numbers = self.numbers[start : start + count]
        return numbers[numbers >= kept_from]


def _taken(df: "pd.DataFrame", places: np.ndarray) -> "pd.DataFrame":
    """Return the rows at these places; a copy only where there are gaps."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return df.iloc[first : last + 1]
    return df[[*COLUMNS.values(), "source"]].iloc[places]


def _order(df: "pd.DataFrame", sort: Sort) -> np.ndarray:
    """Return the places of the rows, in this order."""
    if sort.path is not None:
        return _order_of_values(_values(df, sort.path), down=sort.down)
    column = df[COLUMNS[sort.column]]
    if sort.column == "channel" and len(df["source"].cat.categories) > 1:
        source = df["source"].astype("str")  # the page shows it where it is another one
        column = df["channel"].astype("str").where(source == "channel", source).astype("category")
    if column.dtype == "category":
        return _sorted(_ranks(column), down=sort.down)
    keys = _one(pa.array(column, from_pandas=True))
    is_text = pa.types.is_string(keys.type) or pa.types.is_large_string(keys.type)
    return _sorted(pc.utf8_lower(keys) if is_text else keys.cast(pa.int64()), down=sort.down)


def _values(df: "pd.DataFrame", path: Path) -> pa.Array:
    values = texts_at(_one(pa.array(df["params"], from_pandas=True).cast(pa.large_string())), path)
    return pc.binary_join(values, pa.scalar(", ", pa.large_string())) if path.is_many else values


def _order_of_values(values: pa.Array, *, down: bool) -> np.ndarray:
    is_number = pc.match_substring_regex(values, _NUMBER)
    nothing = pa.scalar(None, values.type)
    numbers = pc.if_else(is_number, values, nothing).cast(pa.float64())
    texts = pc.utf8_lower(pc.if_else(is_number, nothing, values))
    parts = [
        _sorted(keys, down=down)[: len(keys) - keys.null_count]
        for keys in ((texts, numbers) if down else (numbers, texts))
    ]
    return np.concatenate([*parts, np.flatnonzero(values.is_null().to_numpy(False))])


def _ranks(column: "pd.Series[Any]") -> pa.Array:
    """Return the rank of each name among all names: those are few."""
    names = pa.array(column.cat.categories).cast(pa.large_string())
    ranks = pc.rank(pc.utf8_lower(_one(names)), tiebreaker="dense").to_numpy().astype("int64")
    codes = column.cat.codes.to_numpy()
    return pa.array(np.append(ranks, 0)[codes], mask=codes < 0)


def _sorted(keys: pa.Array, *, down: bool) -> np.ndarray:
    direction = "descending" if down else "ascending"
    order = pc.array_sort_indices(keys, order=direction, null_placement="at_end")
    indices: np.ndarray = order.to_numpy().astype("int64")
    return indices


def _one(array: Any) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
