"""The figure all plots are drawn on: paper, ink, colours, axes of time."""

from io import BytesIO
from typing import Any

from matplotlib import dates, figure
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from bxpull_nb.analysis import Span

__all__ = [
    *["COLOURS", "GREY", "INK", "PAPER", "Figure", "blank", "count", "count_axis", "literal"],
    *["sheet", "spoken", "utc_axis"],
]

PAPER = "#ffffff"
INK = "#333333"
GREY = "#8c8c8c"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""Okabe and Ito's, told apart by colour-blind people; the faintest, yellow, comes last."""

_DPI = 100
_BELOW = ["UTC", "%Y UTC", "%B %Y UTC", *["%d %B %Y UTC"] * 2, "%d %B %Y %H:%M UTC"]
"""What stands below an axis whose ticks are years, months, days, hours, minutes, seconds."""
_LONGEST = 32  # characters of a name from an event


class Figure(figure.Figure):
    """A matplotlib figure that IPython shows without pyplot."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """The picture at twice the resolution, and the size to show it in."""
        file = BytesIO()
        self.savefig(file, format="png", dpi=2 * _DPI)
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": int(width * _DPI), "height": int(height * _DPI)}


def sheet(title: str, said: str, height: float = 3.6) -> tuple[Figure, Axes]:
    """An empty sheet with a title, a line below it that says what is seen, and axes."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    paper = Figure(figsize=(9, height), dpi=_DPI, facecolor=PAPER, layout=layout)
    FigureCanvasAgg(paper)
    axes = paper.add_subplot()
    axes.set_title(f"{title}\n", loc="left", fontsize=13, fontweight="bold", color=INK)
    axes.annotate(
        said,
        (0, 1),
        xytext=(0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=9.5,
        color="#666666",
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9, length=3, color=GREY)
    axes.tick_params(axis="y", length=0)
    axes.set_axisbelow(True)
    return paper, axes


def blank(title: str, why: str) -> Figure:
    """A sheet that says why there is nothing to see."""
    paper, axes = sheet(title, "")
    axes.spines["bottom"].set_visible(False)
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, why, ha="center", va="center", fontsize=11, color=GREY)
    return paper


def utc_axis(axes: Axes) -> None:
    """Ticks of the x axis as times in UTC, the day written where it changes."""
    locator = dates.AutoDateLocator(tz="UTC", minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(locator, tz="UTC", offset_formats=_BELOW)  # type: ignore[no-untyped-call]
    )
    axes.xaxis.get_offset_text().set(fontsize=9, color=INK)


def count_axis(axes: Axes) -> None:
    """Ticks of the y axis at whole, round numbers, with faint lines."""
    axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)


def count(number: int, what: str) -> str:
    """The number and its noun."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def spoken(span: Span) -> str:
    """A duration as people say it, by its two largest units."""
    import pandas as pd

    parts = pd.Timedelta(span).components
    named = zip(parts, ("d", "h", "min", "s"), strict=False)
    said = [f"{number} {unit}" for number, unit in named if number]
    return " ".join(said[:2]) or f"{pd.Timedelta(span).total_seconds():g} s"


def literal(text: Text, name: Any) -> Text:
    """The text showing a name from an event as it is: no markup, no line breaks, not too long."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(name))
    text.set_text(shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…")
    text.set_parse_math(False)
    return text
