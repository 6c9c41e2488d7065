"""The panel's texts as HTML: pure functions, every foreign word escaped, no secret revealed."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from bxpull_nb.capture.feed import FeedStats
from bxpull_nb.models import LogEntry

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["after_mark", "counters", "happenings", "headline", "message", "state_light"]

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
_CELL = "padding:0 16px 0 0;text-align:left;white-space:nowrap;vertical-align:top"
_WORDS = "text-align:left;white-space:pre-wrap;unicode-bidi:isolate"
_MOST_CAUSES = 50


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
    """Events, rate, lag and reconnects; the rarer ones only when they are not zero."""
    cells = [
        _counter(f"{stats.events:,}", "event" if stats.events == 1 else "events", width=7),
        _counter(f"{stats.rate:.1f}", "events/s", width=6),
        _counter(_milliseconds(stats.lag_p50), "lag p50", width=8),
        _counter(_milliseconds(stats.lag_p95), "p95", width=8),
        _counter(f"{stats.reconnects:,}", "reconnects", width=3),
    ]
    rare = {
        "duplicates dropped": stats.duplicates,
        "recovered by audit": stats.recovered,
        "unreadable": stats.bad_frames,
    }
    cells += [_counter(f"{value:,}", name, width=3) for name, value in rare.items() if value]
    flow = "display:flex;flex-wrap:wrap;gap:0 18px;line-height:1.7"
    return f"<div style='{flow};{_FIGURES}'>{''.join(cells)}</div>"


def happenings(entries: Sequence[LogEntry]) -> str:
    """The log of what happened, newest first."""
    if not entries:
        return message("Nothing yet: connections, breaks and marks will be told here.")
    rows = "".join(
        f"<tr><td style='{_CELL};{_FIGURES}'>{_clock(entry.at_us)}</td>"
        f"<td style='{_CELL}'>{escape(entry.channel or '')}</td>"
        f"<td style='{_CELL}'>{escape(entry.transport or '')}</td>"
        f"<td style='{_WORDS}'>{escape(_said(entry))}</td></tr>"
        for entry in reversed(entries)
    )
    head = _head("time (UTC)", "channel", "transport", "what happened")
    return f"<div style='max-height:260px;overflow:auto'><table>{head}{rows}</table></div>"


def after_mark(label: str, causes: "pd.DataFrame") -> str:
    """What arrived after a mark, by module and command, against the rate before."""
    title = f"<div>After <b>{escape(label)}</b>:</div>"
    if causes.empty:
        return title + message("Nothing has arrived since.")
    rows = "".join(
        "<tr>" + "".join(f"<td style='{_CELL}'>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells in _cause_rows(causes)
    )
    head = _head("module", "command", "events", "first after", "per minute", "before it")
    return f"{title}<div style='max-height:260px;overflow:auto'><table>{head}{rows}</table></div>"


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
    """A number and its name; those behind them keep their places when it changes its width."""
    room = f"display:inline-block;min-width:{width + len(name)}ch;white-space:nowrap"
    return f"<span style='{room}'><b>{value}</b> <span style='{_MUTED}'>{name}</span></span>"


def _milliseconds(seconds: float | None) -> str:
    return "…" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _head(*names: str) -> str:
    cells = "".join(
        f"<th scope='col' style='{_CELL};font-weight:600'>{name}</th>" for name in names
    )
    return f"<tr>{cells}</tr>"


def _clock(at_us: int) -> str:
    moment = datetime.fromtimestamp(at_us / 1e6, UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _said(entry: LogEntry) -> str:
    return f"marked “{entry.text}”" if entry.kind == "marked" else entry.text or entry.kind


def _cause_rows(causes: "pd.DataFrame") -> Iterator[tuple[str, ...]]:
    for cause in causes.head(_MOST_CAUSES).to_dict("records"):
        before: float = cause["per_minute_before"]
        yield (
            str(cause["module_id"]),
            str(cause["command"]),
            f"{cause['count']:,}",
            f"{cause['first_after'].total_seconds():,.2f} s",
            f"{cause['per_minute_after']:,.1f}",
            f"{before:,.1f}" if before else "none",
        )
