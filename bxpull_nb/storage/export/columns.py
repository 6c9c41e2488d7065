"""Any DataFrame as an Arrow table of plain columns, chosen by dtype and never by name."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import scrub
from bxpull_nb.models.dataframes import needs_dataframe
from bxpull_nb.storage.export.json_cells import NoFormError, json_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JSON", "any_table", "column_of", "is_json", "is_text", "name_of"]

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


def name_of(label: object) -> str:
    """Return a column's label as text, its levels joined by dots."""
    return ".".join(map(str, label)) if isinstance(label, tuple) else str(label)


def _rows_only(df: "pd.DataFrame", function: str) -> pa.Table:
    if len(df):
        raise SettingsError(f"{function}: the DataFrame has rows, but no columns.")
    return pa.table({})


def _named(df: "pd.DataFrame", function: str) -> "dict[str, pd.Series[Any]]":
    """Return the columns by name, those of the index first."""
    found: dict[str, pd.Series[Any]] = {}
    for at, label in enumerate(df.columns):
        name = _written(name_of(label), function)
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
        name = _level_name(label, level, found, function)
        column = values.to_series(index=df.index)
        if name not in found and name not in columns:
            columns[name] = column
        elif name not in found or not _same(column, found[name]):
            raise SettingsError(
                f"{function}: the index and a column are both called {name}. Rename one: "
                f"df.rename_axis(index='start')."
            )
    return columns


def _level_name(label: object, level: int, found: Mapping[str, Any], function: str) -> str:
    """Return the name of a level of the index; one without a name gets `index`, if it is free."""
    if label is not None:
        return _written(name_of(label), function)
    return "index" if level == 0 and "index" not in found else f"index {level}"


def _written(name: str, function: str) -> str:
    """Return the name; raise SettingsError for one that no file can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SettingsError(
            f"{function}: the name of the column {name!a} has half a character (a lone "
            f"surrogate). Rename it."
        ) from None
    return name


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    return bool(one.reset_index(drop=True).equals(other.reset_index(drop=True)))


def _array(
    column: "pd.Series[Any]", name: str, function: str
) -> tuple[pa.ChunkedArray | pa.Array, bool]:
    """Return the values, and whether they are JSON texts."""
    import pandas as pd

    kind: Any = column.dtype
    try:
        if kind == "object":
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
    zones = {getattr(value, "tzinfo", None) is not None for value in column.dropna()}
    if kind in ("period", "interval") or (kind == "time" and True in zones):
        return _spelled_out(column), False
    if kind in ("datetime", "datetime64") and len(zones) == 1:
        return pa.array(pd.to_datetime(column, utc=zones.pop()), from_pandas=True), False
    if kind in _PLAIN and not _has_times_among_dates(column, kind):
        try:
            return _flat(pa.array(column, from_pandas=True)), False
        except (pa.ArrowException, OverflowError, TypeError):
            pass
    return pa.array(json_texts(column), pa.large_string()), True


def _has_times_among_dates(column: "pd.Series[Any]", kind: str) -> bool:
    """Whether Arrow would make dates of times, and lose the hours."""
    return kind == "date" and any(isinstance(value, datetime) for value in column)


def _flat(array: Any) -> Any:
    """Return the column in a type that every format has."""
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if any(is_kind(kind) for is_kind in _BINARY):
        raise NoFormError("bytes; decode them")
    if pa.types.is_null(kind) and pa.types.is_dictionary(array.type):  # no category at all
        return pa.DictionaryArray.from_arrays(array.indices, pa.array([], pa.large_string()))
    if pa.types.is_null(kind) or pa.types.is_string_view(kind):
        return pc.cast(array, pa.large_string())
    if pa.types.is_dictionary(array.type) and not is_text(kind):
        return pc.cast(array, kind)
    return array


def _are_texts(values: Any) -> bool:
    import pandas as pd

    return not len(values) or pd.api.types.infer_dtype(values) == "string"


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))


def _spelled_out(column: "pd.Series[Any]") -> pa.Array:
    texts = column.astype(object).map(str, na_action="ignore")
    return pa.array(texts, pa.large_string(), from_pandas=True)


def _reason(error: Exception) -> str:
    """Return the cause in few words, without values of the column."""
    if isinstance(error, UnicodeError):
        return "text with half a character (a lone surrogate)"
    if isinstance(error, RecursionError):
        return "a value that holds itself, or is nested too deeply"
    if isinstance(error, OverflowError):
        return "a number of more than 64 bits within a list or an object"
    if isinstance(error, NoFormError):
        return str(error)
    return "they have no common kind"
