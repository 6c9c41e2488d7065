"""Durations, intervals and dtypes that all tables of the analysis share."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Span", "check_intervals", "counted_from", "duration", "intervals", "table_of"]

Span = str | timedelta
"""A duration: `"30s"`, `"5min"`, `"1h"`, or a timedelta."""

_MOST = 1_000_000  # intervals in one table


def duration(span: Span, name: str) -> "pd.Timedelta":
    """Return the span in microseconds; raise SettingsError unless it is above zero."""
    import pandas as pd

    length: Any = pd.NaT
    with suppress(ValueError, TypeError, OverflowError):
        length = pd.Timedelta(span).as_unit("us")
    if not length > pd.Timedelta(0):  # also False for NaT
        raise SettingsError(
            f"{name}={quoted(span)} is no duration: write '30s', '5min', '1h' or a timedelta "
            f"above zero."
        )
    checked: pd.Timedelta = length
    return checked


def table_of(columns: Any, dtypes: Mapping[str, str]) -> "pd.DataFrame":
    """Return a table of these columns with these dtypes; its index counts from 0."""
    import pandas as pd

    table = pd.DataFrame({name: columns[name] for name in dtypes}).reset_index(drop=True)
    return table.astype(dict(dtypes))


def counted_from(times: "pd.Series[Any]", every: "pd.Timedelta") -> "pd.Series[Any]":
    """Return the start of each time's interval; intervals are counted from 1970, UTC.

    Raise SettingsError when there would be more than a million of them.
    """
    import pandas as pd

    check_intervals(times, every)
    step = every // pd.Timedelta(1, "us")
    whole = times.astype("datetime64[us, UTC]").astype("int64") // step * step
    return pd.to_datetime(whole, unit="us", utc=True).astype("datetime64[us, UTC]")


def check_intervals(times: "pd.Series[Any]", every: "pd.Timedelta") -> None:
    """Raise SettingsError when these times make more than a million intervals."""
    if len(times) and (times.max() - times.min()) / every > _MOST:
        raise SettingsError(
            f"every={every} cuts {times.max() - times.min()} into more than {_MOST:,} intervals: "
            f"choose a longer one, or fewer events."
        )


def intervals(starts: "pd.Series[Any]", every: "pd.Timedelta") -> "pd.DatetimeIndex":
    """Return all intervals from the first to the last, empty ones too."""
    import pandas as pd

    if starts.empty:
        return pd.DatetimeIndex([], dtype="datetime64[us, UTC]", name="received_at")
    return pd.date_range(starts.min(), starts.max(), freq=every, name="received_at", unit="us")
