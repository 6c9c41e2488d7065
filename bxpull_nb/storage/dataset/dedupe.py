"""The copies of an event: what several collectors, or one that was restarted, brought of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["KEY", "without_copies"]

KEY = ["mid", "server_time", "received_at", "error"]
"""The columns that tell copies apart."""


def without_copies(parts: Sequence[pa.Table]) -> pa.Table:
    """The rows of one partition, each event once: the readable copy that arrived first.

    Copies have one mid and one server time; the mid alone will not do, because a push server
    whose storage was wiped counts from the beginning again. Rows without a mid are copies when
    they arrived in the same microsecond but stand in different parts: a crash made somebody write
    them again. Within a part they all stay.
    """
    import pandas as pd

    table = pa.concat_tables(parts)
    mids = table["mid"].to_pandas()
    nameless = np.flatnonzero(mids.isna() | (mids == ""))
    if len(nameless):
        mids.iloc[nameless] = _stand_ins(table, parts, nameless)
    suspects = np.flatnonzero(mids.duplicated(keep=False))
    if not len(suspects):
        return table
    some = table.select(KEY).take(pa.array(suspects))
    order = np.lexsort((_numbers(some["received_at"]), pc.is_valid(some["error"]).to_numpy()))
    key = pd.DataFrame({"mid": mids.iloc[suspects].array, "sent": _numbers(some["server_time"])})
    copies = key.iloc[order].duplicated().to_numpy()
    keep = np.ones(table.num_rows, dtype=bool)
    keep[suspects[order[copies]]] = False
    return table.filter(pa.array(keep))


def _stand_ins(table: pa.Table, parts: Sequence[pa.Table], rows: np.ndarray) -> "pd.Series[Any]":
    """In place of mids: when each came, and how many of its like stand before it in its part."""
    import pandas as pd

    some = table.select(KEY).take(pa.array(rows))
    part = np.repeat(np.arange(len(parts)), [one.num_rows for one in parts])[rows]
    at, error = _numbers(some["received_at"]), some["error"].to_pandas().fillna("")
    like = pd.DataFrame({"at": at, "sent": _numbers(some["server_time"]), "error": error})
    number = like.groupby([part, "at", "sent", "error"]).cumcount()
    return "\0" + like["at"].astype("str") + " " + number.astype("str") + " " + like["error"]


def _numbers(times: pa.ChunkedArray) -> np.ndarray:
    """Microseconds; the least number for what is missing."""
    least = np.iinfo("int64").min
    numbers: np.ndarray = pc.fill_null(pc.cast(times, pa.int64()), least).to_numpy()
    return numbers
