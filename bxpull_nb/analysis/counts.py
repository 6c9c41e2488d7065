"""Counts of events by name, by interval and by sender."""

from functools import partial
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.intervals import (
    Span,
    check_intervals,
    counted_from,
    duration,
    intervals,
    table_of,
)
from bxpull_nb.analysis.map_reduce import (
    NAME,
    Events,
    Tables,
    map_reduce,
    named,
    unnamed,
)
from bxpull_nb.analysis.partitioned import names_of
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import listed, quoted
from bxpull_nb.models.dataframes import column_names, event_columns, is_dask, needs_dataframe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NONE", "rates", "summary", "who"]

NONE = "(none)"
"""The column of rows without a name, such as unreadable messages."""

_SUMMARY = {
    "module_id": "str",
    "command": "str",
    "count": "int64",
    "share": "float64",
    "first": "datetime64[us, UTC]",
    "last": "datetime64[us, UTC]",
    "lag_p50": "float64",
    "lag_p95": "float64",
    "longest_gap": "timedelta64[us]",
}
_WHO = {
    "sender": "str",
    "count": "int64",
    "share": "float64",
    "commands": "int64",
    "top_command": "str",
    "first": "datetime64[us, UTC]",
    "last": "datetime64[us, UTC]",
}
_SENT_RULES = {"count": "sum", "first": "min", "last": "max"}


def summary(df: "Events") -> "pd.DataFrame":
    """Return a row for each event name (`module_id` and `command`), the most frequent first.

    Columns: `module_id`, `command` (str, missing for unreadable messages); `count` (int64);
    `share` of all rows (float64, 0 to 1); `first`, `last` arrival (datetime64[us, UTC]);
    `lag_p50`, `lag_p95`, the median and the 95th percentile of `lag` (float64, seconds);
    `longest_gap` between two of them (timedelta64[us], NaT for a single one).

    >>> bx.summary(feed.df).head()
    """
    table = names_of(df) if is_dask(df) else _names_of(df)
    table = table.astype(dict.fromkeys(NAME, "str"))
    table = table.assign(share=table["count"] / max(table["count"].sum(), 1))
    order = ["count", "first", *NAME]
    return table_of(table.sort_values(order, ascending=[False, True, True, True]), _SUMMARY)


def rates(df: "Events", every: Span = "1min", by: str | None = "command") -> "pd.DataFrame":
    """Return the number of events in each interval, with a column for each `by`.

    The index `received_at` (datetime64[us, UTC]) is the interval's start; intervals without an
    event have 0. The columns (int64) are the values of `by` as text, the most
    frequent first, and `(none)` for rows without one; `by=None` counts all in one column
    `events`. Raises SettingsError for an unknown column, and for more than a million intervals.

    >>> bx.rates(feed.df, every="1min", by="command")
    """
    import pandas as pd

    step = duration(every, "every")
    _check_by(df, by)
    count = partial(_counts, step=step, by=by)
    columns = dict.fromkeys(["received_at", *([] if by is None else [by])])
    counts = map_reduce(df, list(columns), count, {"counts": {"n": "sum"}})["counts"]["n"]
    starts = counts.index.get_level_values("at").to_series()
    check_intervals(starts, step)
    index = intervals(starts, step)
    if not len(counts):
        return pd.DataFrame(index=index, columns=_labels([] if by else ["events"]), dtype="int64")
    order = (
        counts.groupby(level="by").sum().sort_index().sort_values(ascending=False, kind="stable")
    )
    table = counts.unstack("by", fill_value=0).reindex(index, fill_value=0)
    return table.reindex(columns=_labels(order.index)).astype("int64")


def _check_by(df: Any, by: str | None) -> None:
    if not is_dask(df):
        needs_dataframe(df, "rates()")
    names = column_names(df)
    if by is not None and not (isinstance(by, str) and by in names):
        raise SettingsError(f"by={quoted(by)} is no column: choose from {listed(names)}.")


def who(df: "Events") -> "pd.DataFrame":
    """Return a row for each sender, the busiest first.

    Columns: `sender` (str; `backend`, `client:…`, missing where the dialect names none);
    `count` (int64); `share` of all rows (float64, 0 to 1); `commands`, how many different ones
    (int64); `top_command`, the most frequent one, of equals the first to come (str);
    `first`, `last` arrival (datetime64[us, UTC]).

    >>> bx.who(feed.df)
    """
    found = map_reduce(df, ["sender", "command", "received_at"], _sent, {"sent": _SENT_RULES})
    sent = unnamed(found["sent"].reset_index(), ["sender", "command"])
    ranked = sent.sort_values(["count", "first", "command"], ascending=[False, True, True])
    groups = ranked.groupby("sender", dropna=False, sort=False)
    table = groups.agg(
        count=("count", "sum"),
        commands=("command", "nunique"),
        first=("first", "min"),
        last=("last", "max"),
    )
    top = ranked.drop_duplicates("sender").set_index("sender")["command"]
    share = table["count"] / max(table["count"].sum(), 1)
    table = table.assign(share=share, top_command=top.reindex(table.index)).reset_index()
    order = ["count", "first", "sender"]
    return table_of(table.sort_values(order, ascending=[False, True, True]), _WHO)


def _names_of(df: "pd.DataFrame") -> "pd.DataFrame":
    """Return what `partitioned.names_of` does, for a DataFrame of pandas."""
    events: pd.DataFrame = event_columns(df, [*NAME, "received_at", "lag"])
    events = events.sort_values("received_at", kind="stable")
    events = events.assign(lag=events["lag"].dt.total_seconds())
    groups = events.groupby(NAME, observed=True, dropna=False, sort=False)
    events["gap"] = groups["received_at"].diff()
    groups = events.groupby(NAME, observed=True, dropna=False, sort=False)
    table = groups.agg(
        count=("lag", "size"),
        first=("received_at", "min"),
        last=("received_at", "max"),
        longest_gap=("gap", "max"),
    )
    lags = groups["lag"]
    return table.assign(lag_p50=lags.quantile(0.5), lag_p95=lags.quantile(0.95)).reset_index()


def _sent(events: "pd.DataFrame") -> Tables:
    """Return `count`, `first` and `last` arrival by sender and command."""
    keys = named(events, ["sender", "command"]).assign(at=events["received_at"])
    groups = keys.groupby(["sender", "command"], sort=False)
    return {"sent": groups.agg(count=("at", "size"), first=("at", "min"), last=("at", "max"))}


def _counts(events: "pd.DataFrame", step: "pd.Timedelta", by: str | None) -> Tables:
    """Return the number of rows (`n`) by start of their interval (`at`) and name (`by`)."""
    import pandas as pd

    known = events[events["received_at"].notna()]
    starts = counted_from(known["received_at"], step)
    table = pd.DataFrame({"at": starts, "by": _names(known, by)})
    return {"counts": table.value_counts(sort=False).to_frame("n")}


def _names(df: "pd.DataFrame", by: str | None) -> "pd.Series[Any]":
    import pandas as pd

    if by is None:
        return pd.Series("events", index=df.index, dtype="str")
    return df[by].astype("str").fillna(NONE)


def _labels(names: Any) -> Any:
    import pandas as pd

    return pd.Index(list(names), dtype="str")
