"""The figure all plots share: colours, title, axes of time and of counts."""

from io import BytesIO
from typing import Any

from matplotlib import dates, figure
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from bxpull_nb.analysis import Span
from bxpull_nb.analysis.plots.colours import GREY

__all__ = [
    *["BACKGROUND", "INK", "Figure", "count", "count_axis", "span_text"],
    *["empty_figure", "new_figure", "set_literal", "utc_axis"],
]

BACKGROUND = "#ffffff"
INK = "#737373"  # read on white and on black: a notebook may have a dark theme

_DPI = 100
_BELOW = ["UTC", "%Y UTC", "%B %Y UTC", *["%d %B %Y UTC"] * 2, "%d %B %Y %H:%M UTC"]
"""Text below an axis whose ticks are years, months, days, hours, minutes or seconds."""
_LONGEST = 32  # characters of a name from an event


class Figure(figure.Figure):
    """A matplotlib figure that IPython shows without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the picture at twice the resolution, and its size on the page.

        Its background is the page's own.
        """
        file = BytesIO()
        self.savefig(file, format="png", dpi=2 * _DPI, transparent=True)
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": int(width * _DPI), "height": int(height * _DPI)}


def new_figure(title: str, subtitle: str) -> tuple[Figure, Axes]:
    """Return a figure with a title and a line below it, and its axes."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    drawing = Figure(figsize=(9, 3.6), dpi=_DPI, facecolor=BACKGROUND, layout=layout)
    FigureCanvasAgg(drawing)
    axes = drawing.add_subplot()
    axes.set_title(f"{title}\n", loc="left", fontsize=13, fontweight="bold", color=INK)
    axes.annotate(
        subtitle,
        (0, 1),
        xytext=(0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9.5,
        color=INK,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=GREY)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    return drawing, axes


def empty_figure(title: str, reason: str) -> Figure:
    """Return a figure that shows only why nothing can be drawn."""
    drawing, axes = new_figure(title, "")
    axes.spines["bottom"].set_visible(False)
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, reason, ha="center", va="center", fontsize=11, color=GREY)
    return drawing


def utc_axis(axes: Axes) -> None:
    """Set the ticks of the x axis to times in UTC, with each new day."""
    locator = dates.AutoDateLocator(tz="UTC", minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(locator, tz="UTC", offset_formats=_BELOW)  # type: ignore[no-untyped-call]
    )
    axes.xaxis.get_offset_text().set(fontsize=9, color=INK)


def count_axis(axes: Axes) -> None:
    """Set the ticks of the y axis to whole, round numbers, with faint lines."""
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GREY, alpha=0.3, linewidth=0.8)


def count(number: int, noun: str) -> str:
    """Return the number and its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def span_text(span: Span) -> str:
    """Return the duration in its two largest units."""
    import pandas as pd

    parts = pd.Timedelta(span).components
    units = zip(parts, ("d", "h", "min", "s"), strict=False)
    texts = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(texts[:2]) or f"{pd.Timedelta(span).total_seconds():g} s"


def set_literal(text: Text, name: Any) -> Text:
    """Show a name from an event without markup and line breaks, cut to 32 characters."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(name))
    text.set_text(shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…")
    text.set_parse_math(False)
    return text
