"""The parts of the panel and their places: without any behaviour."""

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.activity_view import ActivityView
from bxpull_nb.jupyter.widgets.config_card import ConfigCard
from bxpull_nb.jupyter.widgets.controls import Status, button, row, shown
from bxpull_nb.jupyter.widgets.event_detail import EventDetail
from bxpull_nb.jupyter.widgets.export_form import ExportForm
from bxpull_nb.jupyter.widgets.live_table import LiveTable
from bxpull_nb.jupyter.widgets.panel_page import PanelPage
from bxpull_nb.jupyter.widgets.question_tab import CatalogueTab, QueryTab, TraceTab
from bxpull_nb.jupyter.widgets.rate_chart import RateChart
from bxpull_nb.jupyter.widgets.replay_bar import ReplayBar
from bxpull_nb.jupyter.widgets.saved_picture import SavedPicture
from bxpull_nb.jupyter.widgets.send_form import SendForm
from bxpull_nb.jupyter.widgets.settings_row import SettingsRow
from bxpull_nb.jupyter.widgets.trouble_view import TroubleView
from bxpull_nb.portal import Portal

__all__ = ["EMPTY", "TABS", "PanelLayout"]

_QUIET = "No events yet: the portal is quiet. Send a test event below."
EMPTY = {
    "idle": "No events yet. Press Start.",
    "connecting": "Connecting …",
    "connected": _QUIET,
    "reconnecting": "No events yet, and the connection is lost. The next try follows soon.",
    "failed": "No events: the start failed. The error above has the next step.",
    "stopped": "No events were captured. Press Start to listen again.",
}
"""Text of the table without rows, by the state of the feed."""
_TABLE_HEIGHT = 342  # pixels: thirteen rows
_CHART_HEIGHT = 88
TABS = (
    "What happened",
    "After a mark",
    "Catalogue",
    "Trace",
    "Query",
    "Send a test event",
    "Export",
)


class PanelLayout(PanelPage):
    """The widgets of a panel; its subclass sets what is declared here before `_build`."""

    portal: Portal | None
    feed: Feed

    def _enable(self, enabled: bool) -> None:
        send = [] if self.send_form is None else [self.send_form.send_button]
        settings = [self.cache, self.reopen, self.channels, self.transport]
        buttons = [self.fetch_button, self.start_button, self.stop_button, self.mark_button]
        trouble = [self.trouble.retry_button, self.trouble.polling_button]
        trouble += [self.trouble.shared_button, self.trouble.doctor_button]
        trouble += [self.trouble.login.login_button]
        buttons += [self.settings.doctor_button, *trouble]
        for control in (*settings, *buttons, self.export.export_button, *send):
            control.disabled = not enabled

    def _build(self, picture: SavedPicture) -> None:
        feed = self.feed
        self.light, self.counters = ipw.HTML(), ipw.HTML()
        self.status = Status()
        self.trouble = TroubleView(self.portal, feed)
        self.error = self.trouble.error
        self.settings = SettingsRow(feed)
        self.cache, self.reopen = self.settings.cache, self.settings.reopen
        self.channels, self.transport = self.settings.channels, self.settings.transport
        self.fetch_button = self.settings.fetch_button
        self.replay_bar = ReplayBar(feed) if feed.replay else None
        start, stop = ("Play", "Pause") if self.replay_bar else ("Start", "Stop")
        self.start_button = button(start, "play", style="success")
        self.stop_button = button(stop, stop.lower())
        self.mark_button = button("Mark", "flag", tooltip="Note this moment: what follows from it?")
        self.mark_label = ipw.Text(
            placeholder="clicked Save",
            description="as",
            style={"description_width": "initial"},
            layout={"width": "150px"},
        )
        self.settings_button = ipw.ToggleButton(
            description="Settings",
            icon="cog",
            tooltip="What to listen to",
            layout={"width": "auto"},
        )
        self.config_card = ConfigCard()
        self.table = LiveTable(feed.log, empty=EMPTY["idle"], height=_TABLE_HEIGHT)
        self.chart = RateChart(feed.log, live=self.portal is not None, height=_CHART_HEIGHT)
        self.detail = EventDetail(self.portal.rest.auth.portal if self.portal else "https://PORTAL")
        self.activity = ActivityView(feed, self.chart, self.table)
        self.send_form = SendForm(self.portal, feed) if self.portal else None
        self.export = ExportForm(feed, self.table)
        self.catalogue, self.trace, self.query = CatalogueTab(feed), TraceTab(feed), QueryTab(feed)
        self.tabs = self._open_tabs()
        super().__init__(ipw.VBox(self._rows()), picture)

    def _rows(self) -> list[ipw.Widget]:
        """Return the panel's parts from top to bottom; the table comes as high up as it can."""
        title = ipw.HTML(status_html.headline(self.feed.name), layout={"flex": "0 1 auto"})
        gap = ipw.Box(layout={"flex": "1 1 0"})
        mark = ipw.HBox([self.mark_button, self.mark_label])
        actions = [self.start_button, self.stop_button, mark]
        settings = [self.settings_button] if self.portal else []
        self.table.layout.flex, self.table.layout.min_width = "3 1 480px", "0"
        self.detail.layout.flex, self.detail.layout.min_width = "1 1 300px", "0"
        self.config_card.layout.flex = "1 1 300px"
        self.config_card.layout.width, self.config_card.layout.min_width = "auto", "0"
        self.table.layout.width = self.detail.layout.width = "auto"
        shown(self.settings, False)
        shown(self.detail, False)
        events = row(self.table, self.detail)
        events.layout.align_items = "stretch"
        return [
            row(title, self.light, gap, *actions, *settings),
            self.settings,
            *([self.replay_bar] if self.replay_bar else []),
            row(self.counters, self.config_card, self.status),
            self._stage(),
            events,
            self.tabs,
        ]

    def _stage(self) -> ipw.Widget:
        """Return the chart, over which the trouble lies: nothing below it moves."""
        stage = ipw.VBox([self.chart, self.trouble])
        stage.add_class("bxp-stage")
        return stage

    def _open_tabs(self) -> ipw.Tab:
        """Return the tabs below the table, in a fixed order: a number finds a tab."""
        send = self.send_form or ipw.HTML(
            status_html.message("Sending needs a portal; this is a feed alone.")
        )
        questions = [self.catalogue, self.trace, self.query]
        contents = [self.activity.log, self.activity.after_box, *questions, send, self.export]
        return ipw.Tab(contents, titles=TABS)
