"""Tables that DuckDB answers with, as DataFrames whose types keep every value."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["df_of"]


def df_of(table: pa.Table) -> "pd.DataFrame":
    """Return a table as a DataFrame: `Int64`, `Float64`, `boolean` and `str`, exact with gaps.

    Times are UTC in microseconds, durations `timedelta64[us]`; integers beyond 64 bits, lists and
    decimals are Python values. Columns of one name are numbered.
    """
    import pandas as pd

    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        free, count = name, 1
        while free in columns:
            free, count = f"{name}_{count}", count + 1
        columns[free] = _column(column)
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _column(column: pa.ChunkedArray) -> Any:
    import pandas as pd

    kind = column.type
    if pa.types.is_decimal(kind) and kind.scale == 0:
        column, kind = _integers(column)
    if pa.types.is_interval(kind):
        column, kind = _durations(column)
    if pa.types.is_timestamp(kind):
        return pc.cast(column, pa.timestamp("us", kind.tz and "UTC")).to_pandas()
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        texts = pc.cast(column, pa.large_string())
        return pd.arrays.ArrowStringArray(texts, dtype=pd.StringDtype("pyarrow", na_value=np.nan))  # type: ignore[call-arg]
    if pa.types.is_integer(kind):
        wide = pd.UInt64Dtype() if pa.types.is_uint64(kind) else pd.Int64Dtype()
        return column.to_pandas(types_mapper=lambda _: wide)
    if pa.types.is_floating(kind):
        return column.to_pandas(types_mapper=lambda _: pd.Float64Dtype())
    if pa.types.is_boolean(kind):
        return column.to_pandas(types_mapper=lambda _: pd.BooleanDtype())
    if pa.types.is_duration(kind):
        return pc.cast(column, pa.duration("us")).to_pandas()
    return pd.Series(column.to_pylist(), dtype=object)


def _integers(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.DataType]:
    """Return integers of 128 bits, such as those of sum(), as 64 bits where they fit."""
    try:
        return pc.cast(column, pa.int64()), pa.int64()
    except pa.ArrowInvalid:
        return column, pa.null()


def _durations(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.DataType]:
    """Return intervals as durations, unless one counts months."""
    values = column.to_pylist()
    if any(value is not None and value.months for value in values):
        return column, pa.null()
    microseconds = [
        None if value is None else value.days * 86_400_000_000 + value.nanoseconds // 1000
        for value in values
    ]
    return pa.chunked_array([pa.array(microseconds, pa.duration("us"))]), pa.duration("us")
