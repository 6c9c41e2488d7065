"""What happened to the capture, in the panel: the log, the flags in the views, and after a mark."""

import time
from collections.abc import Callable

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets import html
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.rate_chart import RateChart
from bxpull_nb.models import LogEntry

__all__ = ["ActivityView"]

_SHOWN = 100
_AFTER_EVERY = 1.0  # seconds: grouping a long capture costs some milliseconds
_BREAKS = {"lost", "retried"}


class ActivityView:
    """Follows a feed's logbook: every entry once, in the log, the chart and the table."""

    def __init__(
        self,
        feed: Feed,
        chart: RateChart,
        table: LiveTable,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.log = ipw.HTML(html.happenings([]))
        self.after = ipw.HTML(html.message("Press Mark, then do something in the portal."))
        self.marks = 0
        self._feed = feed
        self._chart = chart
        self._table = table
        self._monotonic = monotonic
        self._told = 0
        self._label = ""
        self._grouped_at = float("-inf")
        self._broken: dict[str | None, int] = {}

    def paint(self) -> None:
        """Tell what is new."""
        logbook = self._feed.logbook
        if len(logbook) > self._told:
            fresh = logbook.recent(self._told)
            self._told += len(fresh)
            for happening in fresh:
                self._take(happening)
            self.log.value = html.happenings(logbook.recent(len(logbook) - _SHOWN))
        if self._label and self._monotonic() - self._grouped_at >= _AFTER_EVERY:
            self._grouped_at = self._monotonic()
            self.after.value = html.after_mark(self._label, self._feed.since(self._label))

    def _take(self, happening: LogEntry) -> None:
        if happening.kind == "marked":
            self.marks += 1
            self._label, self._grouped_at = happening.text, float("-inf")
            self._chart.flag(happening.at_us, happening.text)
            self._table.flag(happening.count or 0, happening.text)
        elif happening.kind in _BREAKS and happening.channel not in self._broken:
            self._broken[happening.channel] = happening.at_us
            self._chart.shade(happening.at_us, None, f"{happening.channel}: no connection")
        elif happening.kind == "connected" and happening.channel in self._broken:
            begun = self._broken.pop(happening.channel)
            self._chart.shade(begun, happening.at_us, f"{happening.channel}: no connection")
