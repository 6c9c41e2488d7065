"""Events by hour and day of the week."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from bxpull_nb.analysis.plots.figure import (
    BACKGROUND,
    Figure,
    empty_figure,
    new_figure,
    span_text,
)
from bxpull_nb.models.dataframes import event_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hours"]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def hours(df: "pd.DataFrame") -> Figure:
    """Draw the number of events by hour and day of the week, UTC.

    Each cell has its count, darker for more; empty ones stay white.

    >>> bx.plots.hours(feed.df)
    """
    times = event_columns(df, ["received_at"], "plots.hours()")["received_at"].dropna()
    if times.empty:
        return empty_figure("Hours of the week", "No events yet.")
    counts = np.zeros((7, 24), dtype="int64")
    np.add.at(counts, (times.dt.day_of_week.to_numpy(), times.dt.hour.to_numpy()), 1)
    drawing, axes = new_figure(
        "Hours of the week",
        f"events by hour, UTC; the events span {span_text(times.max() - times.min())}",
    )
    axes.imshow(
        np.ma.masked_equal(counts, 0), cmap="Blues", aspect="auto", vmin=0, vmax=counts.max()
    )
    _write_counts(axes, counts)
    axes.set_yticks(range(7), _DAYS)
    axes.set_xticks(range(24), [f"{hour:02}" for hour in range(24)])
    axes.tick_params(length=0)
    axes.spines["bottom"].set_visible(False)
    _separate_cells(axes)
    return drawing


def _write_counts(axes: Axes, counts: np.ndarray) -> None:
    for day, hour in zip(*np.nonzero(counts), strict=True):
        count = int(counts[day, hour])
        dark = count > 0.55 * counts.max()
        axes.text(
            hour,
            day,
            _short(count),
            ha="center",
            va="center",
            fontsize=7.5,
            color=BACKGROUND if dark else "#333333",  # on the pale cell
        )


def _separate_cells(axes: Axes) -> None:
    axes.set_xticks(np.arange(-0.5, 24), minor=True)
    axes.set_yticks(np.arange(-0.5, 7), minor=True)
    axes.grid(which="minor", color="#f0f0f0", linewidth=1)
    axes.tick_params(which="minor", length=0)


def _short(count: int) -> str:
    """Return the count in at most four characters."""
    for unit, size in (("M", 1_000_000), ("k", 1000)):
        if count >= size:
            return f"{count / size:.2g}{unit}" if count < 10 * size else f"{count // size}{unit}"
    return str(count)
