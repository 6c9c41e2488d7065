"""The metadata of a Parquet file by which pandas reads a table with its index and dtypes."""

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from bxpull_nb.storage.export.columns import is_json, is_text, name_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pandas_metadata"]


def pandas_metadata(df: "pd.DataFrame", table: pa.Table) -> dict[str, str]:
    """Return metadata by which pandas reads a table with its index and dtypes."""
    dtypes = {name_of(label): df.dtypes.iloc[at] for at, label in enumerate(df.columns)}
    index = [name for name in table.column_names if name not in dtypes]
    named = {str(label) for label in df.index.names if label is not None}
    columns = [
        {
            "name": None if name in index and name not in named else name,
            "field_name": name,
            "pandas_type": "",
            "numpy_type": _numpy_type(table, name, dtypes.get(name)),
            "metadata": None,
        }
        for name in table.column_names
    ]
    known = {"index_columns": index, "column_indexes": [], "columns": columns}
    return {"pandas": msgspec.json.encode(known | {"pandas_version": "3.0.0"}).decode()}


def _numpy_type(table: pa.Table, name: str, dtype: Any) -> str:
    """Return the dtype that pandas has to give the column, "object" for its own choice."""
    kind = table.schema.field(name).type
    if is_json(table, name) or dtype is None:
        return "object"
    if pa.types.is_integer(kind) and table[name].null_count and dtype.kind == "O":
        return "UInt64" if pa.types.is_unsigned_integer(kind) else "Int64"  # floats lose digits
    return str(dtype) if _comes_back(dtype, kind) else "object"


def _comes_back(dtype: Any, kind: pa.DataType) -> bool:
    """Whether pandas can make the dtype of its name and the values as they are written."""
    import pandas as pd

    if isinstance(dtype, pd.StringDtype):
        return True
    try:
        is_known: bool = pd.api.types.pandas_dtype(str(dtype)) == dtype
    except (TypeError, ValueError, NotImplementedError):
        return False
    if isinstance(dtype, pd.ArrowDtype):
        return is_known and bool(dtype.pyarrow_dtype == kind)
    spelled_out = is_text(kind) and isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype)
    return is_known and not spelled_out
