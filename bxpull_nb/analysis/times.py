"""Lags, gaps and sessions: how late events came, and when."""

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
from bxpull_nb.analysis.map_reduce import Events, Tables, map_reduce
from bxpull_nb.analysis.partitioned import lags_of
from bxpull_nb.models.dataframes import event_columns, is_dask

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gaps", "lag", "sessions"]

_LAG = {"count": "int64", "p50": "float64", "p95": "float64", "p99": "float64", "max": "float64"}
_GAPS = {
    "start": "datetime64[us, UTC]",
    "end": "datetime64[us, UTC]",
    "length": "timedelta64[us]",
}
_SESSIONS = _GAPS | {"events": "int64", "commands": "int64", "unreadable": "int64"}
_STRETCH_RULES = {"low": "min", "high": "max", "events": "sum", "unreadable": "sum"}


def lag(df: "Events", every: Span | None = None) -> "pd.DataFrame":
    """Return how late events came, in seconds: one row, or one for each interval.

    The index `received_at` (datetime64[us, UTC]) is the start of the interval of length `every`,
    or the first arrival without `every`. Columns: `count` of events that have a lag (int64);
    `p50`, `p95`, `p99`, `max` (float64, seconds, NaN without a lag). Negative: the portal's clock
    is ahead of this machine's. Raises SettingsError for more than a million intervals.

    >>> bx.lag(feed.df, every="1min")
    """
    import pandas as pd

    if is_dask(df):
        return _lag_of_parts(df, None if every is None else duration(every, "every"))
    events = event_columns(df, ["received_at", "lag"])
    known = events[events["received_at"].notna()]
    seconds = known["lag"].dt.total_seconds()
    if every is None:
        starts = pd.Series(known["received_at"].min(), index=known.index)
        index = pd.DatetimeIndex(starts.iloc[:1], dtype="datetime64[us, UTC]", name="received_at")
    else:
        step = duration(every, "every")
        starts = counted_from(known["received_at"], step)
        index = intervals(starts, step)
    groups = seconds.groupby(starts)
    columns = {"count": groups.count(), "max": groups.max()}
    columns |= {f"p{share}": groups.quantile(share / 100) for share in (50, 95, 99)}
    table = pd.DataFrame(columns, columns=list(_LAG)).reindex(index)
    return table.fillna({"count": 0}).astype(_LAG)


def gaps(df: "Events", longer_than: Span = "30s") -> "pd.DataFrame":
    """Return the gaps of more than `longer_than` between two events, in order.

    Columns: `start`, the arrival before it, and `end`, the one after it
    (datetime64[us, UTC]); `length` (timedelta64[us]). A quiet portal has gaps too; `feed.logbook`
    shows which of them are lost connections.

    >>> bx.gaps(feed.df, longer_than="30s")
    """
    span = duration(longer_than, "longer_than")
    needed = ["received_at"]
    arrivals = _ends_of_stretches(df, span) if is_dask(df) else event_columns(df, needed)
    times = arrivals["received_at"].dropna().sort_values(ignore_index=True)
    length = times.diff()
    long = length > span
    columns = {"start": times.shift()[long], "end": times[long], "length": length[long]}
    return table_of(columns, _GAPS)


def sessions(df: "Events", idle: Span = "5min") -> "pd.DataFrame":
    """Return the times of activity, separated by more than `idle` without an event.

    Columns: `start`, `end`, the first and the last arrival (datetime64[us, UTC]); `length`
    between them (timedelta64[us]); `events` (int64); `commands`, how many different ones
    (int64); `unreadable` messages among the events (int64).

    >>> bx.sessions(feed.df, idle="5min")
    """
    pause = duration(idle, "idle")
    if is_dask(df):
        table = _sessions_of_parts(df, pause)
    else:
        events = event_columns(df, ["received_at", "command", "error"])
        events = events[events["received_at"].notna()]
        events = events.sort_values("received_at", kind="stable", ignore_index=True)
        number = (events["received_at"].diff() > pause).cumsum()
        groups = events.groupby(number, sort=True)
        table = groups.agg(
            start=("received_at", "min"),
            end=("received_at", "max"),
            events=("received_at", "size"),
            commands=("command", "nunique"),
            unreadable=("error", "count"),
        )
    return table_of(table.assign(length=table["end"] - table["start"]), _SESSIONS)


def _lag_of_parts(df: Any, step: "pd.Timedelta | None") -> "pd.DataFrame":
    import pandas as pd

    table = lags_of(df, step, (50, 95, 99))
    if step is None:
        index = pd.DatetimeIndex(table["first"], dtype="datetime64[us, UTC]", name="received_at")
        return table.set_index(index)[list(_LAG)].astype(_LAG)
    starts = table.index.to_series()
    check_intervals(starts, step)
    table = table.reindex(intervals(starts, step))[list(_LAG)]
    return table.fillna({"count": 0}).astype(_LAG)


def _ends_of_stretches(df: Any, width: "pd.Timedelta") -> "pd.DataFrame":
    """Return the first and last event of each stretch; no longer gap is within one."""
    import pandas as pd

    cut = partial(_stretches, width=width)
    found = map_reduce(df, ["received_at"], cut, {"stretches": _STRETCH_RULES})["stretches"]
    times = pd.concat([found["low"], found["high"]], ignore_index=True)
    return pd.DataFrame({"received_at": times})


def _sessions_of_parts(df: Any, pause: "pd.Timedelta") -> Any:
    rules = {"stretches": _STRETCH_RULES, "commands": {"n": "sum"}}
    columns = ["received_at", "command", "error"]
    found = map_reduce(df, columns, partial(_busy_stretches, width=pause), rules)
    table = found["stretches"].sort_index()
    number = (table["low"] - table["high"].shift() > pause).cumsum()
    groups = table.groupby(number, sort=True)
    sums = groups.agg(
        start=("low", "min"),
        end=("high", "max"),
        events=("events", "sum"),
        unreadable=("unreadable", "sum"),
    )
    names = found["commands"].reset_index()
    commands = names.groupby(names["stretch"].map(number))["command"].nunique()
    return sums.assign(commands=commands.reindex(sums.index, fill_value=0))


def _stretches(events: "pd.DataFrame", width: "pd.Timedelta") -> Tables:
    times = events["received_at"].dropna()
    groups = times.groupby(_stretch(times, width), sort=False)
    table = groups.agg(low="min", high="max")
    return {"stretches": table.assign(events=groups.size(), unreadable=0)}


def _busy_stretches(events: "pd.DataFrame", width: "pd.Timedelta") -> Tables:
    known = events[events["received_at"].notna()]
    stretch = _stretch(known["received_at"], width)
    table = _stretches(known, width)["stretches"]
    table = table.assign(unreadable=known["error"].notna().groupby(stretch, sort=False).sum())
    names = known.assign(stretch=stretch, command=known["command"].astype("str"))
    commands = names.groupby(["stretch", "command"], sort=False).size().to_frame("n")
    return {"stretches": table, "commands": commands}


def _stretch(times: "pd.Series[Any]", width: "pd.Timedelta") -> "pd.Series[Any]":
    import pandas as pd

    at = times.astype("datetime64[us, UTC]").astype("int64")
    return (at // (width // pd.Timedelta(1, "us"))).rename("stretch")
