"""The settings of a panel: how the config is fetched, and what is listened to."""

import ipywidgets as ipw

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.controls import button, checkbox, choice, row
from bxpull_nb.models import CHANNEL_TYPES
from bxpull_nb.models.choices import TRANSPORTS

__all__ = ["CHANNELS", "SettingsRow", "chosen"]

CHANNELS = {"shared": ("shared",), "private": ("private",), "both": CHANNEL_TYPES}
"""The choices of channels, by their label."""


class SettingsRow(ipw.HBox):
    """Channels and transport, and the button that fetches the config with CACHE and REOPEN."""

    def __init__(self, feed: Feed) -> None:
        self.channels = choice("Channels", CHANNELS, width="160px")
        self.channels.value = chosen(feed.channels)
        self.transport = choice("Transport", TRANSPORTS, width="180px")
        self.transport.value = feed.transport
        self.fetch_button = button("Fetch config", "download")
        self.cache = checkbox("CACHE", tooltip="May the portal answer from its cache?")
        self.reopen = checkbox("REOPEN", tooltip="May the portal open a new channel?")
        self.doctor_button = button("Doctor", "medkit", tooltip="Check every hop to the events")
        options = [ipw.HTML("with"), self.cache, self.reopen]  # of the fetch, not of the feed
        fetch = row(self.fetch_button, *options, self.doctor_button)
        fetch.layout.width = "auto"
        super().__init__(
            [self.channels, self.transport, fetch],
            layout={"flex_flow": "row wrap", "align_items": "center"},
        )


def chosen(channels: tuple[str, ...]) -> str:
    """Return the label of these channels."""
    return next(name for name, kinds in CHANNELS.items() if set(kinds) == set(channels))
