"""The control panel: submits the user's actions to the feed's loop and shows the feed.

Nothing here waits, and nothing is shown per event: every action runs on the loop of the portal's
bridge, and the panel repaints there on a timer, however much arrives.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import BxPullError
from bxpull_nb.jupyter.widgets import status_html
from bxpull_nb.jupyter.widgets.chosen_event import take_apart
from bxpull_nb.jupyter.widgets.controls import shown
from bxpull_nb.jupyter.widgets.found_rows import Filters
from bxpull_nb.jupyter.widgets.paint_pace import PaintPace
from bxpull_nb.jupyter.widgets.painting_panel import frozen_text, take_over
from bxpull_nb.jupyter.widgets.panel_layout import EMPTY, TABS, PanelLayout
from bxpull_nb.jupyter.widgets.publish_context import outside_requests, within
from bxpull_nb.jupyter.widgets.rate_chart import Pick
from bxpull_nb.jupyter.widgets.saved_picture import SavedPicture
from bxpull_nb.jupyter.widgets.settings_row import CHANNELS, chosen
from bxpull_nb.listener.periodic import every
from bxpull_nb.masking import reason_of
from bxpull_nb.portal import Portal
from bxpull_nb.query.search_text import narrowed

__all__ = ["Explorer"]

_log = logging.getLogger("bxpull_nb")

_REPAINT = 0.2  # seconds: smooth to the eye, far below what Jupyter's message limit allows

_SETTLED = 0.3  # seconds without a further letter: the page sends one change at a time


class Explorer(PanelLayout):
    """A panel for one portal: fetch the config, start, watch, mark, send, stop, export.

    It shows the portal's last started feed, or an idle one. A feed alone, such as a replay, is
    shown without the controls that need a portal. `close()` ends the panel, not the feed. One
    panel of a portal, a feed or a recording is live, the one displayed last; earlier ones freeze.
    A picture of it is saved with the notebook, without the texts of events unless `static`.
    """

    def __init__(
        self, source: Portal | Feed, *, static: bool = False, repaint: float = _REPAINT
    ) -> None:
        self.portal = source if isinstance(source, Portal) else None
        self.feed = source if isinstance(source, Feed) else _last_feed(source)
        self._context = outside_requests()
        self._action_error = ""
        self._repaint = repaint
        self._frozen = False
        self._pace = PaintPace()
        self._selected: int | None = None
        self._context.run(self._build, SavedPicture(self.feed, texts=static))
        self._connect_controls()
        self._context.run(self.paint)
        self._go_live()

    def paint(self) -> None:
        """Show the feed as it is now; unchanged parts send nothing to the page.

        A frozen panel stays as it was.
        """
        if self._frozen:
            return
        self.activity.paint()
        self.chart.flush()  # before the figures, which move the rows to the log's columns
        self.table.flush()
        stats = self.feed.stats
        self.counters.value = status_html.counters(stats)
        # After the counters: once the page shows “stopped”, they are the last ones.
        self.light.value = status_html.state_light(stats, self.feed.next_try)
        self.trouble.paint(self._action_error or stats.error or "")
        self.table.empty = EMPTY[stats.state]
        if self.replay_bar is not None:
            self.table.empty = self.replay_bar.empty
            self.replay_bar.paint()
        running = self.feed.running
        self.start_button.disabled = running
        self.stop_button.disabled = not running
        shown(self.start_button, not running)
        shown(self.stop_button, running)
        self.export.export_button.disabled = len(self.feed) == 0
        if self.feed.config is not None:
            self.config_card.show(self.feed.config)
        self.picture.update()
        self._pace.painted(self._state(), len(self.feed))

    def repaint(self) -> None:
        """Show the new rows; all else only when it is due, which spares the processor."""
        if self.replay_bar is not None or self._pace.is_due(self._state(), len(self.feed)):
            self.paint()
        else:
            self.table.flush()

    def start(self) -> None:
        """Start listening as the button does; an error is shown in the panel."""
        if not self.feed.running:
            self._act(self._start)

    def close(self) -> None:
        """End the panel and its timer; the feed goes on."""
        if not hasattr(self, "_timer"):  # it was never made: ipywidgets closes what is collected
            return
        self._timer.cancel()
        super().close()

    def freeze(self) -> None:
        """Stop painting, because another panel of the source is live; shows where."""
        if self._frozen:
            return
        self._frozen = True
        self._timer.cancel()
        text = frozen_text()

        async def show() -> None:
            self._enable(False)
            self.light.value = status_html.message("frozen")
            self.counters.value = ""  # a page that is loaded again shows all rows, without it
            self.status.show(text)
            self.picture.remove()

        self._on_loop(show)

    def _go_live(self) -> None:
        """Paint from now on; the panels of the source that did so before freeze."""
        for other in take_over(self):
            other.freeze()
        self._timer = self._on_loop(self._keep_painting)

    def _thaw(self) -> None:
        """Go live again, with the settings that the feed has now."""

        async def show() -> None:
            self._enable(True)
            self._align_settings()
            self.status.show("")
            self.paint()

        self._frozen = False
        self._on_loop(show)
        self._go_live()

    def _align_settings(self) -> None:
        """Show the feed's settings without starting it again."""
        values = (
            (self.channels, chosen(self.feed.channels)),
            (self.transport, self.feed.transport),
        )
        for control, value in values:
            self._choose(control, value)

    def _choose(self, control: Any, value: str) -> None:
        """Show the choice without acting on it."""
        control.unobserve(self._settings_changed, "value")
        control.value = value
        control.observe(self._settings_changed, "value")

    def _connect_controls(self) -> None:
        for control, work in (
            (self.fetch_button, self._fetch_config),
            (self.start_button, self._start),
            (self.stop_button, self.feed.stop_async),
            (self.mark_button, self._mark),
            (self.export.export_button, self.export.export),
            (self.settings.doctor_button, self.trouble.examine),
            (self.trouble.doctor_button, self.trouble.examine),
            (self.trouble.retry_button, self.feed.retry_now_async),
            (self.trouble.polling_button, self._use_polling),
            (self.trouble.shared_button, self._use_shared),
            (self.trouble.login.login_button, self._log_in),
        ):
            control.on_click(lambda _button, work=work: self._act(work))
        if self.send_form is not None:
            send = self.send_form.send
            self.send_form.send_button.on_click(lambda _button: self._act(send))
        for tab in (self.catalogue, self.trace, self.query):
            tab.ask_button.on_click(lambda _button, ask=tab.ask: self._act(ask))
            tab.cancel_button.on_click(lambda _button, cancel=tab.cancel: self._act(cancel))
        for choice in (self.channels, self.transport):
            choice.observe(self._settings_changed, "value")
        self.mark_label.on_msg(self._on_mark_key)
        self.settings_button.observe(self._show_settings, "value")
        self.table.on_select(self._select)
        self.detail.on_close(self._close_detail)
        self.detail.on_use(self._use)
        self.detail.on_go(self._select)
        self.detail.on_trace(self._trace)
        self.chart.on_pick(self._pick)
        self.table.on_filter(self._show_pick)
        self.chart.follow(lambda: self.table.search)

    async def _fetch_config(self) -> None:
        if self.portal is None:
            return
        config = await self.portal.rest.fetch_config(
            cache=self.cache.value, reopen=self.reopen.value
        )
        self.config_card.show(config, unfolded=True)
        self.status.show(f"Config fetched at {config.portal_time:%H:%M:%S} UTC.")

    async def _start(self) -> None:
        self.status.show("")
        if self.replay_bar is not None:
            self.replay_bar.begin_again_at_end()
        await self.feed.start_async(CHANNELS[self.channels.value], self.transport.value)

    async def _use_polling(self) -> None:
        self._choose(self.transport, "polling")
        await self._start()

    async def _use_shared(self) -> None:
        self._choose(self.channels, "shared")
        await self._start()

    async def _log_in(self) -> None:
        if await self.trouble.login.log_in():
            await self._start()

    async def _mark(self) -> None:
        label = self.mark_label.value.strip() or f"mark {self.activity.marks + 1}"
        self.feed.mark(label)
        self.status.show(f"Marked “{label}”.")
        self.tabs.selected_index = TABS.index("After a mark")

    async def _mark_typed(self) -> None:
        """Mark once the label is whole: Enter overtakes the last letters on their way here."""
        seen = None
        while seen != self.mark_label.value:
            seen = self.mark_label.value
            await asyncio.sleep(_SETTLED)
        await self._mark()

    def _settings_changed(self, _change: object) -> None:
        if self.feed.running:
            self._act(self._start)

    def _on_mark_key(self, _text: object, content: Any, _buffers: object) -> None:
        if isinstance(content, dict) and content.get("event") == "submit":
            self._act(self._mark_typed)

    def _show_settings(self, _change: object) -> None:
        shown(self.settings, self.settings_button.value)

    def _select(self, number: int) -> None:
        self._selected = number

        async def show() -> None:
            chosen = await asyncio.to_thread(take_apart, self.feed, number)
            if number == self._selected:  # of two quick clicks the first may take longer
                self.detail.show(*chosen)
                shown(self.detail, True)
                if self.send_form is not None:
                    self.send_form.offer(chosen[0].record)

        self._act(show)

    def _use(self, action: str, text: str) -> None:
        """Use a value of the chosen event: in the search, as a column or as a facet."""
        if action == "column":
            self.table.add_column(text)
        elif action == "facet":
            self.table.add_facet(text)
        else:
            term = text if action == "only" else f"-{text}"
            self.table.search_for(narrowed(self.table.filters["text"], term))

    def _trace(self, entity: str, name: str) -> None:
        async def show() -> None:
            self.trace.choose(entity, name)
            self.tabs.selected_index = TABS.index("Trace")
            await self.trace.ask()

        self._act(show)

    def _close_detail(self) -> None:
        self._selected = None
        shown(self.detail, False)

    def _pick(self, pick: Pick) -> None:
        self.table.show_only(command=pick.command, since_us=pick.since_us, until_us=pick.until_us)

    def _show_pick(self, filters: Filters) -> None:
        """Draw in the chart what is left of its choice, once a chip of the table was removed."""
        pick = Pick(filters["command"], filters["since_us"], filters["until_us"])
        self.chart.show_pick(pick)

    def _act(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work on the bridge's loop; any thread may call it."""
        self._action_error = ""
        self._on_loop(lambda: self._shown(work))

    def _on_loop(self, work: Callable[[], Coroutine[Any, Any, None]]) -> "Future[None]":
        """Do the work on the bridge's loop: no two threads may be in the panel's context."""
        return self.feed.bridge.submit(within(self._context, work))

    async def _shown(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work and show an error in the panel: a traceback would not appear."""
        try:
            await work()
        except BxPullError as exc:
            self._action_error = str(exc)
        except Exception as exc:  # noqa: BLE001 - the panel must stay alive
            _log.exception("the panel's action failed")
            self._action_error = f"{type(exc).__name__}: {reason_of(exc)}"
        self.paint()

    def _state(self) -> tuple[object, ...]:
        """Return what is shown at once when it changes."""
        state, search = self.feed.state, self.table.search
        next_try = None if state == "connected" else self.feed.next_try
        seconds = None if next_try is None else math.ceil(next_try)
        return state, seconds, len(self.feed.logbook), search, search.is_past_done

    async def _keep_painting(self) -> None:
        await every(self._repaint, self._repaint_for_pages)

    def _repaint_for_pages(self) -> None:
        if self.table.abandoned and self.chart.abandoned:
            return
        try:
            self.repaint()
        except Exception:  # noqa: BLE001 - one bad repaint must not freeze the panel for good
            _log.exception("the panel could not be repainted")

    def __repr__(self) -> str:
        return f"Explorer({self.feed!r})"

    def _display_(self) -> Any:
        """Return the panel as marimo shows it."""
        from marimo import ui

        self._expect_page()
        return ui.anywidget(self)

    def _expect_page(self) -> None:
        if self._frozen:
            self._thaw()
        self.table.expect_page()
        self.chart.expect_page()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self._expect_page()
        bundle: Any = super()._repr_mimebundle_(**kwargs)
        if not self.picture.show():
            data = bundle[0] if isinstance(bundle, tuple) else bundle
            data["text/html"] = self.picture.html()
        return bundle


def _last_feed(portal: Portal) -> Feed:
    return portal.feeds[-1] if portal.feeds else portal.feed()
