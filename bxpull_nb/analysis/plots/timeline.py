"""Events over time: how many, and where there were none."""

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bxpull_nb import analysis
from bxpull_nb.analysis import Span
from bxpull_nb.analysis.plots.figure import (
    COLOURS,
    GREY,
    INK,
    Figure,
    blank,
    count,
    count_axis,
    literal,
    sheet,
    spoken,
    utc_axis,
)
from bxpull_nb.models.dataframes import needs_pandas

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gaps", "rate"]

_BARS = 120
_FEW = 10  # bars there is room for at least
_ROW = 0.09  # the part of the axes' height that a kind of happening takes
_STEPS = ("1s", "5s", "10s", "30s", "1min", "5min", "10min", "30min", "1h", "6h", "1D", "7D", "30D")
_LABELLED = 5
_EMPTY = "No events yet."


def rate(df: "pd.DataFrame", by: str | None = "command", every: Span | None = None) -> Figure:
    """How many events came when: bars stacked by the values of a column.

    `every` is the width of a bar, chosen to give about a hundred when left out. The seven most
    frequent values have a colour each, in the legend's order from the bottom; the others share
    grey. `by=None` does not stack. Raises SettingsError as `analysis.rates` does.
    """
    needs_pandas(df, "plots.rate()")
    if df["received_at"].notna().sum() == 0:
        return blank("Events over time", _EMPTY)
    step = every or _step(df)
    table = _most(analysis.rates(df, step, by))
    paper, axes = sheet("Events over time", f"events per {spoken(step)}")
    _stack(axes, table, step)
    count_axis(axes)
    utc_axis(axes)
    if by is not None:
        _legend(axes, table)
    return paper


def gaps(
    df: "pd.DataFrame", happenings: "pd.DataFrame | None" = None, longer_than: Span = "30s"
) -> Figure:
    """Where nothing came for longer than `longer_than`: shaded, the longest with their length.

    `happenings` is a frame with the columns `at` (datetime64, UTC) and `kind` (str), a
    reconnect, say: each is a mark above the bars, one row a kind, so that a lost connection is
    told from a quiet portal.
    """
    needs_pandas(df, "plots.gaps()")
    if df["received_at"].notna().sum() == 0:
        return blank("Gaps between events", _EMPTY)
    table, step = analysis.gaps(df, longer_than), _step(df)
    lost = table["length"].dt.total_seconds().sum()
    share = lost / _span(df).total_seconds() if lost else 0.0
    said = f"{count(len(table), 'gap')} of more than {spoken(longer_than)}, {share:.0%} of the time"
    paper, axes = sheet("Gaps between events", said)
    _stack(axes, analysis.rates(df, step, by=None), step, colours=("#9ecae1",))
    count_axis(axes)
    axes.set_ylabel(f"events per {spoken(step)}", fontsize=9, color=INK)
    for start, end in zip(_days(table["start"]), _days(table["end"]), strict=True):
        axes.axvspan(start, end, color="#d55e00", alpha=0.22, linewidth=0)
    _name_gaps(axes, table, below=_mark(axes, happenings))
    utc_axis(axes)
    return paper


def _stack(axes: Axes, table: "pd.DataFrame", step: Span, colours: Any = None) -> None:
    import pandas as pd

    width = pd.Timedelta(step) / pd.Timedelta("1D")
    left, floor = _days(table.index), np.zeros(len(table))
    for name, colour in zip(table.columns, colours or (*COLOURS, GREY), strict=False):
        axes.bar(left, table[name], width, floor, align="edge", color=colour, linewidth=0)
        floor = floor + table[name].to_numpy()
    axes.set_xlim(left[0], left[0] + width * max(len(left), _FEW))
    axes.set_ylim(0, max(floor.max(), 1) * 1.08)


def _legend(axes: Axes, table: "pd.DataFrame") -> None:
    colours = (*COLOURS, GREY)
    swatches = [Patch(color=colour) for colour in colours[: table.shape[1]]]
    box = axes.legend(
        swatches[::-1],
        ["name"] * len(swatches),  # a name of an event may mean something to matplotlib
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=1,
        handleheight=1,
    )
    for text, name in zip(box.get_texts(), table.columns[::-1], strict=True):
        literal(text, name)


def _most(table: "pd.DataFrame") -> "pd.DataFrame":
    """The most frequent columns as they are, the others summed up behind them."""
    kept = len(COLOURS)
    if table.shape[1] <= kept + 1:
        return table
    rest = table.iloc[:, kept:]
    return table.iloc[:, :kept].assign(**{f"{rest.shape[1]} others": rest.sum(axis=1)})


def _name_gaps(axes: Axes, table: "pd.DataFrame", below: float) -> None:
    longest = table.nlargest(_LABELLED, "length")
    middles = _days(longest["start"] + longest["length"] / 2)
    for middle, length in zip(middles, longest["length"], strict=True):
        axes.annotate(
            spoken(length),
            (middle, below - 0.03),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=8.5,
            color="#8a3c00",
        )


def _mark(axes: Axes, happenings: "pd.DataFrame | None") -> float:
    """The part of the axes' height that is left below the marks."""
    if happenings is None or happenings.empty:
        return 1.0
    kinds = happenings["kind"].astype("str")
    rows = dict(zip(kinds.unique(), np.arange(0.5, kinds.nunique()), strict=True))
    below = 1 - _ROW * len(rows)
    axes.set_ylim(0, axes.get_ylim()[1] / below)
    marks = axes.get_xaxis_transform()
    for (kind, row), shape in zip(rows.items(), cycle("v^sDoP*"), strict=False):
        times, height = _days(happenings.loc[kinds == kind, "at"]), 1 - _ROW * row
        style: Any = {"color": INK, "marker": shape, "ms": 6, "linestyle": "", "clip_on": False}
        axes.plot(times, np.full(len(times), height), transform=marks, **style)
        axes.plot([1.015], [height], transform=axes.transAxes, **style)
        name = axes.annotate("", (1.03, height), xycoords="axes fraction", va="center")
        literal(name, kind).set(fontsize=9, color=INK)
    return below


def _days(times: Any) -> np.ndarray:
    """Times as matplotlib counts them."""
    return np.asarray(dates.date2num(times), dtype="float64")  # type: ignore[no-untyped-call]


def _span(df: "pd.DataFrame") -> "pd.Timedelta":
    span: pd.Timedelta = df["received_at"].max() - df["received_at"].min()
    return span


def _step(df: "pd.DataFrame") -> Span:
    """The width of a bar that gives at most a hundred or so."""
    import pandas as pd

    span = _span(df)
    return next((step for step in _STEPS if span / pd.Timedelta(step) <= _BARS), span / _BARS)
