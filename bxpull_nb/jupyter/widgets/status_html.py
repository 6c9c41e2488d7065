"""The panel's texts as HTML: pure functions, every text from outside escaped, no secret shown."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from bxpull_nb.capture.feed import FeedStats
from bxpull_nb.jupyter.widgets.figures import grouped
from bxpull_nb.models import LogEntry
from bxpull_nb.models.visible import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["after_mark", "counters", "headline", "log_entries", "message", "state_light"]

_GREY, _AMBER = "light-dark(#616161, #bdbdbd)", "light-dark(#b25f00, #ffb74d)"
_GREEN, _RED = "light-dark(#1b7a36, #81c784)", "light-dark(#b3261e, #ef9a9a)"
_LIGHTS = {
    "idle": ("○", "--jp-ui-font-color2", _GREY, "not started"),
    "connecting": ("◐", "--jp-warn-color0", _AMBER, "connecting"),
    "connected": ("●", "--jp-success-color0", _GREEN, "connected"),
    "reconnecting": ("◐", "--jp-warn-color0", _AMBER, "reconnecting"),
    "failed": ("✕", "--jp-error-color0", _RED, "failed"),
    "stopped": ("○", "--jp-ui-font-color2", _GREY, "stopped"),
}
_PLAIN = "class='mathjax_ignore'"  # else Lab draws `$…$` as mathematics
_MUTED = f"color:var(--jp-ui-font-color2,{_GREY})"
_FIGURES = "font-variant-numeric:tabular-nums"
_CELL = f"padding:0 16px 0 0;text-align:left;vertical-align:top;unicode-bidi:isolate;{_FIGURES}"
_MOST_CAUSES = 50


def headline(name: str) -> str:
    """Return the panel's title: the product and the portal."""
    return f"<span {_PLAIN}><b>bxpull</b> <span style='{_MUTED}'>· {escape(name)}</span></span>"


def state_light(stats: FeedStats, next_try: float | None = None) -> str:
    """Return the state as a sign, a colour and words: colour alone is not enough.

    `next_try` is the number of seconds until the next try to connect.
    """
    sign, variable, colour, words = _LIGHTS[stats.state]
    if next_try is not None:
        words += f", next try in {math.ceil(next_try)} s"
    by = f" by {' and '.join(stats.transports)}" if stats.state == "connected" else ""
    return (
        f"<span role='status'><span aria-hidden='true' style='color:var({variable},{colour})'>"
        f"{sign}</span> {words}{escape(by)}</span>"
    )


def counters(stats: FeedStats) -> str:
    """Return events, rate and lag; what is rarer only above zero; other sources than channels."""
    cells = [
        _counter(grouped(stats.events), "event" if stats.events == 1 else "events", width=7),
        _counter(f"{stats.rate:.1f}", "events/s", width=6),
        _counter(_milliseconds(stats.lag_p50), "lag p50", width=8),
        _counter(_milliseconds(stats.lag_p95), "p95", width=8),
    ]
    rare = {
        "reconnect" if stats.reconnects == 1 else "reconnects": stats.reconnects,
        "duplicate dropped" if stats.duplicates == 1 else "duplicates dropped": stats.duplicates,
        "recovered by audit": stats.recovered,
        "unreadable": stats.bad_frames,
    }
    cells += [_counter(grouped(value), name, width=3) for name, value in rare.items() if value]
    for name, source in stats.sources.items():
        cells.append(_counter(grouped(source.events), f"{name} · {source.state}", width=5))
    flow = "display:flex;flex-wrap:wrap;gap:0 18px;line-height:1.7"
    return f"<div style='{flow};{_FIGURES}'>{''.join(cells)}</div>"


def log_entries(entries: Sequence[LogEntry]) -> str:
    """Return the entries of the activity log as a table, newest first."""
    if not entries:
        return message("Nothing yet: connections, breaks and marks will be listed here.")
    rows = (
        (_clock(entry.at_us), entry.channel or "", entry.transport or "", _entry_text(entry))
        for entry in reversed(entries)
    )
    return _table(("time (UTC)", "channel", "transport", "what happened"), rows)


def after_mark(label: str, causes: "pd.DataFrame") -> str:
    """Return the events after a mark by module and command, with their rate before it."""
    title = f"<div {_PLAIN}>After <b>{escape(visible(label))}</b>:</div>"
    if causes.empty:
        return title + message("Nothing has arrived since.")
    names = ("module", "command", "events", "first after", "per minute", "before it")
    return title + _table(names, _cause_rows(causes))


def message(text: str, *, error: bool = False) -> str:
    """Return one sentence for the user; an error is marked by a word too."""
    if not text:
        return ""
    if not error:
        return f"<span {_PLAIN} role='status' style='{_MUTED}'>{escape(visible(text))}</span>"
    return (
        f"<div {_PLAIN} role='alert' style='border-left:3px solid var(--jp-error-color1,{_RED});"
        "padding:2px 8px;line-height:1.5;white-space:pre-wrap'>"
        f"<b>Error.</b> {escape(visible(text))}</div>"
    )


def _counter(value: str, name: str, *, width: int) -> str:
    """Return a number and its name, wide enough that the next ones never move."""
    room = f"display:inline-block;min-width:{width + len(name)}ch;white-space:nowrap"
    return f"<span style='{room}'><b>{value}</b> <span style='{_MUTED}'>{name}</span></span>"


def _milliseconds(seconds: float | None) -> str:
    return "…" if seconds is None else f"{grouped(seconds * 1000)} ms"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a scrolling table; the last column breaks into lines, the others do not."""
    wraps = [*["nowrap"] * (len(names) - 1), "pre-wrap"]
    head = "".join(f"<th scope='col' style='{_CELL};font-weight:600'>{name}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, cells, wraps))}</tr>" for cells in rows)
    table = f"<table><tr>{head}</tr>{body}</table>"
    return f"<div {_PLAIN} tabindex='0' style='max-height:260px;overflow:auto'>{table}</div>"


def _cell(text: str, wrap: str) -> str:
    return f"<td style='{_CELL};white-space:{wrap}'>{escape(visible(text))}</td>"


def _clock(at_us: int) -> str:
    moment = datetime.fromtimestamp(at_us / 1e6, UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _entry_text(entry: LogEntry) -> str:
    return f"marked “{entry.text}”" if entry.kind == "marked" else entry.text or entry.kind


def _cause_rows(causes: "pd.DataFrame") -> Iterator[tuple[str, ...]]:
    for cause in causes.head(_MOST_CAUSES).to_dict("records"):
        before: float = cause["per_minute_before"]
        yield (
            str(cause["module_id"]),
            str(cause["command"]),
            grouped(cause["count"]),
            f"{grouped(cause['first_after'].total_seconds(), 2)} s",
            grouped(cause["per_minute_after"], 1),
            grouped(before, 1) if before else "none",
        )
