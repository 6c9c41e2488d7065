"""The control panel: what a person does becomes work on the feed's loop, what it holds is shown.

Nothing here waits, and nothing is shown per event: every action is submitted to the loop of the
portal's bridge, and the panel repaints on a timer there, however much arrives.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import ipywidgets as ipw

from bxpull_nb.errors import BxPullError
from bxpull_nb.export import to_csv
from bxpull_nb.models import CHANNEL_TYPES
from bxpull_nb.portal import Portal
from bxpull_nb.reconnect import TRANSPORTS
from bxpull_nb.widgets import markup
from bxpull_nb.widgets.live_table import LiveTable

__all__ = ["Explorer"]

_log = logging.getLogger("bxpull_nb")

_REPAINT = 0.2  # seconds: smooth to the eye, far below what Jupyter's message limit allows
_EMPTY = "No events yet. Press Start; if it runs already, the portal is quiet: send a test event."
_CHANNELS = {"shared": ("shared",), "private": ("private",), "both": CHANNEL_TYPES}


class Explorer(ipw.VBox):
    """A panel for one portal: fetch the config, start, watch, stop, export.

    It shows the portal's last started feed, or an idle one. `close()` ends the panel, not the
    feed.
    """

    def __init__(self, portal: Portal, *, repaint: float = _REPAINT) -> None:
        self.portal = portal
        self.feed = portal.feeds[-1] if portal.feeds else portal.feed()
        self.cache = _toggle([("Y", True), ("N", False)], "CACHE: may the portal answer from it?")
        self.reopen = _toggle([("Y", True), ("N", False)], "REOPEN: may it open a channel anew?")
        self.channels = _toggle(list(_CHANNELS), "The type of the channels to listen to")
        self.channels.value = _chosen(self.feed.channels)
        self.transport = ipw.Dropdown(
            options=TRANSPORTS, value=self.feed.transport, layout={"width": "110px"}
        )
        self.fetch_button = _button("Fetch config", "download")
        self.start_button = _button("Start", "play", style="success")
        self.stop_button = _button("Stop", "stop")
        self.export_button = _button("Export CSV", "save")
        self.file_name = ipw.Text(value="events.csv", layout={"width": "180px"})
        self.light = ipw.HTML()
        self.counters = ipw.HTML()
        self.config_card = ipw.HTML()
        self.said = ipw.HTML()
        self.error = ipw.HTML()
        self.table = LiveTable(self.feed.log, empty=_EMPTY)
        self._action_error = ""
        super().__init__(self._rows())
        self._connect_controls()
        self.paint()
        self._timer = portal.bridge.submit(self._keep_painting(repaint))

    def paint(self) -> None:
        """Show the feed as it is now; what did not change sends nothing to the page."""
        stats = self.feed.stats
        self.light.value = markup.state_light(stats)
        self.counters.value = markup.counters(stats)
        self.error.value = markup.message(self._action_error or stats.error or "", error=True)
        running = self.feed.running
        self.start_button.disabled = running
        self.stop_button.disabled = not running
        self.export_button.disabled = len(self.feed) == 0
        self.table.flush()

    def close(self) -> None:
        """End the panel and its timer; the feed goes on."""
        self._timer.cancel()
        _close_children(self)
        super().close()

    def _rows(self) -> list[ipw.Widget]:
        def row(*children: ipw.Widget) -> ipw.HBox:
            return ipw.HBox(children, layout={"flex_flow": "row wrap", "align_items": "center"})

        title = ipw.HTML(markup.headline(self.portal.name), layout={"flex": "1 1 auto"})
        return [
            row(title, self.light),
            row(
                _labelled("Cache", self.cache),
                _labelled("Reopen", self.reopen),
                _labelled("Channels", self.channels),
                _labelled("Transport", self.transport),
            ),
            row(
                self.fetch_button,
                self.start_button,
                self.stop_button,
                self.export_button,
                _labelled("to", self.file_name),
            ),
            self.config_card,
            self.counters,
            self.said,
            self.error,
            self.table,
        ]

    def _connect_controls(self) -> None:
        for button, work in (
            (self.fetch_button, self._fetch_config),
            (self.start_button, self._start),
            (self.stop_button, self._stop),
            (self.export_button, self._export),
        ):
            button.on_click(lambda _button, work=work: self._act(work))
        for choice in (self.channels, self.transport):
            choice.observe(self._settings_changed, "value")

    async def _fetch_config(self) -> None:
        config = await self.portal.rest.fetch_config(
            cache=self.cache.value, reopen=self.reopen.value
        )
        self.config_card.value = markup.config_card(config)
        self.said.value = markup.message(f"Config fetched at {config.portal_time:%H:%M:%S} UTC.")

    async def _start(self) -> None:
        self.said.value = ""
        await self.feed.start_async(_CHANNELS[self.channels.value], self.transport.value)
        if self.feed.config is not None:
            self.config_card.value = markup.config_card(self.feed.config)

    async def _stop(self) -> None:
        await self.feed.stop_async()

    async def _export(self) -> None:
        # On another thread: a million rows take a second, and the listener shares this loop.
        name = self.file_name.value.strip() or "events.csv"
        events = self.feed.df
        path = await asyncio.to_thread(to_csv, events, name)
        self.said.value = markup.message(f"Wrote {len(events):,} events to {path}.")

    def _settings_changed(self, _change: object) -> None:
        if self.feed.running:
            self._act(self._start)

    def _act(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it on the bridge's loop; called on whatever thread the page's message came by."""
        self._action_error = ""
        self.portal.bridge.submit(self._shown(work))

    async def _shown(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it, and tell in the panel what went wrong: a traceback would be seen by nobody."""
        try:
            await work()
        except (BxPullError, OSError) as exc:
            self._action_error = str(exc)
        except Exception as exc:  # noqa: BLE001 - the panel must stay alive
            _log.exception("the panel's action failed")
            self._action_error = f"{type(exc).__name__}: {exc}"
        self.paint()

    async def _keep_painting(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            try:
                self.paint()
            except Exception:  # noqa: BLE001 - one bad repaint must not freeze the panel for good
                _log.exception("the panel could not be repainted")

    def __repr__(self) -> str:
        return f"Explorer({self.feed!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        self.table.expect_page()
        return super()._repr_mimebundle_(**kwargs)


def _toggle(options: list[Any], tooltip: str) -> ipw.ToggleButtons:
    return ipw.ToggleButtons(
        options=options, tooltips=[tooltip] * len(options), style={"button_width": "auto"}
    )


def _button(text: str, icon: str, style: str = "") -> ipw.Button:
    return ipw.Button(
        description=text,
        icon=icon,
        button_style=style,
        layout={"width": "auto", "min_width": "90px"},
    )


def _labelled(name: str, control: ipw.Widget) -> ipw.HBox:
    """The control behind its name, on one line: their own labels stand above or far away."""
    return ipw.HBox([ipw.Label(name), control], layout={"margin": "0 14px 0 0"})


def _chosen(channels: tuple[str, ...]) -> str:
    return next(name for name, kinds in _CHANNELS.items() if set(kinds) == set(channels))


def _close_children(box: ipw.Box) -> None:
    for widget in box.children:
        if isinstance(widget, ipw.Box):
            _close_children(widget)
        widget.close()
