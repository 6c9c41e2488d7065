"""Tables gathered from the parts of a frame: one part of pandas, or the many of Dask.

A part gives small tables, indexed by what they are about; tables of many parts are merged in a
tree, each column by its own rule (`sum`, `min`, `max`). So nothing of the size of the frame is
ever in one place, and the scheduler is whatever cluster the caller has.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from bxpull_nb.errors import SettingsError
from bxpull_nb.models.dataframes import is_dask

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

__all__ = ["Frame", "Rules", "Tables", "is_dask", "map_reduce", "named", "part_of", "unnamed"]

Frame: TypeAlias = "pd.DataFrame | dd.DataFrame"
"""A frame of events, of either engine."""

Tables = dict[str, "pd.DataFrame"]
Rules = Mapping[str, Mapping[str, str]]
"""Table -> column -> how two parts of it become one."""

_FAN = 8  # tables that are merged at once
_NAMELESS = "\0"  # in place of what is missing: a key that groups and merges like any other


def part_of(df: Any, columns: Sequence[str]) -> Any:
    """These columns of the frame; SettingsError when it lacks one, as `read_events` can have it."""
    lacking = [name for name in columns if name not in df.columns]
    if lacking:
        raise SettingsError(
            f"the frame lacks {', '.join(lacking)}: this needs the columns {', '.join(columns)}. "
            f"Name them too in read_events(columns=...)."
        )
    return df[list(columns)]


def map_reduce(
    df: Any, columns: Sequence[str], part: "Callable[[pd.DataFrame], Tables]", rules: Rules
) -> Tables:
    """The tables that `part` makes of these columns, of all parts of the frame together."""
    chosen = part_of(df, columns)
    if not is_dask(df):
        return part(chosen)
    import dask

    merge, tables = dask.delayed(_merged), map(dask.delayed(part), chosen.to_delayed())
    waiting = list(tables)
    while len(waiting) > 1:
        starts = range(0, len(waiting), _FAN)
        waiting = [merge(waiting[at : at + _FAN], rules) for at in starts]
    found: Tables = waiting[0].compute()
    return found


def named(frame: "pd.DataFrame", keys: Sequence[str]) -> "pd.DataFrame":
    """These columns as text, by which parts can be grouped and merged: nothing is missing."""
    return frame[list(keys)].astype("str").fillna(_NAMELESS)


def unnamed(table: "pd.DataFrame", keys: Sequence[str]) -> "pd.DataFrame":
    """The table with these columns, which `named` made, missing again where they were."""
    return table.assign(**{key: table[key].mask(table[key] == _NAMELESS) for key in keys})


def _merged(parts: list[Tables], rules: Rules) -> Tables:
    return {name: _table([part[name] for part in parts], rule) for name, rule in rules.items()}


def _table(tables: "list[pd.DataFrame]", rule: Mapping[str, str]) -> "pd.DataFrame":
    import pandas as pd

    some = [table for table in tables if len(table)]
    if len(some) < 2:
        return some[0] if some else tables[0]
    levels = list(range(some[0].index.nlevels))
    return pd.concat(some).groupby(level=levels, sort=False).agg(dict(rule))
