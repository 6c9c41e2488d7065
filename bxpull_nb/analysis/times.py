"""When events came: how late, with which gaps, in which sessions."""

from functools import partial
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.intervals import (
    Span,
    check_intervals,
    counted_from,
    duration,
    intervals,
    moments,
    shaped,
)
from bxpull_nb.analysis.map_reduce import Frame, Tables, map_reduce, part_of
from bxpull_nb.analysis.partitioned import lags_of
from bxpull_nb.models.dataframes import is_dask

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


def lag(df: "Frame", every: Span | None = None) -> "pd.DataFrame":
    """How late events came, in seconds: one row for all, or one an interval of `every`.

    The index `received_at` (datetime64[us, UTC]) is the interval's start, the first arrival
    when there is but one. Columns: `count` of events that have a lag (int64); `p50`, `p95`,
    `p99`, `max` (float64, seconds, NaN where there is none). Negative: the portal's clock is
    ahead of this machine's. Raises SettingsError for more than a million intervals.
    """
    import pandas as pd

    if is_dask(df):
        return _lag_of_parts(df, None if every is None else duration(every, "every"))
    events = part_of(df, ["received_at", "lag"])
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


def gaps(df: "Frame", longer_than: Span = "30s") -> "pd.DataFrame":
    """The stretches of more than `longer_than` between two events, in order of time.

    Columns: `start`, the arrival before it, and `end`, the one behind it
    (datetime64[us, UTC]); `length` (timedelta64[us]). A quiet portal has gaps too; which of
    them are lost connections, the feed's reconnects tell.
    """
    span = duration(longer_than, "longer_than")
    arrivals = part_of(df, ["received_at"])
    times = moments(_ends_of_stretches(arrivals, span) if is_dask(df) else arrivals)
    length = times.diff()
    long = length > span
    columns = {"start": times.shift()[long], "end": times[long], "length": length[long]}
    return shaped(columns, _GAPS)


def sessions(df: "Frame", idle: Span = "5min") -> "pd.DataFrame":
    """The stretches of activity, parted by more than `idle` without an event.

    Columns: `start`, `end`, the first and the last arrival (datetime64[us, UTC]); `length`
    between them (timedelta64[us]); `events` (int64); `commands`, how many different ones
    (int64); `unreadable` messages among the events (int64).
    """
    pause = duration(idle, "idle")
    if is_dask(df):
        table = _sessions_of_parts(df, pause)
    else:
        events = part_of(df, ["received_at", "command", "error"])
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
    return shaped(table.assign(length=table["end"] - table["start"]), _SESSIONS)


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
    """The first and the last event of every stretch of `width`: no longer gap is within one."""
    import pandas as pd

    look = partial(_stretches, width=width)
    found = map_reduce(df, ["received_at"], look, {"stretches": _STRETCH_RULES})["stretches"]
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
    named = found["commands"].reset_index()
    commands = named.groupby(named["stretch"].map(number))["command"].nunique()
    return sums.assign(commands=commands.reindex(sums.index, fill_value=0))


def _stretches(frame: "pd.DataFrame", width: "pd.Timedelta") -> Tables:
    times = frame["received_at"].dropna()
    groups = times.groupby(_stretch(times, width), sort=False)
    table = groups.agg(low="min", high="max")
    return {"stretches": table.assign(events=groups.size(), unreadable=0)}


def _busy_stretches(frame: "pd.DataFrame", width: "pd.Timedelta") -> Tables:
    known = frame[frame["received_at"].notna()]
    stretch = _stretch(known["received_at"], width)
    table = _stretches(known, width)["stretches"]
    table = table.assign(unreadable=known["error"].notna().groupby(stretch, sort=False).sum())
    named = known.assign(stretch=stretch, command=known["command"].astype("str"))
    commands = named.groupby(["stretch", "command"], sort=False).size().to_frame("n")
    return {"stretches": table, "commands": commands}


def _stretch(times: "pd.Series[Any]", width: "pd.Timedelta") -> "pd.Series[Any]":
    import pandas as pd

    at = times.astype("datetime64[us, UTC]").astype("int64")
    return (at // (width // pd.Timedelta(1, "us"))).rename("stretch")
