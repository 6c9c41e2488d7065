"""Distribution of the lag."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bxpull_nb.analysis.plots.colours import COLOURS
from bxpull_nb.analysis.plots.figure import (
    INK,
    Figure,
    count,
    count_axis,
    empty_figure,
    new_figure,
)
from bxpull_nb.models.dataframes import event_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lag"]

_BINS = 60
_SHARES = (50, 95, 99)


def lag(df: "pd.DataFrame") -> Figure:
    """Draw how the lags are distributed, with the median and the 95th and 99th percentile.

    The axis is logarithmic. With lags of zero or less, which a portal's clock ahead of this
    machine's causes, it is linear and shows the middle 99 %.

    >>> bx.plots.lag(feed.df)
    """
    seconds = (
        event_columns(df, ["lag"], "plots.lag()")["lag"].dropna().dt.total_seconds().to_numpy()
    )
    if not len(seconds):
        return empty_figure("Lag", "No event has a lag yet.")
    positive = bool(seconds.min() > 0)
    clocks = "" if positive else "; below 0: the clocks differ"
    subtitle = f"{count(len(seconds), 'event')}, from the portal's clock to this machine's{clocks}"
    drawing, axes = new_figure("Lag", subtitle)
    edges = _log_edges(seconds) if positive else _edges(seconds)
    axes.hist(seconds, edges, color=COLOURS[0], linewidth=0)
    axes.set_xscale("log" if positive else "linear")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the names of the lines
    axes.set_ylabel("events", fontsize=9, color=INK)
    count_axis(axes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _lag_text(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    if positive and edges[-1] < 1000 * edges[0]:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _draw_shares(axes, seconds)
    return drawing


def _log_edges(seconds: np.ndarray) -> Any:
    low, high = np.log10([seconds.min(), seconds.max()])
    margin = max((high - low) * 0.02, 0.15)
    return np.logspace(low - margin, high + margin, _BINS + 1)


def _edges(seconds: np.ndarray) -> Any:
    low, high = np.quantile(seconds, [0.005, 0.995])
    margin = max((high - low) * 0.02, 0.001)
    return np.linspace(low - margin, high + margin, _BINS + 1)


def _draw_shares(axes: Axes, seconds: np.ndarray) -> None:
    """Draw a line for each percentile, its name on a step of its own."""
    for row, share in enumerate(_SHARES):
        value = float(np.quantile(seconds, share / 100))
        axes.axvline(value, ymax=0.97 - 0.06 * row, color=INK, linewidth=1, linestyle=(0, (4, 2)))
        axes.annotate(
            f" p{share}  {_lag_text(value)}",
            (value, 0.97 - 0.06 * row),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=9,
            color=INK,
        )


def _lag_text(seconds: float) -> str:
    """Return three digits in a fitting unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs" if seconds else "0"
