"""Figures of a capture: a DataFrame in, a matplotlib `Figure` out.

Every function takes a DataFrame with the columns of `EVENT_COLUMNS` and returns a figure. It is
drawn as the value of a cell; `figure.savefig("rate.png")` or `.svg` writes it. Figures are made
without pyplot: nothing global is read or changed, and no window opens. Times are UTC. Without
events the figure holds one sentence instead.
"""

from bxpull_nb.analysis.plots.figure import Figure
from bxpull_nb.analysis.plots.hours import hours
from bxpull_nb.analysis.plots.lag import lag
from bxpull_nb.analysis.plots.timeline import gaps, rate

__all__ = ["Figure", "gaps", "hours", "lag", "rate"]
