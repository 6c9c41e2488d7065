"""The copies of an event: what several collectors, or one that was restarted, brought of it."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["KEY", "without_copies"]

KEY = ["mid", "server_time", "received_at", "error"]
"""The columns that tell copies apart."""


def without_copies(table: pa.Table) -> pa.Table:
    """The rows of one partition, each event once: the readable copy that arrived first.

    Copies have one mid and one server time; the mid alone will not do, because a push server
    whose storage was wiped counts from the beginning again. Rows without a mid all stay.
    """
    import pandas as pd

    mids = table["mid"].to_pandas()
    suspects = np.flatnonzero(mids.duplicated(keep=False) & mids.notna() & (mids != ""))
    if not len(suspects):
        return table
    some = table.select(KEY).take(pa.array(suspects))
    order = np.lexsort((_numbers(some["received_at"]), pc.is_valid(some["error"]).to_numpy()))
    key = pd.DataFrame({"mid": mids.iloc[suspects].array, "sent": _numbers(some["server_time"])})
    copies = key.iloc[order].duplicated().to_numpy()
    keep = np.ones(table.num_rows, dtype=bool)
    keep[suspects[order[copies]]] = False
    return table.filter(pa.array(keep))


def _numbers(times: pa.ChunkedArray) -> np.ndarray:
    """Microseconds; the least number for what is missing."""
    least = np.iinfo("int64").min
    numbers: np.ndarray = pc.fill_null(pc.cast(times, pa.int64()), least).to_numpy()
    return numbers
