"""What began at a moment: "what did my click cause?"."""

import math
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.shape import Span, duration, shaped
from bxpull_nb.analysis.spread import needs_pandas
from bxpull_nb.errors import SettingsError

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
_LEAST = 1.0  # seconds: a rate over less says nothing


def since(
    df: "pd.DataFrame",
    moment: str | datetime,
    before: Span = "10min",
    *,
    within: Span | None = None,
) -> "pd.DataFrame":
    """What came after the moment, one row an event name, the most unusual first.

    `moment` needs a time zone: `pd.Timestamp.now("UTC")`, `"2026-01-01T12:00Z"`. The rates
    before it are those of the time `before` it, or of as much of that as the frame reaches
    back; "after" lasts to the last event, or as long as `within`.

    Columns: `module_id`, `command` (str); `count` after the moment (int64); `first_after` the
    moment (timedelta64[us]); `per_minute_after`, `per_minute_before` (float64); `ratio` of the
    two (float64, inf for what never came before); `chance` of at least as many, had the rate
    stayed what it was (float64, 0 to 1, by Poisson, with half an event added before): rows are
    sorted by it. Raises SettingsError for a moment without a time zone.
    """
    import pandas as pd

    needs_pandas(df, "since")
    at = _moment(moment)
    times = df["received_at"]
    first, last = times.min(), times.max()
    end = last if within is None else min(last, at + duration(within, "within"))
    begin = max(first, at - duration(before, "before")) if len(df) else at
    after = df[(times >= at) & (times <= end)]
    earlier = df[(times >= begin) & (times < at)]
    keys = ["module_id", "command"]
    groups = after.groupby(keys, observed=True, dropna=False, sort=False)["received_at"]
    table = pd.DataFrame({"count": groups.size(), "first_after": groups.min() - at})
    past = earlier.groupby(keys, observed=True, dropna=False, sort=False).size()
    seconds = _seconds(end - at), _seconds(at - begin)
    return _compared(table.assign(past=past.reindex(table.index, fill_value=0)), *seconds)


def at_least(count: int, expected: float) -> float:
    """The chance of `count` events or more where `expected` are the mean (Poisson)."""
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


def _compared(table: Any, after: float, before: float) -> "pd.DataFrame":
    """The table with its rates: over `after` and `before` seconds."""
    counts = zip(table["count"], table["past"], strict=True)
    chance = [at_least(count, (past + 0.5) * after / before) for count, past in counts]
    new, old = table["count"] * 60 / after, table["past"] * 60 / before
    table = table.assign(
        per_minute_after=new, per_minute_before=old, ratio=new / old, chance=chance
    )
    return shaped(table.reset_index().sort_values(["chance", "first_after"]), _SINCE)


def _moment(moment: str | datetime) -> "pd.Timestamp":
    import pandas as pd

    at: Any = pd.NaT
    with suppress(ValueError, TypeError):
        at = pd.Timestamp(moment)
    if pd.isna(at):
        raise SettingsError(f"moment={moment!r} is no time: write '2026-01-01T12:00Z'.")
    if at.tzinfo is None:
        raise SettingsError(
            f"moment={moment!r} has no time zone: write pd.Timestamp.now('UTC'), or put a Z "
            f"behind a time in UTC."
        )
    utc: pd.Timestamp = at.tz_convert("UTC").as_unit("us")
    return utc


def _seconds(span: "pd.Timedelta") -> float:
    """The length in seconds, or one when it is shorter or unknown."""
    return max(_LEAST, span.total_seconds())
