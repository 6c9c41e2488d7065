"""Dropping duplicates: the same event of several collectors, or of one that was restarted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KEY", "drop_duplicates"]

KEY = ["mid", "server_time", "received_at", "error"]
"""The columns by which duplicates are found, and the first of them chosen."""


def drop_duplicates(table: pa.Table, sizes: Sequence[int]) -> pa.Table:
    """Return the rows of one folder, each event once: the readable row that arrived first.

    Duplicates have one mid and one server time; the mid alone is not enough, because a push
    server whose storage was wiped counts from the beginning again. Rows without a mid are
    duplicates when they arrived in the same microsecond and are in different parts: a crash made
    a collector write them again. Within a part they all stay; `sizes` are the rows of each part.
    """
    import pandas as pd

    mids = table["mid"].to_pandas()
    nameless = np.flatnonzero(mids.isna() | (mids == ""))
    if len(nameless):
        mids.iloc[nameless] = _substitutes(table, sizes, nameless)
    suspects = np.flatnonzero(mids.duplicated(keep=False))
    if not len(suspects):
        return table
    some = table.select(KEY).take(pa.array(suspects))
    order = np.lexsort((_numbers(some["received_at"]), pc.is_valid(some["error"]).to_numpy()))
    key = pd.DataFrame({"mid": mids.iloc[suspects].array, "sent": _numbers(some["server_time"])})
    duplicate = key.iloc[order].duplicated().to_numpy()
    keep = np.ones(table.num_rows, dtype=bool)
    keep[suspects[order[duplicate]]] = False
    return table.filter(pa.array(keep))


def _substitutes(table: pa.Table, sizes: Sequence[int], rows: np.ndarray) -> "pd.Series[Any]":
    """Return texts in place of mids: arrival, error, number among equal rows."""
    import pandas as pd

    some = table.select(KEY).take(pa.array(rows))
    part = np.repeat(np.arange(len(sizes)), sizes)[rows]
    at, error = _numbers(some["received_at"]), some["error"].to_pandas().fillna("")
    equal = pd.DataFrame({"at": at, "sent": _numbers(some["server_time"]), "error": error})
    number = equal.groupby([part, "at", "sent", "error"]).cumcount()
    return "\0" + equal["at"].astype("str") + " " + number.astype("str") + " " + equal["error"]


def _numbers(times: pa.ChunkedArray) -> np.ndarray:
    """Return microseconds, the least number for a missing time."""
    least = np.iinfo("int64").min
    numbers: np.ndarray = pc.fill_null(pc.cast(times, pa.int64()), least).to_numpy()
    return numbers
