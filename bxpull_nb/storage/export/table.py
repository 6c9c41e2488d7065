"""Frames of events as Arrow tables, as files spell them, and back to frames."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import FileFormatError, SettingsError
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.models.dataframes import needs_pandas
from bxpull_nb.storage.export.iso import iso_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_columns",
    "event_table",
    "slices",
    "spelled",
    "table_of",
    "to_frame",
]

_SLICE = 65_536  # rows: bounds what a file's spelling takes in memory
_UTC = pa.timestamp("us", "UTC")


def table_of(frame: "pd.DataFrame") -> pa.Table:
    """Any frame as a table without its index; text and categories share their memory."""
    needs_pandas(frame, "writing a file")
    return pa.Table.from_pandas(frame.reset_index(drop=True), preserve_index=False)


def event_table(frame: "pd.DataFrame") -> pa.Table:
    """A frame of events as a table; SettingsError when its columns are not those of events."""
    if list(frame.columns) != list(EVENT_COLUMNS):
        raise SettingsError(
            "only whole events can be written in this format: the frame needs the columns "
            f"{', '.join(EVENT_COLUMNS)}, in this order. Write others with to_csv()."
        )
    return table_of(frame)


def slices(table: pa.Table) -> Iterator[pa.Table]:
    """The table in parts of some ten thousand rows, without a copy."""
    return (table.slice(start, _SLICE) for start in range(0, table.num_rows, _SLICE))


def spelled(table: pa.Table) -> pa.Table:
    """What a text file says: times as ISO 8601 in UTC, `lag` in seconds, categories as text."""
    return pa.table(
        {name: _SPELLING.get(name, _as_text)(table[name]) for name in table.column_names}
    )


def check_columns(names: list[str], source: object) -> None:
    """Raise FileFormatError unless the columns are those of events."""
    if names == list(EVENT_COLUMNS):
        return
    lacking = ", ".join(name for name in EVENT_COLUMNS if name not in names)
    raise FileFormatError(
        f"{source} is not a file of captured events: "
        + (f"it lacks the columns {lacking}." if lacking else "it has other columns too.")
    )


def to_frame(table: pa.Table) -> "pd.DataFrame":
    """A table of events, or of some columns of theirs, with the dtypes of `EVENT_COLUMNS`.

    Columns that are no event's become categories. Categories stand in the order in which they
    appear, as the log has them. Raises pa.ArrowException for columns that cannot be understood
    so.
    """
    import pandas as pd

    kinds = {name: EVENT_COLUMNS.get(name, "category") for name in table.column_names}
    columns = {name: _COLUMNS[kind](table[name]) for name, kind in kinds.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _iso(column: pa.ChunkedArray) -> pa.LargeStringArray:
    return iso_texts(pc.cast(column, _UTC))


def _as_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(pc.cast(pc.cast(column, pa.int64()), pa.float64()), 1e6)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(column, pa.large_string()) if pa.types.is_dictionary(column.type) else column


_SPELLING: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray | pa.LargeStringArray]] = {
    "received_at": _iso,
    "server_time": _iso,
    "lag": _as_seconds,
}


def _times(column: pa.ChunkedArray) -> Any:
    return pc.cast(column, _UTC).to_pandas()


def _durations(column: pa.ChunkedArray) -> Any:
    if pa.types.is_floating(column.type):  # seconds
        column = pc.cast(pc.round(pc.multiply(column, 1e6)), pa.int64())
    return pc.cast(column, pa.duration("us")).to_pandas()


def _categories(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    texts = pc.cast(column, pa.large_string()).combine_chunks()
    coded = pc.dictionary_encode(texts)
    names = pd.Index(coded.dictionary.to_pylist(), dtype="str")
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))


def _texts(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    texts = pc.cast(column, pa.large_string())
    return pd.arrays.ArrowStringArray(texts, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]


_COLUMNS: dict[str, Callable[[pa.ChunkedArray], Any]] = {
    "datetime64[us, UTC]": _times,
    "timedelta64[us]": _durations,
    "category": _categories,
    "str": _texts,
}
