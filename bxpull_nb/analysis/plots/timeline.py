"""Events over time: their rate, and the gaps between them."""

from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bxpull_nb import analysis
from bxpull_nb.analysis import Span
from bxpull_nb.analysis.plots.colours import COLOURS, colours_of
from bxpull_nb.analysis.plots.figure import (
    INK,
    Figure,
    count,
    count_axis,
    empty_figure,
    new_figure,
    set_literal,
    span_text,
    utc_axis,
)
from bxpull_nb.models.dataframes import event_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gaps", "rate"]

_BARS = 120
_FEW = 2  # bars that fit at least
_ROW = 0.09  # the part of the axes' height that a kind of log entry takes
_STEPS = (
    *("100ms", "500ms", "1s", "5s", "10s", "30s", "1min", "5min", "10min", "30min"),
    *("1h", "6h", "1D", "7D", "30D"),
)
_LABELLED = 5
_EMPTY = "No events yet."


def rate(df: "pd.DataFrame", by: str | None = "command", every: Span | None = None) -> Figure:
    """Draw the events over time as bars, stacked by the values of a column.

    `every` is the width of a bar; without it about a hundred bars are drawn. The seven most
    frequent values have a colour each, that of the panel's chart, in the legend's order from the
    bottom; the others share grey. `by=None` does not stack. Raises SettingsError as
    `analysis.rates` does.

    >>> bx.plots.rate(feed.df, by="command")
    """
    times = event_columns(df, ["received_at"], "plots.rate()")
    if times["received_at"].notna().sum() == 0:
        return empty_figure("Events over time", _EMPTY)
    step = _step(times) if every is None else every
    table = _most(analysis.rates(df, step, by))
    drawing, axes = new_figure("Events over time", f"events per {span_text(step)}")
    _stack(axes, table, step)
    count_axis(axes)
    utc_axis(axes)
    if by is not None:
        _legend(axes, table)
    return drawing


def gaps(
    df: "pd.DataFrame", happenings: "pd.DataFrame | None" = None, longer_than: Span = "30s"
) -> Figure:
    """Shade the times without an event for more than `longer_than`; the longest show their length.

    `happenings` is a table with the columns `at` (datetime64, UTC) and `kind` (str), such as
    `feed.logbook.df`: each entry becomes a mark above the bars, in a row for its kind. So a lost
    connection can be distinguished from a quiet portal.

    >>> bx.plots.gaps(feed.df, longer_than="30s", happenings=feed.logbook.df)
    """
    df = event_columns(df, ["received_at"], "plots.gaps()")
    if happenings is not None:
        happenings = event_columns(happenings, ["at", "kind"], "happenings of plots.gaps()")
    if df["received_at"].notna().sum() == 0:
        return empty_figure("Gaps between events", _EMPTY)
    table, step = analysis.gaps(df, longer_than), _step(df)
    lost = table["length"].dt.total_seconds().sum()
    share = lost / _span(df).total_seconds() if lost else 0.0
    gap_count = f"{count(len(table), 'gap')} of more than {span_text(longer_than)}"
    drawing, axes = new_figure("Gaps between events", f"{gap_count}, {share:.0%} of the time")
    _stack(axes, analysis.rates(df, step, by=None), step, colours=("#9ecae1",))
    count_axis(axes)
    axes.set_ylabel(f"events per {span_text(step)}", fontsize=9, color=INK)
    for start, end in zip(_days(table["start"]), _days(table["end"]), strict=True):
        axes.axvspan(start, end, color="#d55e00", alpha=0.22, linewidth=0)
    _name_gaps(axes, table, below=_mark(axes, happenings))
    utc_axis(axes)
    return drawing


def _stack(axes: Axes, table: "pd.DataFrame", step: Span, colours: Any = None) -> None:
    import pandas as pd

    width = pd.Timedelta(step) / pd.Timedelta("1D")
    left, floor = _days(table.index), np.zeros(len(table))
    for name, colour in zip(table.columns, colours or colours_of(list(table.columns)), strict=True):
        axes.bar(left, table[name], width, floor, align="edge", color=colour, linewidth=0)
        floor = floor + table[name].to_numpy()
    axes.set_xlim(left[0], left[0] + width * max(len(left), _FEW))
    axes.set_ylim(0, max(floor.max(), 1) * 1.08)


def _legend(axes: Axes, table: "pd.DataFrame") -> None:
    swatches = [Patch(color=colour) for colour in colours_of(list(table.columns))]
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
        set_literal(text, name)


def _most(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the most frequent columns, and after them the sum of the others."""
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
            span_text(length),
            (middle, below - 0.03),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=8.5,
            color="#b85c1a",
        )


def _mark(axes: Axes, log_entries: "pd.DataFrame | None") -> float:
    """Draw the entries as marks; return the part of the height below them."""
    if log_entries is None or log_entries.empty:
        return 1.0
    kinds = log_entries["kind"].astype("str")
    rows = dict(zip(kinds.unique(), np.arange(0.5, kinds.nunique()), strict=True))
    below = 1 - _ROW * len(rows)
    axes.set_ylim(0, axes.get_ylim()[1] / below)
    marks = axes.get_xaxis_transform()
    for (kind, row), shape in zip(rows.items(), cycle("v^sDoP*"), strict=False):
        times, height = _days(log_entries.loc[kinds == kind, "at"]), 1 - _ROW * row
        style: Any = {"color": INK, "marker": shape, "ms": 6, "linestyle": "", "clip_on": False}
        axes.plot(times, np.full(len(times), height), transform=marks, **style)
        axes.plot([1.015], [height], transform=axes.transAxes, **style)
        name = axes.annotate("", (1.03, height), xycoords="axes fraction", va="center")
        set_literal(name, kind).set(fontsize=9, color=INK)
    return below


def _days(times: Any) -> np.ndarray:
    """Return the times in the unit of matplotlib, days."""
    return np.asarray(dates.date2num(times), dtype="float64")  # type: ignore[no-untyped-call]


def _span(df: "pd.DataFrame") -> "pd.Timedelta":
    span: pd.Timedelta = df["received_at"].max() - df["received_at"].min()
    return span


def _step(df: "pd.DataFrame") -> Span:
    """Return a width that gives at most 120 bars."""
    import pandas as pd

    span = _span(df)
    return next((step for step in _STEPS if span / pd.Timedelta(step) <= _BARS), span / _BARS)
