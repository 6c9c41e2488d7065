"""`summary` and `lag` of a Dask DataFrame in two passes, equal to those of pandas."""

from functools import partial
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.intervals import counted_from
from bxpull_nb.analysis.map_reduce import NAME, Tables, map_reduce, named, unnamed
from bxpull_nb.analysis.quantiles import COUNT_RULES, Ranks, lag_bins, lag_values

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lags_of", "names_of"]

_WIDE = 600_000_000  # microseconds: stretches of the first pass, for the longest gap
_MOMENTS = {"low": "min", "high": "max"}
_SUMMARY_RULES = {
    "groups": {"count": "sum", "known": "sum", "first": "min", "last": "max"},
    "bins": COUNT_RULES,
    "moments": _MOMENTS,
}
_LAG_RULES = {"groups": {"count": "sum", "max": "max", "first": "min"}, "bins": COUNT_RULES}


def names_of(df: Any) -> "pd.DataFrame":
    """Return `count`, `first`, `last`, `lag_p50`, `lag_p95`, `longest_gap` by event name."""
    import pandas as pd

    columns = [*NAME, "received_at", "lag"]
    found = map_reduce(df, columns, _first_pass, _SUMMARY_RULES)
    ranks = Ranks(found["bins"], (0.5, 0.95))
    gaps = _longest(found["moments"])
    fine = _widths(gaps[gaps < _WIDE], found["groups"])
    rules = {"values": COUNT_RULES, "moments": _MOMENTS}
    second = map_reduce(df, columns, partial(_second_pass, bins=ranks.bins, widths=fine), rules)
    gaps = pd.concat([gaps, _longest(second["moments"])]).groupby(level=NAME).max()
    quantiles = ranks.quantiles(second["values"])
    table = found["groups"].assign(
        lag_p50=quantiles[0.5].reindex(found["groups"].index),
        lag_p95=quantiles[0.95].reindex(found["groups"].index),
        longest_gap=_durations(gaps, found["groups"]),
    )
    return unnamed(table.reset_index(), NAME)


def lags_of(df: Any, step: "pd.Timedelta | None", shares: tuple[int, ...]) -> "pd.DataFrame":
    """Return `count`, `max`, `first` arrival and `p50` … by interval of `step`, or in all."""
    columns = ["received_at", "lag"]
    found = map_reduce(df, columns, partial(_lag_bins, step=step), _LAG_RULES)
    ranks = Ranks(found["bins"], [share / 100 for share in shares])
    collect = partial(_lag_values, step=step, bins=ranks.bins)
    values = map_reduce(df, columns, collect, {"values": COUNT_RULES})["values"]
    quantiles = ranks.quantiles(values).reindex(found["groups"].index)
    return found["groups"].assign(**{f"p{share}": quantiles[share / 100] for share in shares})


def _first_pass(events: "pd.DataFrame") -> Tables:
    keys = named(events, NAME)
    groups = keys.assign(at=events["received_at"]).groupby(NAME, sort=False)
    table = groups.agg(
        count=("at", "size"), known=("at", "count"), first=("at", "min"), last=("at", "max")
    )
    moments = _extremes(keys, events["received_at"], _WIDE)
    return {"groups": table, "bins": lag_bins(keys, events["lag"]), "moments": moments}


def _second_pass(events: "pd.DataFrame", bins: "pd.DataFrame", widths: "pd.Series[Any]") -> Tables:
    keys = named(events, NAME)
    values = lag_values(keys, events["lag"], bins)
    fine = keys.join(widths.rename("width"), on=NAME)["width"]
    unsure = fine.notna()
    times = events.loc[unsure, "received_at"]
    moments = _extremes(keys[unsure], times, fine[unsure].astype("int64"))
    return {"values": values, "moments": moments}


def _lag_bins(events: "pd.DataFrame", step: "pd.Timedelta | None") -> Tables:
    known, keys = _by_interval(events, step)
    seconds = known["lag"].dt.total_seconds()
    table = keys.assign(lag=seconds, at_first=known["received_at"])
    groups = table.groupby("at", sort=False).agg(
        count=("lag", "count"), max=("lag", "max"), first=("at_first", "min")
    )
    return {"groups": groups, "bins": lag_bins(keys, known["lag"])}


def _lag_values(
    events: "pd.DataFrame", step: "pd.Timedelta | None", bins: "pd.DataFrame"
) -> Tables:
    known, keys = _by_interval(events, step)
    return {"values": lag_values(keys, known["lag"], bins)}


def _by_interval(
    events: "pd.DataFrame", step: "pd.Timedelta | None"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    import pandas as pd

    known = events[events["received_at"].notna()]
    if step is not None:
        return known, counted_from(known["received_at"], step).to_frame("at")
    return known, pd.DataFrame({"at": pd.Timestamp(0, tz="UTC").as_unit("us")}, index=known.index)


def _extremes(
    keys: "pd.DataFrame", times: "pd.Series[Any]", width: "int | pd.Series[Any]"
) -> "pd.DataFrame":
    """Return the first and last moment of each stretch; no longer gap is within one."""
    known = times.notna()
    at = times[known].astype("datetime64[us, UTC]").astype("int64")
    stretch = at // (width if isinstance(width, int) else width[known])
    table = keys[known].assign(stretch=stretch, at=at)
    groups = table.groupby([*NAME, "stretch"], sort=False)
    return groups.agg(low=("at", "min"), high=("at", "max"))


def _longest(moments: "pd.DataFrame") -> "pd.Series[Any]":
    """Return the longest gap between stretches by name; 0 for a single stretch."""
    table = moments.reset_index().sort_values([*NAME, "stretch"], ignore_index=True)
    before = table.groupby(NAME, sort=False)["high"].shift()
    gap = (table["low"] - before).fillna(0).astype("int64")
    return gap.groupby([table[key] for key in NAME]).max()


def _widths(gaps: "pd.Series[Any]", groups: "pd.DataFrame") -> "pd.Series[Any]":
    """Return the widest stretches for the second pass that cannot hide the longest gap.

    The longest gap is at least the mean one, and at least the one found so far.
    """
    chosen = groups.loc[gaps.index]
    span = (chosen["last"] - chosen["first"]).astype("timedelta64[us]").astype("int64")
    mean = span // (chosen["known"] - 1).clip(lower=1)
    return gaps.clip(lower=mean).clip(lower=1)


def _durations(gaps: "pd.Series[Any]", groups: "pd.DataFrame") -> "pd.Series[Any]":
    """Return the gaps as timedelta64[us]; NaT for a name without two known moments."""
    import pandas as pd

    found = gaps.reindex(groups.index).fillna(0).astype("int64").to_numpy()
    lengths = pd.Series(found.view("timedelta64[us]"), index=groups.index)
    return lengths.where(groups["known"] > 1)
