"""`summary` and `lag` of a frame of Dask: the figures that pandas would give, in two passes."""

from functools import partial
from typing import TYPE_CHECKING, Any

from bxpull_nb.analysis.intervals import counted_from
from bxpull_nb.analysis.map_reduce import Tables, map_reduce, named, unnamed
from bxpull_nb.analysis.quantiles import LAG_RULES, VALUE_RULES, Ranks, lag_bins, lag_values

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lags_of", "names_of"]

_KEYS = ["module_id", "command"]
_WIDE = 600_000_000  # microseconds: the first look for the longest gap
_MOMENTS = {"low": "min", "high": "max"}
_SUMMARY_RULES = {
    "groups": {"count": "sum", "known": "sum", "first": "min", "last": "max"},
    "bins": LAG_RULES,
    "moments": _MOMENTS,
}
_LAG_RULES = {"groups": {"count": "sum", "max": "max", "first": "min"}, "bins": LAG_RULES}


def names_of(df: Any) -> "pd.DataFrame":
    """By event name: `count`, `first`, `last`, `lag_p50`, `lag_p95` and `longest_gap`."""
    import pandas as pd

    columns = [*_KEYS, "received_at", "lag"]
    found = map_reduce(df, columns, _first_look, _SUMMARY_RULES)
    ranks = Ranks(found["bins"], (0.5, 0.95))
    gaps = _longest(found["moments"])
    fine = _widths(gaps[gaps < _WIDE], found["groups"])
    rules = {"values": VALUE_RULES, "moments": _MOMENTS}
    second = map_reduce(df, columns, partial(_second_look, bins=ranks.bins, widths=fine), rules)
    gaps = pd.concat([gaps, _longest(second["moments"])]).groupby(level=_KEYS).max()
    quantiles = ranks.quantiles(second["values"])
    table = found["groups"].assign(
        lag_p50=quantiles[0.5].reindex(found["groups"].index),
        lag_p95=quantiles[0.95].reindex(found["groups"].index),
        longest_gap=_durations(gaps, found["groups"]),
    )
    return unnamed(table.reset_index(), _KEYS)


def lags_of(df: Any, step: "pd.Timedelta | None", shares: tuple[int, ...]) -> "pd.DataFrame":
    """By interval of `step`, or in all: `count`, `max`, `first` arrival, and `p50` … by share."""
    columns = ["received_at", "lag"]
    found = map_reduce(df, columns, partial(_lag_look, step=step), _LAG_RULES)
    ranks = Ranks(found["bins"], [share / 100 for share in shares])
    look = partial(_lag_values, step=step, bins=ranks.bins)
    values = map_reduce(df, columns, look, {"values": VALUE_RULES})["values"]
    quantiles = ranks.quantiles(values).reindex(found["groups"].index)
    return found["groups"].assign(**{f"p{share}": quantiles[share / 100] for share in shares})


def _first_look(frame: "pd.DataFrame") -> Tables:
    keys = named(frame, _KEYS)
    groups = keys.assign(at=frame["received_at"]).groupby(_KEYS, sort=False)
    table = groups.agg(
        count=("at", "size"), known=("at", "count"), first=("at", "min"), last=("at", "max")
    )
    moments = _extremes(keys, frame["received_at"], _WIDE)
    return {"groups": table, "bins": lag_bins(keys, frame["lag"]), "moments": moments}


def _second_look(frame: "pd.DataFrame", bins: "pd.DataFrame", widths: "pd.Series[Any]") -> Tables:
    keys = named(frame, _KEYS)
    values = lag_values(keys, frame["lag"], bins)
    fine = keys.join(widths.rename("width"), on=_KEYS)["width"]
    some = fine.notna()
    moments = _extremes(keys[some], frame.loc[some, "received_at"], fine[some].astype("int64"))
    return {"values": values, "moments": moments}


def _lag_look(frame: "pd.DataFrame", step: "pd.Timedelta | None") -> Tables:
    known, keys = _intervals(frame, step)
    seconds = known["lag"].dt.total_seconds()
    table = keys.assign(lag=seconds, at_first=known["received_at"])
    groups = table.groupby("at", sort=False).agg(
        count=("lag", "count"), max=("lag", "max"), first=("at_first", "min")
    )
    return {"groups": groups, "bins": lag_bins(keys, known["lag"])}


def _lag_values(frame: "pd.DataFrame", step: "pd.Timedelta | None", bins: "pd.DataFrame") -> Tables:
    known, keys = _intervals(frame, step)
    return {"values": lag_values(keys, known["lag"], bins)}


def _intervals(
    frame: "pd.DataFrame", step: "pd.Timedelta | None"
) -> "tuple[pd.DataFrame, pd.DataFrame]":
    import pandas as pd

    known = frame[frame["received_at"].notna()]
    if step is not None:
        return known, counted_from(known["received_at"], step).to_frame("at")
    return known, pd.DataFrame({"at": pd.Timestamp(0, tz="UTC").as_unit("us")}, index=known.index)


def _extremes(
    keys: "pd.DataFrame", times: "pd.Series[Any]", width: "int | pd.Series[Any]"
) -> "pd.DataFrame":
    """The first and the last moment in each stretch of `width`: no longer gap is within one."""
    known = times.notna()
    at = times[known].astype("datetime64[us, UTC]").astype("int64")
    stretch = at // (width if isinstance(width, int) else width[known])
    table = keys[known].assign(stretch=stretch, at=at)
    groups = table.groupby([*_KEYS, "stretch"], sort=False)
    return groups.agg(low=("at", "min"), high=("at", "max"))


def _longest(moments: "pd.DataFrame") -> "pd.Series[Any]":
    """The longest gap between stretches, by name; 0 where there is one stretch only."""
    table = moments.reset_index().sort_values([*_KEYS, "stretch"], ignore_index=True)
    before = table.groupby(_KEYS, sort=False)["high"].shift()
    gap = (table["low"] - before).fillna(0).astype("int64")
    return gap.groupby([table[key] for key in _KEYS]).max()


def _widths(gaps: "pd.Series[Any]", groups: "pd.DataFrame") -> "pd.Series[Any]":
    """Of stretches for a second look: as wide as can be without a longer gap within one.

    The longest gap is at least the mean one, and at least the one that was found.
    """
    some = groups.loc[gaps.index]
    span = (some["last"] - some["first"]).astype("timedelta64[us]").astype("int64")
    mean = span // (some["known"] - 1).clip(lower=1)
    return gaps.clip(lower=mean).clip(lower=1)


def _durations(gaps: "pd.Series[Any]", groups: "pd.DataFrame") -> "pd.Series[Any]":
    """As timedelta64[us]; NaT for a name without two known moments."""
    import pandas as pd

    found = gaps.reindex(groups.index).fillna(0).astype("int64").to_numpy()
    lengths = pd.Series(found.view("timedelta64[us]"), index=groups.index)
    return lengths.where(groups["known"] > 1)
