"""DataFrames of events as people have them: pandas or Dask, changed or whole."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.models.event import EVENT_COLUMNS, LATER_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "are_of_events",
    "column_names",
    "event_columns",
    "has_events",
    "is_dask",
    "lacking",
    "needs_dataframe",
    "needs_pandas",
]

_TIMES, _DURATIONS = "datetime64[us, UTC]", "timedelta64[us]"


def is_dask(df: Any) -> bool:
    """Whether `df` is a DataFrame of Dask; Dask is not loaded to find out."""
    return type(df).__module__.partition(".")[0] == "dask"


def needs_pandas(df: Any, function: str) -> None:
    """Raise SettingsError for a DataFrame of Dask, which may be larger than memory."""
    if is_dask(df):
        raise SettingsError(
            f"{function} needs a frame of pandas: choose a part by read_events(where=...), or "
            f"take df[...].compute()."
        )


def needs_dataframe(df: Any, function: str) -> None:
    """Raise SettingsError for anything but a DataFrame of pandas."""
    import pandas as pd

    needs_pandas(df, function)
    if isinstance(df, pd.DataFrame):
        return
    kind = type(df).__name__
    todo = {"Series": "call its to_frame()", "Feed": "give its df"}.get(kind, "give feed.df")
    raise SettingsError(f"{function} needs a DataFrame of pandas, not a {kind}: {todo}.")


def column_names(df: Any) -> list[str]:
    """Return the names of the columns, and before them those the index has instead."""
    columns = list(map(str, df.columns))
    levels = getattr(df.index, "names", None) or [df.index.name]
    return [str(name) for name in levels if name is not None and str(name) not in columns] + columns


def has_events(df: "pd.DataFrame") -> bool:
    """Whether the columns are those of events, in any order, perhaps as the index."""
    return are_of_events(column_names(df))


def are_of_events(names: Sequence[str]) -> bool:
    """Whether these are the names of all columns of events; earlier versions had fewer."""
    later = LATER_COLUMNS.keys() - names
    return sorted([*names, *later]) == sorted(EVENT_COLUMNS)


def event_columns(df: Any, columns: Sequence[str], function: str = "this table") -> "pd.DataFrame":
    """Return these columns of events with their dtypes, and an index that counts from 0.

    Times in another zone or unit are converted, texts of any dtype are taken, and a column may
    be the index. A column that earlier versions lacked is added. Raises SettingsError, which names
    the column, for one that is missing or twice there, for times without a zone, and for values
    of another kind.
    """
    import pandas as pd

    needs_dataframe(df, function)
    found = {name: _column(df, name, columns, function) for name in columns}
    checked = {
        name: _CHECKS.get(EVENT_COLUMNS.get(name, ""), _any)(column, name, function)
        for name, column in found.items()
    }
    return pd.DataFrame(checked, index=pd.RangeIndex(len(df)), copy=False)


def lacking(names: Sequence[str], columns: Sequence[str], function: str) -> None:
    """Raise SettingsError for columns that are not among these names."""
    missing = [name for name in columns if name not in names]
    if missing:
        raise SettingsError(
            f"the DataFrame lacks {', '.join(missing)}: {function} needs the columns "
            f"{', '.join(columns)}. Name them too in read_events(columns=...)."
        )


def _column(df: "pd.DataFrame", name: str, columns: Sequence[str], function: str) -> Any:
    """Return the column, or the index of that name, without the index of the table."""
    count = list(df.columns).count(name)
    if count > 1:
        raise SettingsError(
            f"{function}: the DataFrame has {count} columns called {name}. Keep one: "
            f"df.loc[:, ~df.columns.duplicated()]."
        )
    if count:
        return df[name].reset_index(drop=True)
    if name in df.index.names:
        return df.index.get_level_values(name).to_series().reset_index(drop=True)
    if name in LATER_COLUMNS:
        return _constant(LATER_COLUMNS[name], len(df))
    lacking(column_names(df), columns, function)
    raise SettingsError(f"{function}: the column {name} has a name of another type than text.")


def _constant(value: str, count: int) -> "pd.Series[Any]":
    import pandas as pd

    dtype = pd.CategoricalDtype(pd.Index([value], dtype="str"))
    return pd.Series(pd.Categorical.from_codes([0] * count, dtype=dtype))


def _any(column: Any, name: str, function: str) -> Any:  # noqa: ARG001 - one of three of a kind
    return column


def _times(column: "pd.Series[Any]", name: str, function: str) -> "pd.Series[Any]":
    import pandas as pd

    if str(column.dtype) == _TIMES:
        return column
    if column.isna().all():
        return pd.Series(pd.NaT, index=column.index, dtype=_TIMES)
    if column.dtype == object and _all_times(column):
        column = _joined_times(column)
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        raise _wrong(function, name, column, f'times: pd.to_datetime(df["{name}"], utc=True)')
    if getattr(column.dt, "tz", None) is None:
        raise SettingsError(
            f"{function}: the times in {name} have no time zone. Give them theirs: "
            f'df["{name}"].dt.tz_localize("UTC").'
        )
    converted: pd.Series[Any] = column.dt.tz_convert("UTC").astype(_TIMES)
    return converted


def _all_times(column: "pd.Series[Any]") -> bool:
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) == "datetime"


def _joined_times(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return times of several zones in UTC; without a zone if one of them has none."""
    import pandas as pd

    if all(value.tzinfo is not None for value in column.dropna()):
        return pd.to_datetime(column, utc=True)
    return column.map(lambda value: value.replace(tzinfo=None)).astype("datetime64[us]")


def _durations(column: "pd.Series[Any]", name: str, function: str) -> "pd.Series[Any]":
    import pandas as pd

    if str(column.dtype) == _DURATIONS:
        return column
    if column.isna().all():
        return pd.Series(pd.NaT, index=column.index, dtype=_DURATIONS)
    if pd.api.types.infer_dtype(column, skipna=True) in ("timedelta", "timedelta64"):
        return column.astype("timedelta64[us]")
    raise _wrong(function, name, column, f'durations: pd.to_timedelta(df["{name}"], unit="s")')


def _texts(column: "pd.Series[Any]", name: str, function: str) -> "pd.Series[Any]":
    import pandas as pd

    kind: Any = column.dtype
    values: Any = kind.categories if isinstance(kind, pd.CategoricalDtype) else column
    if values.dtype != object and pd.api.types.is_string_dtype(values.dtype):
        return column
    if pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty"):
        return column
    if column.isna().all():
        return column.astype("str")
    raise _wrong(function, name, column, f'text: df["{name}"].astype("str"), or read_events(path)')


def _wrong(function: str, name: str, column: "pd.Series[Any]", wanted: str) -> SettingsError:
    return SettingsError(
        f"{function}: the column {name} holds {column.dtype} values and has to hold {wanted}."
    )


_CHECKS: dict[str, Any] = {
    _TIMES: _times,
    _DURATIONS: _durations,
    "category": _texts,
    "str": _texts,
}
