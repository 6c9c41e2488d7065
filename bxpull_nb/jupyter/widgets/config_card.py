"""The connection config in the page: the server, and the channels with their remaining life.

The channel ids are secrets, so they are masked. While the user holds the button, the page asks for
one id, shows it, and forgets it.

```
page   -> kernel   hello                   drawn: asks for the config
page   -> kernel   reveal {channel}        the button is held
kernel -> page     config {server, channels, now, unfolded}
kernel -> page     id {channel, id}
```
"""

from typing import Any

from bxpull_nb.jupyter.widgets.page_widget import PageWidget
from bxpull_nb.masking import mask
from bxpull_nb.models import Channel, PullConfig

__all__ = ["ConfigCard"]


class ConfigCard(PageWidget):
    """A card for one connection config; empty until `show`."""

    _scripts = ("config_card.js",)
    _styles = ("config_card.css",)

    def __init__(self) -> None:
        self.config: PullConfig | None = None
        self._unfolded = False
        super().__init__()

    def show(self, config: PullConfig | None, *, unfolded: bool = False) -> None:
        """Show the config, folded to one line; nothing is sent when it is shown already."""
        if config is not self.config:
            self.config = config
            self._unfolded = unfolded
            self._send_config()

    def _on_page(self, _widget: Any, content: Any, _buffers: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self._send_config()
            case {"kind": "reveal", "channel": str(kind)} if self.config is not None:
                if kind in self.config.channels:
                    found = self.config.channels[kind].id
                    self.send({"kind": "id", "channel": kind, "id": found})

    def _send_config(self) -> None:
        config = self.config
        if config is None or self.comm is None:
            return
        self.send(
            {
                "kind": "config",
                "unfolded": self._unfolded,
                "now": config.now().timestamp() * 1000,
                "server": _server(config),
                "channels": [_channel(channel) for channel in config.channels.values()],
            }
        )


def _server(config: PullConfig) -> list[tuple[str, str]]:
    """Return facts of the server as pairs of texts; addresses hold no secret."""
    server = config.server
    dialect = {4: "protobuf"}.get(server.version, "JSON-RPC" if server.version >= 5 else "text")
    facts = [
        ("push server", f"version {server.version} ({dialect})"),
        ("enabled", _yes(server.server_enabled)),
        ("WebSocket", _yes(server.websocket_enabled)),
        ("publishing", _yes(server.publish_enabled)),
        ("mode", server.mode or ""),
        ("address", server.websocket_secure or server.websocket or ""),
        ("long polling", server.long_polling_secure or server.long_polling or ""),
        ("account", mask(config.client_id) if config.client_id else ""),
        ("jwt", mask(config.jwt) if config.jwt else ""),
        ("feed", "the webhook user's own" if config.personal_feed else ""),
    ]
    return [(name, value) for name, value in facts if value]


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "type": channel.type,
        "masked": mask(channel.id),
        "start": channel.start.timestamp() * 1000,
        "end": channel.end.timestamp() * 1000,
    }
