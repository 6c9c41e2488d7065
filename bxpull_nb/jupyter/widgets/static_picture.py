"""A picture of the panel as HTML without scripts: for a saved notebook, nbconvert and GitHub.

It has the counters, the chart as SVG and the newest events, masked. The texts of the events are
people's data, so they are left out unless asked for.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any

from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets.figures import counted, grouped
from bxpull_nb.jupyter.widgets.per_second import SecondCounts
from bxpull_nb.masking import mask_text
from bxpull_nb.models.visible import visible
from bxpull_nb.storage.export.masked import masked_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["chart_svg", "picture_html"]

_ROWS = 12
_COUNTED = 20_000  # newest events in the chart: some milliseconds
_SECONDS = 300
_NAME, _TEXT = 60, 160  # characters shown
_WIDTH, _HEIGHT, _LEFT, _HEAD, _FOOT = 720, 110, 40, 12, 18  # pixels of the chart
_INK = "#808080"  # readable on white and on black
_CELL = "text-align:left;padding:0 12px 0 0;white-space:nowrap;unicode-bidi:isolate"


def picture_html(feed: Feed, *, texts: bool) -> str:
    """Return the picture of the feed now; `texts` adds the params of the events."""
    events = feed.tail(_ROWS)
    hint = "" if texts else " Texts of events are left out; static=True keeps them."
    return (
        f"<div class='mathjax_ignore'><div>{_headline(feed)}</div>"
        f"{_chart(feed)}{_table(events, texts=texts)}"
        f"<div style='color:{_INK}'>A picture: run the cell for the live panel.{hint}</div></div>"
    )


def chart_svg(seconds: list[tuple[int, int]]) -> str:
    """Return bars of events per second as SVG, of pairs of a Unix second and its events."""
    last = seconds[-1][0]
    first = min(seconds[0][0], last - 9)
    most = max(events for _, events in seconds)
    step, foot = (_WIDTH - _LEFT) / (last - first + 1), _HEIGHT - _FOOT
    bars = "".join(
        _bar(_LEFT + (second - first) * step, step, foot, events / most * (foot - _HEAD))
        for second, events in seconds
    )
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}'"
        f" font-family='sans-serif' font-size='11' fill='{_INK}'>"
        f"<g fill='#2b7fd4'>{bars}</g>"
        f"<line x1='{_LEFT}' x2='{_WIDTH}' y1='{foot}' y2='{foot}' stroke='{_INK}'/>"
        f"<text x='{_LEFT - 6}' y='20' text-anchor='end'>{grouped(most)}/s</text>"
        f"<text x='{_LEFT}' y='{_HEIGHT - 4}'>{_clock(first)}</text>"
        f"<text x='{_WIDTH}' y='{_HEIGHT - 4}' text-anchor='end'>{_clock(last)} UTC</text></svg>"
    )


def _bar(left: float, step: float, foot: int, height: float) -> str:
    wide = max(step - 0.5, 0.5)
    return (
        f"<rect x='{left:.1f}' y='{foot - height:.1f}' width='{wide:.1f}' height='{height:.1f}'/>"
    )


def _headline(feed: Feed) -> str:
    stats = feed.stats
    name = escape(visible(feed.name))
    return f"<b>bxpull</b> · {name} · {stats.state} · {counted(stats.events)}"


def _chart(feed: Feed) -> str:
    """Return the chart as an image: scripts cannot run in one, and sanitizers let it pass."""
    counts = SecondCounts(_SECONDS)
    counts.add_df(feed.tail(_COUNTED))
    seconds = [(second, named.total() + others) for second, named, others, _lag in counts.rows()]
    if not seconds:
        return ""
    source = b64encode(chart_svg(seconds).encode()).decode()
    return (
        f"<img alt='Events per second' width='{_WIDTH}' height='{_HEIGHT}'"
        f" src='data:image/svg+xml;base64,{source}'>"
    )


def _table(events: "pd.DataFrame", *, texts: bool) -> str:
    if events.empty:
        return ""
    names = ["time (UTC)", "channel", "module", "command", *(["params"] if texts else [])]
    head = "".join(f"<th scope='col' style='{_CELL}'>{name}</th>" for name in names)
    rows = "".join(
        f"<tr>{''.join(_cells(event, texts=texts))}</tr>"
        for event in reversed(events.to_dict("records"))
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cells(event: dict[Any, Any], *, texts: bool) -> Iterator[str]:
    yield f"<td style='{_CELL}'>{_time(event['received_at'])}</td>"
    for name in ("channel", "module_id", "command"):
        yield f"<td style='{_CELL}'>{_shown(event[name], _NAME, mask_text)}</td>"
    if texts:
        yield f"<td style='{_CELL}'>{_shown(event['params'], _TEXT, masked_json)}</td>"


def _time(value: Any) -> str:
    import pandas as pd

    return "" if pd.isna(value) else f"{value:%H:%M:%S}.{value.microsecond // 1000:03}"


def _shown(value: Any, most: int, masked: Callable[[str], str]) -> str:
    """Return the value short, masked and without markup."""
    import pandas as pd

    if pd.isna(value):
        return ""
    text = masked(str(value)[: 4 * most])
    return escape(visible(text if len(text) <= most else text[: most - 1] + "…"))


def _clock(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%H:%M:%S}"
