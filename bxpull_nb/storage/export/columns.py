"""Any DataFrame as an Arrow table of plain columns, chosen by dtype and never by name."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import scrub
from bxpull_nb.models.dataframes import needs_dataframe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JSON", "any_table", "column_of", "is_json", "is_text", "pandas_metadata"]

JSON = {b"bxpull_nb": b"json"}
"""Metadata of a text column that holds JSON, because its values have no plain form."""

_PLAIN = {  # kinds of objects that Arrow has a type for
    "boolean",
    "date",
    "decimal",
    "floating",
    "integer",
    "mixed-integer-float",
    "time",
    "timedelta",
}
_BINARY = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def any_table(df: "pd.DataFrame", function: str) -> pa.Table:
    """Return the DataFrame as a table, with its index first where that has a meaning.

    An index has one when it has a name, or is not made of whole numbers. Texts and categories
    share memory. Raises SettingsError, which names the column, for values without a form.
    """
    needs_dataframe(df, function)
    fields, columns = [], []
    for name, column in _named(df, function).items():
        array, is_json_text = _array(column, name, function)
        fields.append(pa.field(name, array.type, metadata=JSON if is_json_text else None))
        columns.append(array)
    return pa.table(columns, schema=pa.schema(fields)) if columns else _rows_only(df, function)


def pandas_metadata(df: "pd.DataFrame", table: pa.Table) -> dict[str, str]:
    """Return metadata by which pandas reads a table with its index and dtypes."""
    kinds = {_name(label): str(df.dtypes.iloc[at]) for at, label in enumerate(df.columns)}
    index = [name for name in table.column_names if name not in kinds]
    named = {str(label) for label in df.index.names if label is not None}
    columns = [
        {
            "name": None if name in index and name not in named else name,
            "field_name": name,
            "pandas_type": "",
            "numpy_type": "object" if is_json(table, name) else kinds.get(name, "object"),
            "metadata": None,
        }
        for name in table.column_names
    ]
    known = {"index_columns": index, "column_indexes": [], "columns": columns}
    return {"pandas": msgspec.json.encode(known | {"pandas_version": "3.0.0"}).decode()}


def is_json(table: pa.Table, name: str) -> bool:
    """Whether the column holds JSON texts that stand for other values."""
    return (table.schema.field(name).metadata or {}).get(b"bxpull_nb") == b"json"


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts, as they are or as categories."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def column_of(column: "pd.Series[Any]", name: str, function: str) -> pa.ChunkedArray:
    """Return one column; raise SettingsError, which names it, for values without a form."""
    return _array(column, name, function)[0]


def _rows_only(df: "pd.DataFrame", function: str) -> pa.Table:
    if len(df):
        raise SettingsError(f"{function}: the DataFrame has rows, but no columns.")
    return pa.table({})


def _named(df: "pd.DataFrame", function: str) -> "dict[str, pd.Series[Any]]":
    """Return the columns by name, those of the index first."""
    found: dict[str, pd.Series[Any]] = {}
    for at, label in enumerate(df.columns):
        name = _name(label)
        if name in found:
            raise SettingsError(
                f"{function}: two columns are called {name}. Rename one, or keep one: "
                f"df.loc[:, ~df.columns.duplicated()]."
            )
        found[name] = df.iloc[:, at]
    return _index_columns(df, found, function) | found


def _index_columns(
    df: "pd.DataFrame", found: "dict[str, pd.Series[Any]]", function: str
) -> "dict[str, pd.Series[Any]]":
    columns: dict[str, pd.Series[Any]] = {}
    for level, label in enumerate(df.index.names):
        values = df.index.get_level_values(level)
        if label is None and df.index.nlevels == 1 and values.dtype.kind in "iu":
            continue  # it counts rows
        name = _name(label) if label is not None else ("index" if level == 0 else f"index {level}")
        column = values.to_series(index=df.index)
        if name not in found and name not in columns:
            columns[name] = column
        elif name not in found or not _same(column, found[name]):
            raise SettingsError(
                f"{function}: the index and a column are both called {name}. Rename one: "
                f"df.rename_axis(index='start')."
            )
    return columns


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    return bool(one.reset_index(drop=True).equals(other.reset_index(drop=True)))


def _name(label: object) -> str:
    """Return a column's label as text; the parts of a label of several levels joined by dots."""
    return ".".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _array(
    column: "pd.Series[Any]", name: str, function: str
) -> tuple[pa.ChunkedArray | pa.Array, bool]:
    """Return the values, and whether they are JSON texts."""
    import pandas as pd

    kind: Any = column.dtype
    try:
        if pd.api.types.is_object_dtype(kind):
            return _objects(column)
        if isinstance(kind, pd.CategoricalDtype) and not _are_texts(kind.categories):
            return _objects(column.astype(object))
        if isinstance(kind, pd.PeriodDtype | pd.IntervalDtype):
            return _spelled_out(column), False
        if isinstance(kind, pd.SparseDtype):
            dense: Any = column.sparse
            return _array(dense.to_dense(), name, function)
        if kind == "float16":
            column = column.astype("float32")
        array = pa.array(column, from_pandas=True)
        if _is_nested(array.type):
            return _objects(column.astype(object))
        return _flat(array), False
    except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise SettingsError(
            f"{function}: the column {name} ({kind}) holds values that a file cannot: "
            f"{_reason(exc)}. Turn them into text or numbers, or leave the column out."
        ) from scrub(exc)


