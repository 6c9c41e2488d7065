"""The activity log in the panel, with flags in the views and the events after a mark."""

import time
from collections.abc import Callable

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.controls import choice, shown
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.rate_chart import RateChart
from bxpull_nb.jupyter.widgets.streaming_view import MOST_FLAGS
from bxpull_nb.models import LogEntry

__all__ = ["ActivityView"]

_MOST_SHOWN = 100
_AFTER_EVERY = 1.0  # seconds: grouping a long capture costs some milliseconds
_BREAKS = {"lost", "retried"}
_DRIFT = {"new_command", "new_path", "type_changed", "silent", "rate_above"}


class ActivityView:
    """A view of a feed's activity log, as a list and in the chart and table."""

    def __init__(
        self,
        feed: Feed,
        chart: RateChart,
        table: LiveTable,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.log = ipw.HTML(status_html.log_entries([]))
        self.after = ipw.HTML(
            status_html.message("Press Mark, then do something that causes events.")
        )
        self.mark = choice("mark", [], width="260px", tooltip="The mark whose effects are shown")
        self.mark.observe(self._mark_chosen, "value")
        shown(self.mark, False)
        self.after_box = ipw.VBox([self.mark, self.after])
        self.marks = 0
        self._feed = feed
        self._chart = chart
        self._table = table
        self._monotonic = monotonic
        self._shown = 0
        self._label = ""
        self._grouped_at = float("-inf")
        self._broken: dict[str | None, int] = {}
        self._replaced = feed.log.replaced
        self._ahead: list[LogEntry] = []  # marks that a replay that went back has yet to reach

    def paint(self) -> None:
        """Show the new entries; a replay that went back shows marks as it comes to them."""
        logbook = self._feed.logbook
        if len(logbook) > self._shown:
            fresh = logbook.recent(self._shown)
            self._shown += len(fresh)
            for entry in fresh:
                self._add(entry)
            self.log.value = status_html.log_entries(logbook.recent(len(logbook) - _MOST_SHOWN))
        if self._replaced != self._feed.log.replaced:
            self._replaced = self._feed.log.replaced
            self._begin_again()
        self._flag_reached()
        if self._label and self._monotonic() - self._grouped_at >= _AFTER_EVERY:
            self._grouped_at = self._monotonic()
            self.after.value = status_html.after_mark(self._label, self._feed.since(self._label))

    def _offer(self, label: str) -> None:
        """Offer the mark and choose it: the newest is what was asked last."""
        others = [name for name in self.mark.options if name != label]
        self.mark.options = [label, *others][:MOST_FLAGS]
        self.mark.value = label
        shown(self.mark, len(self.mark.options) > 1)
        self._mark_chosen()

    def _mark_chosen(self, _change: object = None) -> None:
        self._label, self._grouped_at = self.mark.value or "", float("-inf")

    def _begin_again(self) -> None:
        """Have the views forget their flags, which are drawn when their row is reached."""
        self._chart.flush()
        self._table.flush()
        entries = self._feed.logbook.recent()
        self._ahead = [entry for entry in entries if entry.kind == "marked"]

    def _flag_reached(self) -> None:
        reached = [entry for entry in self._ahead if (entry.count or 0) <= len(self._feed)]
        self._ahead = [entry for entry in self._ahead if entry not in reached]
        for entry in reached:
            self._flag(entry)

    def _flag(self, entry: LogEntry) -> None:
        self._chart.flag(entry.at_us, entry.text)
        self._table.flag(entry.count or 0, entry.text)

    def _add(self, entry: LogEntry) -> None:
        if entry.kind == "marked":
            self.marks += 1
            self._offer(entry.text)
            self._flag(entry)
        elif entry.kind in _DRIFT:
            self._chart.flag(entry.at_us, entry.text.partition(" (")[0])
        elif entry.kind in _BREAKS and entry.channel not in self._broken:
            self._broken[entry.channel] = entry.at_us
            self._chart.shade(entry.at_us, None, f"{entry.channel}: no connection")
        elif entry.kind == "connected" and entry.channel in self._broken:
            begun = self._broken.pop(entry.channel)
            self._chart.shade(begun, entry.at_us, f"{entry.channel}: no connection")
