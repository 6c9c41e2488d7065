"""How long events were on their way."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bxpull_nb.analysis.plots.figure import COLOURS, INK, Figure, blank, count, count_axis, sheet
from bxpull_nb.models.dataframes import needs_pandas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["lag"]

_BINS = 60
_SHARES = (50, 95, 99)


def lag(df: "pd.DataFrame") -> Figure:
    """How the lags of the events are spread, with the median and the 95th and 99th percentile.

    The axis is logarithmic, unless there are lags of nothing or less, as a portal's clock ahead
    of this machine's gives them: then it is linear, and shows the middle 99 %.
    """
    needs_pandas(df, "plots.lag()")
    seconds = df["lag"].dropna().dt.total_seconds().to_numpy()
    if not len(seconds):
        return blank("Lag", "No event has a lag yet.")
    positive = bool(seconds.min() > 0)
    said = f"{count(len(seconds), 'event')}, from the portal's clock to this machine's"
    paper, axes = sheet("Lag", said if positive else f"{said}; below 0: the clocks differ")
    edges = _log_edges(seconds) if positive else _edges(seconds)
    axes.hist(seconds, edges, color=COLOURS[0], linewidth=0)
    axes.set_xscale("log" if positive else "linear")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, axes.get_ylim()[1] * 1.2)  # room for the names of the lines
    axes.set_ylabel("events", fontsize=9, color=INK)
    count_axis(axes)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _words(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    if positive and edges[-1] < 1000 * edges[0]:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    _draw_shares(axes, seconds)
    return paper


def _log_edges(seconds: np.ndarray) -> Any:
    low, high = np.log10([seconds.min(), seconds.max()])
    room = max((high - low) * 0.02, 0.15)
    return np.logspace(low - room, high + room, _BINS + 1)


def _edges(seconds: np.ndarray) -> Any:
    low, high = np.quantile(seconds, [0.005, 0.995])
    room = max((high - low) * 0.02, 0.001)
    return np.linspace(low - room, high + room, _BINS + 1)


def _draw_shares(axes: Axes, seconds: np.ndarray) -> None:
    """A line a percentile; their names on steps, since the lines may be close together."""
    for row, share in enumerate(_SHARES):
        value = float(np.quantile(seconds, share / 100))
        axes.axvline(value, ymax=0.97 - 0.06 * row, color=INK, linewidth=1, linestyle=(0, (4, 2)))
        axes.annotate(
            f" p{share}  {_words(value)}",
            (value, 0.97 - 0.06 * row),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=9,
            color=INK,
        )


def _words(seconds: float) -> str:
    """Three digits in the unit people would choose."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if abs(seconds) >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs" if seconds else "0"
