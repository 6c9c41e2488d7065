"""The table that an exporter writes: events in their order, or any other table as it is."""

from typing import TYPE_CHECKING

import pyarrow as pa

from bxpull_nb.errors import SettingsError
from bxpull_nb.models.dataframes import has_events, needs_dataframe
from bxpull_nb.models.flags import flag
from bxpull_nb.storage.export.columns import any_table
from bxpull_nb.storage.export.masked import masked
from bxpull_nb.storage.export.table import event_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["exported"]


def exported(
    df: "pd.DataFrame", function: str, *, reveal: bool, typed: bool
) -> tuple[pa.Table, bool]:
    """Return the table to write, its secrets masked unless `reveal`, and whether it is of events.

    Events whose dtypes are others, such as times without a zone, are an error in a `typed`
    format, and a table like any other for people. Every SettingsError names the column.
    """
    needs_dataframe(df, function)
    is_events = has_events(df)
    try:
        table = event_table(df, function) if is_events else any_table(df, function)
    except SettingsError:
        if typed or not is_events:
            raise
        table, is_events = any_table(df, function), False
    return table if flag("reveal", reveal) else masked(table), is_events
