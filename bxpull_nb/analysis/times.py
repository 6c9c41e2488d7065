"""When events came: how late, with which gaps, in which sessions."""

from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.shape import Span, counted_from, duration, intervals, moments, shaped

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


def lag(df: "pd.DataFrame", every: Span | None = None) -> "pd.DataFrame":
    """How late events came, in seconds: one row for all, or one an interval of `every`.

    The index `received_at` (datetime64[us, UTC]) is the interval's start, the first arrival
    when there is but one. Columns: `count` of events that have a lag (int64); `p50`, `p95`,
    `p99`, `max` (float64, seconds, NaN where there is none). Negative: the portal's clock is
    ahead of this machine's. Raises SettingsError for more than a million intervals.
    """
    import pandas as pd

    known = df[df["received_at"].notna()]
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


def gaps(df: "pd.DataFrame", longer_than: Span = "30s") -> "pd.DataFrame":
    """The stretches of more than `longer_than` between two events, in order of time.

    Columns: `start`, the arrival before it, and `end`, the one behind it
    (datetime64[us, UTC]); `length` (timedelta64[us]). A quiet portal has gaps too; which of
    them are lost connections, the feed's reconnects tell.
    """
    times = moments(df)
    length = times.diff()
    long = length > duration(longer_than, "longer_than")
    columns = {"start": times.shift()[long], "end": times[long], "length": length[long]}
    return shaped(columns, _GAPS)


def sessions(df: "pd.DataFrame", idle: Span = "5min") -> "pd.DataFrame":
    """The stretches of activity, parted by more than `idle` without an event.

    Columns: `start`, `end`, the first and the last arrival (datetime64[us, UTC]); `length`
    between them (timedelta64[us]); `events` (int64); `commands`, how many different ones
    (int64); `unreadable` messages among the events (int64).
    """
    pause = duration(idle, "idle")
    events = df.loc[df["received_at"].notna(), ["received_at", "command", "error"]]
    events = events.sort_values("received_at", kind="stable", ignore_index=True)
    number = (events["received_at"].diff() > pause).cumsum()
    groups = events.groupby(number, sort=True)
    table: Any = groups.agg(
        start=("received_at", "min"),
        end=("received_at", "max"),
        events=("received_at", "size"),
        commands=("command", "nunique"),
        unreadable=("error", "count"),
    )
    return shaped(table.assign(length=table["end"] - table["start"]), _SESSIONS)
