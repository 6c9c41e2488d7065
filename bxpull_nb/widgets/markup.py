"""The panel's texts as HTML: pure functions, every foreign word escaped, no secret revealed."""

from datetime import timedelta
from html import escape

from bxpull_nb.feed import FeedStats
from bxpull_nb.models import Channel, PullConfig

__all__ = ["config_card", "counters", "headline", "message", "state_light"]

_LIGHTS = {
    "idle": ("○", "--jp-ui-font-color2", "#616161", "not started"),
    "connecting": ("◐", "--jp-warn-color0", "#b25f00", "connecting"),
    "connected": ("●", "--jp-success-color0", "#1b7a36", "connected"),
    "reconnecting": ("◐", "--jp-warn-color0", "#b25f00", "reconnecting"),
    "failed": ("✕", "--jp-error-color0", "#b3261e", "failed"),
    "stopped": ("○", "--jp-ui-font-color2", "#616161", "stopped"),
}
_MUTED = "color:var(--jp-ui-font-color2,#616161)"
_FIGURES = "font-variant-numeric:tabular-nums"


def headline(name: str) -> str:
    """The panel's title: the product, and whose channels these are."""
    return f"<b>bxpull</b> <span style='{_MUTED}'>· {escape(name)}</span>"


def state_light(stats: FeedStats) -> str:
    """The state as a sign, a colour and words: colour alone would not do."""
    sign, variable, colour, words = _LIGHTS[stats.state]
    by = f" by {' and '.join(stats.transports)}" if stats.state == "connected" else ""
    return (
        f"<span role='status'><span aria-hidden='true' style='color:var({variable},{colour})'>"
        f"{sign}</span> {words}{escape(by)}</span>"
    )


def counters(stats: FeedStats) -> str:
    """Events, rate, reconnects and lag; the rarer ones only when they are not zero."""
    lag = "…" if stats.last_lag is None else f"{stats.last_lag * 1000:,.0f} ms"
    cells = [
        _counter(f"{stats.events:,}", "event" if stats.events == 1 else "events", width=7),
        _counter(f"{stats.rate:.1f}", "events/s", width=6),
        _counter(f"{stats.reconnects:,}", "reconnects", width=3),
        _counter(lag, "last lag", width=8),
    ]
    if stats.duplicates:
        cells.append(_counter(f"{stats.duplicates:,}", "duplicates dropped", width=3))
    if stats.bad_frames:
        cells.append(_counter(f"{stats.bad_frames:,}", "unreadable", width=3))
    return f"<span style='{_FIGURES}'>{' · '.join(cells)}</span>"


def config_card(config: PullConfig) -> str:
    """The server in a line, and a row a channel with its life left; ids masked."""
    rows = "".join(_channel_row(channel, config) for channel in config.channels.values())
    table = (
        "<table style='border-spacing:0'><tr style='text-align:left'>"
        + "".join(
            f"<th scope='col' style='padding:0 16px 0 0;font-weight:600'>{name}</th>"
            for name in ("channel", "id", "ends (UTC)", "left")
        )
        + f"</tr>{rows}</table>"
    )
    return f"<div style='line-height:1.6'>{_server_line(config)}{table}</div>"


def message(text: str, *, error: bool = False) -> str:
    """One sentence for the person in front of the panel; an error is told by its word too."""
    if not text:
        return ""
    if not error:
        return f"<span role='status' style='{_MUTED}'>{escape(text)}</span>"
    return (
        "<div role='alert' style='border-left:3px solid var(--jp-error-color1,#d32f2f);"
        f"padding:2px 8px;line-height:1.5;white-space:pre-wrap'><b>Error.</b> {escape(text)}</div>"
    )


def _counter(value: str, name: str, *, width: int) -> str:
    """A number that keeps its place when it changes its width."""
    return (
        f"<span style='white-space:nowrap'><span style='display:inline-block;min-width:{width}ch;"
        f"text-align:right'><b>{value}</b></span> <span style='{_MUTED}'>{name}</span></span>"
    )


def _server_line(config: PullConfig) -> str:
    server = config.server
    flags = [
        f"push server version {server.version}",
        "enabled" if server.server_enabled else "switched off",
        f"WebSocket {'yes' if server.websocket_enabled else 'no'}",
        f"publishing {'yes' if server.publish_enabled else 'no'}",
    ]
    if server.mode:
        flags.append(f"mode {server.mode}")
    return f"<div style='{_MUTED}'>{escape(' · '.join(flags))}</div>"


def _channel_row(channel: Channel, config: PullConfig) -> str:
    record = channel.to_record(config.now())
    cells = (
        str(record["type"]),
        str(record["id"]),
        f"{channel.end:%Y-%m-%d %H:%M:%S}",
        _life(record["expires_in"]),
    )
    return (
        f"<tr style='{_FIGURES}'>"
        + "".join(
            f"<td style='padding:0 16px 0 0;white-space:nowrap'>{escape(cell)}</td>"
            for cell in cells
        )
        + "</tr>"
    )


def _life(left: timedelta) -> str:
    seconds = int(left.total_seconds())
    if seconds <= 0:
        return "over"
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds % 60:02} s"
