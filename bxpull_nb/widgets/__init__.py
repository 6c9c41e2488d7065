"""The control panel and the live views: they read and never write."""

from bxpull_nb.widgets.explorer import Explorer
from bxpull_nb.widgets.live_table import LiveTable

__all__ = ["Explorer", "LiveTable"]
