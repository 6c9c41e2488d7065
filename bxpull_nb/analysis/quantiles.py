"""Exact quantiles of a lag, by group, over parts that are never in one place.

The first pass counts all lags in bins of 1.6 % width, which shows the bins of the wanted ranks.
The second collects the lags in those bins only, equal ones as one row with a count. The figures
equal those of pandas.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COUNT_RULES", "Ranks", "lag_bins", "lag_values"]

COUNT_RULES = {"n": "sum"}
_FINE = 46  # of the 52 bits of a float's fraction: 6 stay, 64 bins between 2**n and 2**(n+1)


def lag_bins(keys: "pd.DataFrame", lag: "pd.Series[Any]") -> "pd.DataFrame":
    """Return the number of lags (`n`) by key and `bin`; missing ones are not counted."""
    return _counted(keys, lag, keep=None)


def lag_values(keys: "pd.DataFrame", lag: "pd.Series[Any]", keep: "pd.DataFrame") -> "pd.DataFrame":
    """Return the number of lags (`n`) by key and `value` (microseconds) within `keep`."""
    return _counted(keys, lag, keep=keep)


class Ranks:
    """The ranks of each group's quantiles, found in the table of its bins."""

    def __init__(self, bins: "pd.DataFrame", shares: Sequence[float]) -> None:
        self._keys = [str(name) for name in bins.index.names[:-1]]
        self._shares = shares
        table = bins.reset_index().sort_values([*self._keys, "bin"], ignore_index=True)
        groups = table.groupby(self._keys, sort=True)["n"].sum()
        self._groups = groups.index
        sizes = groups.to_numpy(dtype="int64")
        places = np.array(shares)[None, :] * (sizes[:, None] - 1)
        self._low = np.floor(places).astype("int64")
        self._fraction = places - self._low
        self._start = (np.cumsum(sizes) - sizes)[:, None]
        high = self._low + (self._fraction > 0)
        self._wanted = np.stack([self._low, high]) + self._start  # ranks over all groups
        self._ends = np.cumsum(table["n"].to_numpy(dtype="int64"))
        rows = np.unique(np.searchsorted(self._ends, self._wanted, side="right"))
        self._bins = table.iloc[rows]

    @property
    def bins(self) -> "pd.DataFrame":
        """The bins that hold the wanted ranks: keys and `bin`."""
        return self._bins[[*self._keys, "bin"]]

    def quantiles(self, values: "pd.DataFrame") -> "pd.DataFrame":
        """Return the quantiles in seconds, from the lags in those bins, by group."""
        import pandas as pd

        if not len(self._groups):
            return pd.DataFrame(index=self._groups, columns=list(self._shares), dtype="float64")
        before = pd.Series(self._ends - np.diff(self._ends, prepend=0)).iloc[self._bins.index]
        known = self._bins[[*self._keys, "bin"]].assign(before=before.to_numpy())
        table = values.reset_index().merge(known, on=[*self._keys, "bin"])
        table = table.sort_values([*self._keys, "value"], ignore_index=True)
        within = table.groupby([*self._keys, "bin"], sort=False)["n"].cumsum()
        ends = (table["before"] + within).to_numpy()
        at = np.searchsorted(ends, self._wanted, side="right")
        seconds = _seconds(table["value"].to_numpy(dtype="int64"))
        low, high = seconds[at[0]], seconds[at[1]]
        found = np.where(self._fraction > 0, low + (high - low) * self._fraction, low)
        return pd.DataFrame(found, index=self._groups, columns=list(self._shares))


def _counted(
    keys: "pd.DataFrame", lag: "pd.Series[Any]", keep: "pd.DataFrame | None"
) -> "pd.DataFrame":
    known = lag.notna().to_numpy()
    value = lag[known].astype("timedelta64[us]").astype("int64").to_numpy()
    table = keys[known].assign(bin=_bin(value))
    by = list(table.columns)
    if keep is not None:
        table = table.assign(value=value).merge(keep, on=by)
        by.append("value")
    return table.groupby(by, sort=False, observed=True).size().to_frame("n")


def _bin(value: np.ndarray) -> np.ndarray:
    """Return a number that grows with the value, in steps that grow with it too."""
    size = np.abs(value).astype("float64").view("int64") >> _FINE
    number: np.ndarray = np.where(value < 0, -size - 1, size)
    return number


def _seconds(value: np.ndarray) -> np.ndarray:
    import pandas as pd

    lag = pd.Series(value.view("timedelta64[us]"))
    seconds: np.ndarray = lag.dt.total_seconds().to_numpy()
    return seconds
