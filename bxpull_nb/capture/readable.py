"""Events as a person reads them: one line each, with time, channel, command and params."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from bxpull_nb.masking import mask_text
from bxpull_nb.models.visible import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["found_events", "html_lines"]

_MOST = 20  # lines shown of a longer table: half from its beginning, half from its end
_PARAMS = 160  # characters
_NAMES = ("time (UTC)", "channel", "command", "params")
_CELL = "text-align:left;padding:0 12px 0 0;white-space:nowrap;unicode-bidi:isolate"


def found_events(events: "pd.DataFrame") -> "pd.DataFrame":
    """Return the events as a DataFrame that a cell shows as lines; it shares their memory."""
    return _shown_as_lines()(events)


@cache
def _shown_as_lines() -> "type[pd.DataFrame]":
    """Return the class of such a DataFrame; all that is made of one is a plain DataFrame."""
    import pandas as pd

    class FoundEvents(pd.DataFrame):
        @property
        def _constructor(self) -> Any:
            return pd.DataFrame

        def __reduce__(self) -> Any:
            return pd.DataFrame, (pd.DataFrame(self),)

        def __repr__(self) -> str:
            lines = "\n".join("  ".join(line) for line in _lines(self))
            return f"{lines}\n{_size(self)}"

        def _repr_html_(self) -> str:
            size = f"<div>{_size(self)}</div>"
            return f"<div class='mathjax_ignore'>{html_lines(self)}{size}</div>"

    return FoundEvents


def _size(events: "pd.DataFrame") -> str:
    return f"[{len(events)} rows x {len(events.columns)} columns]"


def html_lines(events: "pd.DataFrame") -> str:
    """Return the events as an HTML table of lines; nothing in them is interpreted."""
    head = "".join(f"<th scope='col' style='{_CELL}'>{name}</th>" for name in _NAMES)
    rows = "".join(
        "<tr>" + "".join(f"<td style='{_CELL}'>{escape(cell)}</td>" for cell in line) + "</tr>"
        for line in _lines(events)
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _lines(events: "pd.DataFrame") -> Iterator[tuple[str, ...]]:
    half = _MOST // 2
    if len(events) <= _MOST:
        yield from map(_line, events.to_dict("records"))
        return
    yield from map(_line, events.head(half).to_dict("records"))
    yield ("…", "…", "…", "…")
    yield from map(_line, events.tail(half).to_dict("records"))


def _line(event: dict[Any, Any]) -> tuple[str, str, str, str]:
    import pandas as pd

    received, error = event["received_at"], event["error"]
    time = "" if pd.isna(received) else f"{received:%H:%M:%S}.{received.microsecond // 1000:03}"
    channel = "" if pd.isna(event["channel"]) else str(event["channel"])
    if not pd.isna(error):
        return time, channel, "unreadable", _cut(str(error))
    return time, channel, _cut(str(event["command"])), _cut(_unescaped(str(event["params"])))


def _unescaped(params: str) -> str:
    """Return the JSON with its letters instead of their escapes: portals escape Cyrillic."""
    if "\\u" in params and len(params) < 8_192:
        with suppress(ValueError, RecursionError):
            return msgspec.json.encode(msgspec.json.decode(params)).decode()
    return params


def _cut(text: str) -> str:
    """Return the text short and masked: what a cell shows is saved with the notebook."""
    masked = mask_text(text[: 4 * _PARAMS])
    return visible(masked if len(masked) <= _PARAMS else masked[: _PARAMS - 1] + "…")
