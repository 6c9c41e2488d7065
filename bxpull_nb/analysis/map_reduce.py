"""Tables made from the parts of a DataFrame: one of pandas, many of Dask.

A function makes small tables of each part. Those of many parts are merged in a tree, each column
by its own rule (`sum`, `min`, `max`). So the events are never all in one place, and the caller's
Dask scheduler does the work.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from bxpull_nb.models.dataframes import column_names, event_columns, is_dask, lacking

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

__all__ = ["NAME", "Events", "Rules", "Tables", "map_reduce", "named", "unnamed"]

NAME = ["module_id", "command"]
"""The columns that name an event."""

Events: TypeAlias = "pd.DataFrame | dd.DataFrame"
"""A DataFrame of events, of pandas or of Dask."""

Tables = dict[str, "pd.DataFrame"]
Rules = Mapping[str, Mapping[str, str]]
"""Table -> column -> the rule that merges two parts of it."""

_FAN = 8  # tables that are merged at once
_NAMELESS = "\0"  # replaces a missing name: a key that groups and merges like any other


def map_reduce(
    df: Any, columns: Sequence[str], per_part: "Callable[[pd.DataFrame], Tables]", rules: Rules
) -> Tables:
    """Return the tables that `per_part` makes of these columns, merged over all parts."""
    if not is_dask(df):
        return per_part(event_columns(df, columns))
    import dask

    lacking(column_names(df), columns, "this table")
    chosen = df[[name for name in columns if name in df.columns]]
    merge, table_of_part = dask.delayed(_merged), dask.delayed(_part)
    pending = [table_of_part(part, columns, per_part) for part in chosen.to_delayed()]
    while len(pending) > 1:
        starts = range(0, len(pending), _FAN)
        pending = [merge(pending[at : at + _FAN], rules) for at in starts]
    merged: Tables = pending[0].compute()
    return merged


def named(events: "pd.DataFrame", keys: Sequence[str]) -> "pd.DataFrame":
    """Return these columns as text without missing values, to group and merge by."""
    return events[list(keys)].astype("str").fillna(_NAMELESS)


def unnamed(table: "pd.DataFrame", keys: Sequence[str]) -> "pd.DataFrame":
    """Return the table with the values missing again that `named` filled in."""
    return table.assign(**{key: table[key].mask(table[key] == _NAMELESS) for key in keys})


def _part(
    events: Any, columns: Sequence[str], per_part: "Callable[[pd.DataFrame], Tables]"
) -> Tables:
    return per_part(event_columns(events, columns))


def _merged(parts: list[Tables], rules: Rules) -> Tables:
    return {name: _table([part[name] for part in parts], rule) for name, rule in rules.items()}


def _table(tables: "list[pd.DataFrame]", rule: Mapping[str, str]) -> "pd.DataFrame":
    import pandas as pd

    filled = [table for table in tables if len(table)]
    if len(filled) < 2:
        return filled[0] if filled else tables[0]
    levels = list(range(filled[0].index.nlevels))
    return pd.concat(filled).groupby(level=levels, sort=False).agg(dict(rule))
