"""Figures of a capture: a DataFrame in, a matplotlib `Figure` out.

Every function takes a DataFrame with the columns of `EVENT_COLUMNS` and gives a figure that
shows itself as the value of a cell, and is written by `figure.savefig("rate.png")` or `.svg`.
Figures are made without pyplot: nothing global is read or changed, and no window opens. Times
are UTC. A frame without events gives a figure that says so.
"""

from bxpull_nb.analysis.plots.figure import Figure
from bxpull_nb.analysis.plots.hours import hours
from bxpull_nb.analysis.plots.lag import lag
from bxpull_nb.analysis.plots.timeline import gaps, rate

__all__ = ["Figure", "gaps", "hours", "lag", "rate"]
