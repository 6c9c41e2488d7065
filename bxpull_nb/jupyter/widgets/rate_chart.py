"""The rate of events in the page, in bars stacked by command, and the lag.

```
kernel -> page     seconds {epoch, end}     these seconds, flags and shades changed
kernel -> page     snapshot {epoch, end}    everything there is; forget the seconds before
page   -> kernel   pick {command, since_us, until_us}    the user chose these seconds, or nothing
```

`end` counts the messages with content, so that the page notices a dropped one. The content is a
buffer of JSON, `{now, newest, seconds, flags, shades, picked?, searched?}`: `now` is this
machine's clock in ms since 1970, or null for a chart that is not live; `seconds` are those of
`SecondCounts.rows`, each replacing the page's one; `searched` is whether only events of a search
are counted.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import traitlets
from ipywidgets import CallbackDispatcher

from bxpull_nb.jupyter.widgets.live_answer import LiveAnswer, df_of
from bxpull_nb.jupyter.widgets.per_second import SecondCounts
from bxpull_nb.jupyter.widgets.rows import short_name
from bxpull_nb.jupyter.widgets.streaming_view import MOST_FLAGS, StreamingView

__all__ = ["Pick", "RateChart"]

WINDOW = 300
"""Seconds shown."""

_NO_EVENTS = "No events yet. Their rate appears here as they arrive."


class Pick(msgspec.Struct, frozen=True):
    """The user's choice in a chart; all None when it was taken back."""

    command: str | None = None
    since_us: int | None = None
    """Microseconds since 1970, UTC: the beginning of the first second."""
    until_us: int | None = None
    """The end of the last second, exclusive."""

    @property
    def is_sound(self) -> bool:
        """Whether it has both ends of its time or neither, in their order."""
        if self.since_us is None or self.until_us is None:
            return self.since_us is self.until_us
        return self.since_us < self.until_us


