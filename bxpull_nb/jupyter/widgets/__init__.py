"""The control panel and the live views: they read and never write."""

from bxpull_nb.jupyter.widgets.explorer import Explorer
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.rate_chart import RateChart

__all__ = ["Explorer", "LiveTable", "RateChart"]
