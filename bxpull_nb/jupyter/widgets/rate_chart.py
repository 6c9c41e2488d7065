"""The rate of events in the page: a second a bar, stacked by command, and how long they took.

```
kernel -> page     seconds {epoch, end}     these seconds, flags and shades changed
kernel -> page     snapshot {epoch, end}    forget what you had; this is all there is
page   -> kernel   pick {command, since_us, until_us}    the user chose these, or nothing
```

`end` counts the messages that held something, so that the page notices one that was dropped. What
they hold is a buffer of JSON, `{now, newest, seconds, flags, shades, picked?}`: `now` is this
machine's clock in ms since 1970, or null where the chart is not live; `seconds` are those of
`SecondCounts.rows`, each replacing what the page had for it.
"""

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import traitlets
from ipywidgets import CallbackDispatcher

from bxpull_nb.jupyter.widgets.per_second import SecondCounts
from bxpull_nb.jupyter.widgets.rows import RowSource, encodable, shortened
from bxpull_nb.jupyter.widgets.streaming_view import StreamingView, page_code

__all__ = ["Pick", "RateChart"]

WINDOW = 300
"""Seconds shown."""
MOST_MARKS = 200
"""Of flags, and of shades, the newest are kept."""

_NO_EVENTS = "No events yet. Their rate appears here as they arrive."


class Pick(msgspec.Struct, frozen=True):
    """What the user chose in a chart; nothing but None when the choice was taken back."""

    command: str | None = None
    since_us: int | None = None
    """Microseconds since 1970, UTC: the beginning of a second."""
    until_us: int | None = None
    """The end of that second, which does not belong to it."""


class RateChart(StreamingView):
    """Events per second of arrival over the last five minutes of `source`, stacked by command.

    The seven most frequent commands have colours of their own; a thin line is the median delivery
    lag. `empty` is what the chart says before the first event, `height` its height in pixels.
    `live` lets the window end now; False, for a recording, at the newest event. `clock` and `now`
    are seconds: for the timer of reminders, and since 1970.

    Call `flush()` on a timer, at most ten times a second. Nothing is sent until the chart is
    displayed, or a page asks; inside a container, see `expect_page()`. Of a burst the source does
    not have at hand any more, its DataFrame (`df`) is read, where it has one.
    """

    _css = Path(__file__).with_suffix(".css")

    # Settings only: what is synced is saved with the notebook.
    empty = traitlets.Unicode(_NO_EVENTS).tag(sync=True)
    height = traitlets.Int(180, min=80).tag(sync=True)

    def __init__(
        self,
        source: RowSource,
        *,
        live: bool = True,
        empty: str = _NO_EVENTS,
        height: int = 180,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.live = live
        self._now = now
        self._counted = 0  # the number of the next record to count
        self._counts = SecondCounts(WINDOW)
        self._messages = 0
        self._flags: deque[tuple[int, str]] = deque(maxlen=MOST_MARKS)
        self._shades: dict[int, tuple[int, int | None, str]] = {}  # by their beginning
        self._new_flags: list[tuple[int, str]] = []
        self._new_shades: dict[int, tuple[int, int | None, str]] = {}
        self._picked = Pick()
        self._on_pick = CallbackDispatcher()  # shows what a callback raises, and goes on
        super().__init__(source, clock, empty=empty, height=height)

    @property
    def _esm(self) -> str:
        return page_code("page.js", "rate_chart_draw.js", "rate_chart.js")

    def flag(self, at_us: int, label: str) -> None:
        """Set a flag with the label at this time (microseconds since 1970), at the next flush."""
        with self._lock:
            flag = (at_us, _label(label))
            self._flags.append(flag)
            self._new_flags = [*self._new_flags, flag][-MOST_MARKS:]

    def shade(self, from_us: int, until_us: int | None = None, label: str = "") -> None:
        """Shade a time without connection, at the next flush; None: it lasts.

        Shading again from the same beginning says how it ended.
        """
        with self._lock:
            shade = (from_us, until_us, _label(label))
            for shades in (self._shades, self._new_shades):
                shades.pop(from_us, None)
                shades[from_us] = shade
                if len(shades) > MOST_MARKS:
                    del shades[next(iter(shades))]

    def on_pick(self, callback: Callable[[Pick], None]) -> None:
        """Call `callback(pick)` when a second or a command is chosen, or the choice taken back.

        A `LiveTable` shows just these by `table.show_only(command=pick.command,
        since_us=pick.since_us, until_us=pick.until_us)`. It runs on whatever thread brings the
        page's message: hand longer work over.
        """
        self._on_pick.register_callback(callback)

    @property
    def _end(self) -> int:
        return self._messages

    def _send_new(self) -> int:
        if len(self._source) < self._counted:  # it was emptied
            return self._start_over()
        counted = self._count()
        seconds = self._counts.take_changed()
        if seconds or self._new_flags or self._new_shades:
            flags, shades = self._new_flags, list(self._new_shades.values())
            self._messages += 1
            self._send_body("seconds", seconds=seconds, flags=flags, shades=shades)
        return counted

    def _send_all(self) -> int:
        counted = self._count()
        self._counts.take_changed()
        self._messages += 1
        self._send_body(
            "snapshot",
            seconds=self._counts.rows(),
            flags=list(self._flags),
            shades=list(self._shades.values()),
            picked=self._picked,
        )
        return counted

    def _remind(self) -> None:
        self._send_body("seconds", seconds=[], flags=[], shades=[])

    def _forget(self) -> None:
        self._counted = 0
        self._counts = SecondCounts(WINDOW)
        self._flags.clear()
        self._shades.clear()
        self._new_flags, self._new_shades = [], {}
        self._picked = Pick()

    def _on_choice(self, content: dict[str, Any]) -> None:
        if content.get("kind") != "pick" or content.get("epoch") != self._epoch:
            return
        try:
            pick = msgspec.convert(content, Pick)
        except msgspec.ValidationError:
            return
        self._picked = pick
        self._on_pick(pick)

    def _count(self) -> int:
        newest = self._counts.newest
        if self.live and newest is not None and newest > self._now() + WINDOW:
            self._counts = SecondCounts(WINDOW)  # this machine's clock was set back
        start, first = self._counted, self._counted
        if start < len(self._source):
            first, records = self._source.recent(start)
            frame = getattr(self._source, "df", None) if first > start else None
            if frame is not None:
                self._counts.add_frame(frame.iloc[start:first])
            self._counts.add(records)
            self._counted = first + len(records)
        return self._counted - start

    def _send_body(self, kind: str, **body: Any) -> None:
        now = round(self._now() * 1000) if self.live else None
        body |= {"now": now, "newest": self._counts.newest}
        self._send_message({"kind": kind, "end": self._messages}, msgspec.json.encode(body))
        if body["flags"] or body["shades"] or kind == "snapshot":
            self._new_flags, self._new_shades = [], {}


def _label(text: str) -> str:
    return encodable(shortened(text) or "")
