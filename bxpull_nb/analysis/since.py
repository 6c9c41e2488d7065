"""Events after a moment, compared with those before: "what did my click cause?"."""

import math
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.intervals import Span, duration, table_of
from bxpull_nb.analysis.map_reduce import NAME, Events, Tables, map_reduce, named, unnamed
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["at_least", "since"]

_SINCE = {
    "module_id": "str",
    "command": "str",
    "count": "int64",
    "first_after": "timedelta64[us]",
    "per_minute_after": "float64",
    "per_minute_before": "float64",
    "ratio": "float64",
    "chance": "float64",
}
_ENDS_RULES = {"first": "min", "last": "max"}
_NAMES_RULES = {"past": "sum", "count": "sum", "first": "min"}
_LEAST = 1.0  # seconds: a rate over less means nothing


def since(
    df: "Events",
    moment: str | datetime,
    before: Span = "10min",
    *,
    within: Span | None = None,
) -> "pd.DataFrame":
    """Return a row for each event name after the moment, the most unusual first.

    `moment` needs a time zone: `pd.Timestamp.now("UTC")`, `"2026-01-01T12:00Z"`. The rates
    before it are those of the time `before` it, or of as much of that as the events cover;
    "after" lasts to the last event, or as long as `within`.

    Columns: `module_id`, `command` (str); `count` after the moment (int64); `first_after` the
    moment (timedelta64[us]); `per_minute_after`, `per_minute_before` (float64); `ratio` of the
    two (float64, inf for what never came before); `chance` of at least as many, had the rate
    stayed what it was (float64, 0 to 1, by Poisson, with half an event added before): rows are
    sorted by it. Raises SettingsError for a moment without a time zone.

    >>> bx.since(feed.df, feed.df["received_at"].iloc[-50], before="10min")
    """
    at = _moment(moment)
    span, most = duration(before, "before"), None if within is None else duration(within, "within")
    first, last = _reach(df)
    end = last if most is None else min(last, at + most)
    begin = max(first, at - span)
    count = partial(_counts, begin=begin, at=at, end=end)
    found = map_reduce(df, [*NAME, "received_at"], count, {"names": _NAMES_RULES})["names"]
    table = unnamed(found[found["count"] > 0].reset_index(), NAME)
    table = table.assign(first_after=table["first"] - at)
    return _compared(table, _seconds(end - at), _seconds(at - begin))


def at_least(count: int, expected: float) -> float:
    """Return the chance of `count` events or more when the mean is `expected` (Poisson)."""
    if count <= expected:
        terms = (_term(n, expected) for n in range(count))
        return max(1.0 - math.fsum(terms), 0.0)
    term, total, n = _term(count, expected), 0.0, count
    while term > total * 1e-17:  # ever smaller, since n is above the mean
        total, n = total + term, n + 1
        term *= expected / n
    return min(total, 1.0)


def _term(n: int, expected: float) -> float:
    return math.exp(n * math.log(expected) - expected - math.lgamma(n + 1))


def _reach(df: "Events") -> "tuple[pd.Timestamp, pd.Timestamp]":
    """Return the first and the last arrival, NaT without any."""
    ends = map_reduce(df, ["received_at"], _ends, {"ends": _ENDS_RULES})["ends"]
    first, last = ends.iloc[0]
    return first, last


def _ends(events: "pd.DataFrame") -> Tables:
    import pandas as pd

    times = events["received_at"]
    return {
        "ends": pd.DataFrame({"first": [times.min()], "last": [times.max()]}, dtype=times.dtype)
    }


def _counts(
    events: "pd.DataFrame", begin: "pd.Timestamp", at: "pd.Timestamp", end: "pd.Timestamp"
) -> Tables:
    """Return by event name `past` from `begin` on, `count` and `first` from `at` to `end`."""
    events = events[events["received_at"].between(begin, max(at, end))]
    times = events["received_at"]
    after = (times >= at) & (times <= end)
    rows = named(events, NAME).assign(past=times < at, after=after, first=times.where(after))
    groups = rows.groupby(NAME, sort=False)
    return {
        "names": groups.agg(past=("past", "sum"), count=("after", "sum"), first=("first", "min"))
    }


def _compared(table: Any, after: float, before: float) -> "pd.DataFrame":
    """Return the table with its rates over `after` and `before` seconds."""
    counts = zip(table["count"], table["past"], strict=True)
    chance = [at_least(count, (past + 0.5) * after / before) for count, past in counts]
    new, old = table["count"] * 60 / after, table["past"] * 60 / before
    table = table.assign(
        per_minute_after=new, per_minute_before=old, ratio=new / old, chance=chance
    )
    return table_of(table.sort_values(["chance", "first_after", *NAME]), _SINCE)


def _moment(moment: str | datetime) -> "pd.Timestamp":
    import pandas as pd

    at: Any = pd.NaT
    with suppress(Exception):  # any object
        at = pd.Timestamp(moment)
    if pd.isna(at):
        raise SettingsError(f"moment={quoted(moment)} is no time: write '2026-01-01T12:00Z'.")
    if at.tzinfo is None:
        raise SettingsError(
            f"moment={quoted(moment)} has no time zone: write pd.Timestamp.now('UTC'), or put a Z "
            f"after a time in UTC."
        )
    utc: pd.Timestamp = at.tz_convert("UTC").as_unit("us")
    return utc


def _seconds(span: "pd.Timedelta") -> float:
    """Return the length in seconds, or one when it is shorter or unknown."""
    return max(_LEAST, span.total_seconds())
