"""Events over time: how many, and where there were none."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bxpull_nb import analysis
from bxpull_nb.analysis import Span
from bxpull_nb.plots.figure import COLOURS, GREY, INK, Figure, blank, literal, sheet, utc_axis

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["gaps", "rate"]

_BARS = 120
_STEPS = ("1s", "5s", "10s", "30s", "1min", "5min", "10min", "30min", "1h", "6h", "1D", "7D", "30D")
_LABELLED = 5
_EMPTY = "No events yet."


def rate(df: "pd.DataFrame", by: str | None = "command", every: Span | None = None) -> Figure:
    """How many events came when: bars stacked by the values of a column.

    `every` is the width of a bar, chosen to give about a hundred when left out. The seven most
    frequent values have a colour each, in the legend's order from the bottom; the others share
    grey. `by=None` does not stack. Raises SettingsError as `analysis.rates` does.
    """
    if df["received_at"].notna().sum() == 0:
        return blank("Events over time", _EMPTY)
    step = every or _step(df)
    table = _most(analysis.rates(df, step, by))
    paper, axes = sheet("Events over time", f"events per {_words(step)}")
    _stack(axes, table, step)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
    axes.yaxis.get_major_locator().set_params(integer=True)
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
    if df["received_at"].notna().sum() == 0:
        return blank("Gaps between events", _EMPTY)
    table, step = analysis.gaps(df, longer_than), _step(df)
    share = table["length"].sum() / _span(df) if len(table) else 0.0
    said = (
        f"{_count(len(table), 'gap')} of more than {_words(longer_than)}, {share:.0%} of the time"
    )
    paper, axes = sheet("Gaps between events", said)
    _stack(axes, analysis.rates(df, step, by=None), step, colours=("#9ecae1",))
    axes.set_ylabel(f"events per {_words(step)}", fontsize=9, color=INK)
    for start, end in zip(_days(table["start"]), _days(table["end"]), strict=True):
        axes.axvspan(start, end, color="#d55e00", alpha=0.22, linewidth=0)
    _name_gaps(axes, table)
    _mark(axes, happenings)
    utc_axis(axes)
    return paper


def _stack(axes: Axes, table: "pd.DataFrame", step: Span, colours: Any = None) -> None:
    import pandas as pd

    width = pd.Timedelta(step) / pd.Timedelta("1D")
    left, floor = _days(table.index), np.zeros(len(table))
    for name, colour in zip(table.columns, colours or (*COLOURS, GREY), strict=False):
        axes.bar(left, table[name], width, floor, align="edge", color=colour, linewidth=0)
        floor = floor + table[name].to_numpy()
    axes.set_xlim(left[0], left[-1] + width)
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


def _name_gaps(axes: Axes, table: "pd.DataFrame") -> None:
    longest = table.nlargest(_LABELLED, "length")
    middles = _days(longest["start"] + longest["length"] / 2)
    for middle, length in zip(middles, longest["length"], strict=True):
        axes.annotate(
            _words(length),
            (middle, 0.97),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            fontsize=8.5,
            color="#8a3c00",
        )


def _mark(axes: Axes, happenings: "pd.DataFrame | None") -> None:
    if happenings is None or happenings.empty:
        return
    kinds = happenings["kind"].astype("str").unique()
    axes.set_ylim(0, axes.get_ylim()[1] * (1 + 0.14 * len(kinds)))
    top = 1 - 0.06
    for row, kind in enumerate(kinds):
        times = _days(happenings.loc[happenings["kind"] == kind, "at"])
        height = np.full(len(times), top - 0.1 * row)
        axes.plot(
            times, height, "v^sDoP*"[row % 7], color=INK, ms=6, transform=axes.get_xaxis_transform()
        )
        name = axes.annotate("", (1.01, top - 0.1 * row), xycoords="axes fraction", va="center")
        literal(name, kind).set(fontsize=9, color=INK)


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


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _words(span: Span) -> str:
    """A duration as people say it, by its two largest units."""
    import pandas as pd

    parts = pd.Timedelta(span).components
    named = zip(parts, ("d", "h", "min", "s"), strict=False)
    said = [f"{number} {unit}" for number, unit in named if number]
    return " ".join(said[:2]) or f"{pd.Timedelta(span).total_seconds():g} s"