class RateChart(StreamingView):
    """Events per second of arrival over the last five minutes of `source`, stacked by command.

    The seven most frequent commands have colours of their own; a thin line is the median delivery
    lag. `empty` is the chart's text before the first event, `height` its height in pixels.
    `live` lets the window end now; False, for a recording, at the newest event. `clock` and `now`
    are seconds: for the timer of reminders, and since 1970.

    A displayed chart of a feed is live. Of a log, call `flush()` on a timer, at most ten times a
    second. Nothing is sent until the chart is displayed, or a page asks; inside a container, see
    `expect_page()`. Records of a burst that are no longer at hand are read from the source's
    DataFrame (`df`), if it has one.
    """

    _scripts = ("rate_chart_draw.js", "rate_chart_brush.js", "rate_chart.js")
    _styles = ("rate_chart.css",)

    # Settings only: what is synced is saved with the notebook.
    empty = traitlets.Unicode(_NO_EVENTS).tag(sync=True)
    height = traitlets.Int(180, min=80).tag(sync=True)

    def __init__(
        self,
        source: Any,
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
        self._answer_of: Callable[[], LiveAnswer] | None = None
        self._counting: LiveAnswer | None = None  # None counts all events
        self._messages = 0
        self._flags: deque[tuple[int, str]] = deque(maxlen=MOST_FLAGS)
        self._shades: dict[int, tuple[int, int | None, str]] = {}  # by their beginning
        self._new_flags: list[tuple[int, str]] = []
        self._new_shades: dict[int, tuple[int, int | None, str]] = {}
        self._picked = Pick()
        self._on_pick = CallbackDispatcher()  # shows what a callback raises, and goes on
        super().__init__(source, clock, empty=empty, height=height)

    def flag(self, at_us: int, label: str) -> None:
        """Set a flag at this time (microseconds since 1970), at the next flush."""
        with self._lock:
            flag = (at_us, short_name(label))
            self._flags.append(flag)
            self._new_flags = [*self._new_flags, flag][-MOST_FLAGS:]

    def shade(self, from_us: int, until_us: int | None = None, label: str = "") -> None:
        """Shade a time without connection, at the next flush; None: it lasts.

        Shade again from the same beginning to set the end.
        """
        with self._lock:
            shade = (from_us, until_us, short_name(label))
            for shades in (self._shades, self._new_shades):
                shades.pop(from_us, None)
                shades[from_us] = shade
                if len(shades) > MOST_FLAGS:
                    del shades[next(iter(shades))]

    def on_pick(self, callback: Callable[[Pick], None]) -> None:
        """Call `callback(pick)` when seconds or a command are chosen, or the choice taken back.

        A `LiveTable` shows just these by `table.show_only(command=pick.command,
        since_us=pick.since_us, until_us=pick.until_us)`. It runs on the thread that brings the
        page's message: hand longer work over.
        """
        self._on_pick.register_callback(callback)

    def show_pick(self, pick: Pick) -> None:
        """Draw this as the choice, in all views; no callback is called.

        For a choice that was changed elsewhere, as by `LiveTable.on_filter`.

        >>> chart.show_pick(Pick(command="dealUpdate"))
        """
        with self._lock:
            if pick != self._picked:
                self._picked = pick
                if self._watched:
                    self._send_all()

    def follow(self, answer_of: Callable[[], LiveAnswer]) -> None:
        """Count only the events of the answer that `answer_of` returns, such as a table's search.

        >>> chart.follow(lambda: table.search)
        """
        self._answer_of = answer_of

    @property
    def _end(self) -> int:
        return self._messages

    def _send_new(self) -> int:
        if len(self._source) < self._counted:  # it was emptied
            return self._start_over()
        if self._take_answer():
            return self._send_all()
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
            searched=self._counting is not None,
        )
        return counted

    def _remind(self) -> None:
        self._send_body("seconds", seconds=[], flags=[], shades=[])

    def _forget(self) -> None:
        self._counted, self._counting = 0, None
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
        if pick.is_sound:
            self._picked = pick
            self._on_pick(pick)

    def _take_answer(self) -> bool:
        """Begin to count another answer, if there is one that reaches back five minutes."""
        answer = None if self._answer_of is None else self._answer_of()
        wanted = None if answer is None or answer.is_all else answer
        if wanted is self._counting:
            return False
        start = self._window_start()
        if wanted is not None and wanted.low > start and not wanted.is_done:
            return False
        self._counting, self._counted, self._counts = wanted, start, SecondCounts(WINDOW)
        return True

    def _window_start(self) -> int:
        """Return the number of the first kept row of the last five minutes."""
        df, kept_from = df_of(self._source)
        times = df["received_at"].to_numpy("int64")
        recent = times > times.max(initial=0) - WINDOW * 1_000_000
        return kept_from + (int(recent.argmax()) if recent.any() else len(df))

    def _count_found(self, answer: LiveAnswer) -> int:
        end = answer.high
        rows = answer.since(self._counted)
        rows = rows[rows < end]
        if len(rows):
            df, kept_from = df_of(self._source)
            self._counts.add_df(df.iloc[rows - kept_from])
        self._counted = end
        return len(rows)

    def _count(self) -> int:
        if self._counting is not None:
            return self._count_found(self._counting)
        newest = self._counts.newest
        if self.live and newest is not None and newest > self._now() + WINDOW:
            self._counts = SecondCounts(WINDOW)  # this machine's clock was set back
        start, first = self._counted, self._counted
        if start < len(self._source):
            first, records = self._source.recent(start)
            df = getattr(self._source, "df", None) if first > start else None
            if df is not None:
                self._counts.add_df(df.iloc[start:first])
            self._counts.add(records)
            self._counted = first + len(records)
        return self._counted - start

    def _send_body(self, kind: str, **body: Any) -> None:
        now = round(self._now() * 1000) if self.live else None
        body |= {"now": now, "newest": self._counts.newest}
        self._send_message({"kind": kind, "end": self._messages}, msgspec.json.encode(body))
        if body["flags"] or body["shades"] or kind == "snapshot":
            self._new_flags, self._new_shades = [], {}