def _objects(column: "pd.Series[Any]") -> tuple[pa.Array, bool]:
    """Return objects of one kind as a column of that kind, others as JSON texts."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in ("string", "empty"):
        return pa.array(column, pa.large_string(), from_pandas=True), False
    if kind in ("period", "interval"):
        return _spelled_out(column), False
    if kind == "datetime" and len({value.tzinfo is None for value in column.dropna()}) == 1:
        aware = column.dropna().iloc[0].tzinfo is not None
        return pa.array(pd.to_datetime(column, utc=aware), from_pandas=True), False
    if kind in _PLAIN:
        try:
            return _flat(pa.array(column, from_pandas=True)), False
        except (pa.ArrowException, OverflowError):
            return pa.array(_json_texts(column), pa.large_string()), True
    return pa.array(_json_texts(column), pa.large_string()), True


def _flat(array: Any) -> Any:
    """Return the column in a type that every format has."""
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if any(is_kind(kind) for is_kind in _BINARY):
        raise TypeError("bytes; decode them")
    if pa.types.is_null(kind) and pa.types.is_dictionary(array.type):  # no category at all
        return pa.DictionaryArray.from_arrays(array.indices, pa.array([], pa.large_string()))
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return pc.cast(array, pa.large_string())
    return array


def _are_texts(values: Any) -> bool:
    import pandas as pd

    return not len(values) or pd.api.types.infer_dtype(values) == "string"


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))


def _spelled_out(column: "pd.Series[Any]") -> pa.Array:
    texts = column.astype(object).map(str, na_action="ignore")
    return pa.array(texts, pa.large_string(), from_pandas=True)


def _json_texts(column: "pd.Series[Any]") -> list[str | None]:
    cells = zip(column, column.isna(), strict=True)
    return [None if missing else _json(value) for value, missing in cells]


def _json(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes; decode them")
    if isinstance(value, timedelta):
        value = value.total_seconds()
    return msgspec.json.encode(value, enc_hook=_plain).decode()


def _plain(value: Any) -> Any:
    """Return what JSON has for values of numpy and pandas."""
    import numpy as np
    import pandas as pd

    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, pd.Period | pd.Interval):
        return str(value)
    raise TypeError(f"a {type(value).__name__}")


def _reason(error: Exception) -> str:
    """Return the cause in few words, without values of the column."""
    if isinstance(error, UnicodeError):
        return "text with half a character (a lone surrogate)"
    if isinstance(error, RecursionError):
        return "a value that holds itself, or is nested too deeply"
    if isinstance(error, OverflowError):
        return "a number of more than 64 bits within a list or an object"
    if type(error) is TypeError and len(str(error)) < 60:
        return str(error)
    return "they have no common kind"
