"""What a capture has recorded, and all that can be asked of it: live, replayed or stopped."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.event_detail import Anatomy, inspect
from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.capture.handlers import Handler, Handlers
from bxpull_nb.capture.hub import EventHub
from bxpull_nb.errors import ExpectationFailed, SettingsError, WaitTimeout
from bxpull_nb.models import Event, LogEntry, Record
from bxpull_nb.storage.eventlog import EventLog
from bxpull_nb.storage.export import to_csv, to_jsonl, to_parquet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Recording"]


class Recording:
    """Events so far, what happened beside them, and waiting for what comes.

    The base of `Feed`, which makes it grow. Any thread may use it. `log` is what takes the events,
    if not all of them are to be kept.
    """

    def __init__(self, log: EventLog | None = None) -> None:
        self.log = EventLog() if log is None else log
        self.logbook = ActivityLog()
        self.handlers = Handlers()
        self._inlet = EventHub(self.log)
        self._inlet.taps.append(self.handlers.offer)

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return False

    @property
    def df(self) -> "pd.DataFrame":
        """Every event so far, with the columns of `EVENT_COLUMNS`; ask again for newer ones.

        With `max_rows` or `max_bytes` only the newest, and `df.attrs["forgotten"]` says how many
        are missing before them. What you hold never changes under you, and may be written to.
        """
        return self.log.df

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """The newest `n` events, oldest first."""
        return self.log.tail(n)

    @overload
    def wait(self, until: int = 1, *, timeout: float | None = None) -> "pd.DataFrame": ...
    @overload
    def wait(self, until: Callable[[Record], bool], *, timeout: float | None = None) -> Record: ...
    def wait(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """`until` further events as a DataFrame, or the event for which `until` says True.

        "Further" means: not passed by an earlier wait, so an event that arrived before the
        call counts. Of a bounded capture the DataFrame holds those that are kept. Raises
        WaitTimeout after `timeout` seconds, and at once when the feed is not running; the
        feed's own error when that ended it.
        """
        self._may_block("wait")
        if callable(until):
            return self._wait_for(until, timeout)[2]
        if until < 1:
            raise SettingsError(f"wait({until!r}): wait for one event or more.")
        counted = _Countdown(until)
        first, behind, _ = self._wait_for(counted.one, timeout, counted.gone)
        return self.df.loc[first : behind - 1]

    async def wait_async(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """Like `wait`, without blocking the loop it is awaited on."""
        return await asyncio.to_thread(self.wait, until, timeout=timeout)

    def expect(
        self,
        command: str | None = None,
        *,
        module_id: str | None = None,
        channel: str | None = None,
        params: Mapping[str, Any] | None = None,
        where: Callable[[Record], bool] | None = None,
        within: float = 5.0,
    ) -> Event:
        """The first event that meets every condition, of those no earlier wait has passed.

        `params` are keys and values that must be among the event's, nested ones likewise.
        Raises ExpectationFailed, an AssertionError with the events that came nearest, when
        there is none `within` seconds.
        """
        self._may_block("expect")
        nearest = Nearest(
            Expectation(
                command=command, module_id=module_id, channel=channel, params=params, where=where
            )
        )
        try:
            record = self._wait_for(nearest.is_met_by, within)[2]
        except WaitTimeout:
            why = f"none came within {within:g} s" if self.running else "the feed is not running"
            raise nearest.failure(why) from None
        if not isinstance(record, Event):
            raise ExpectationFailed("what met the conditions is an unreadable message.")
        return record

    def on(
        self, *, module: str | None = None, command: str | None = None
    ) -> Callable[[Handler], Handler]:
        """A decorator: the callback gets every matching event from now on, on its own thread.

        One that fails or is slow harms neither the stream nor another; `handlers.stats` tells
        of calls, failures and what was dropped. See `Handlers.on`.
        """
        return self.handlers.on(module=module, command=command)

    def mark(self, label: str) -> None:
        """Note this moment under a name, for `since`: "what did my click cause?"."""
        self.note("marked", label, count=len(self.log))

    def since(self, label: str, before: str = "10min") -> "pd.DataFrame":
        """What arrived after the mark, by module and command, against the rate `before` it.

        The newest mark of that name counts; see `analysis.since` for the columns. Raises
        SettingsError for a name that was never given.
        """
        from bxpull_nb.analysis import since

        return since(self.df, self._marked(label), before=before)

    def anatomy(self, row: int = -1) -> Anatomy:
        """One event taken apart: parameters, raw frame, message id, times. -1 is the newest.

        Raises SettingsError for a row that does not exist. The raw frame is kept for the newest
        32 MiB of frames.
        """
        number = row + len(self.log) if row < 0 else row
        if not self.log.forgotten <= number < len(self.log):
            kept = f", from {self.log.forgotten:,} on are kept" if self.log.forgotten else ""
            raise SettingsError(f"anatomy({row}): there are {len(self.log):,} events{kept}.")
        record = self._record(number)
        frame = self._inlet.frame_of(number)
        return inspect(number, record, frame, self._inlet.duplicates_of(record.mid))

    def to_csv(self, path: str | Path) -> Path:
        """Write all events to a CSV file and give its path; see `export.to_csv`."""
        return to_csv(self.df, path)

    def to_parquet(self, path: str | Path) -> Path:
        """Write all events to a Parquet file and give its path; see `export.to_parquet`."""
        return to_parquet(self.df, path)

    def to_jsonl(self, path: str | Path) -> Path:
        """Write all events as JSON lines and give the file's path; see `export.to_jsonl`."""
        return to_jsonl(self.df, path)

    @contextmanager
    def subscribed(self, tap: Callable[[Sequence[Record]], None]) -> Iterator[None]:
        """Meanwhile, `tap` gets every batch of new records, on the listener's own thread.

        It must be quick and must not raise: what it does, all the others wait for.
        """
        self._inlet.taps.append(tap)
        try:
            yield
        finally:
            self._inlet.taps.remove(tap)

    def note(self, kind: str, text: str = "", *, count: int | None = None) -> None:
        """Write into the logbook."""
        at_us = self._clock() // 1000
        self.logbook.add(LogEntry(at_us=at_us, kind=kind, count=count, text=text))

    def __len__(self) -> int:
        return len(self.log)

    def _clock(self) -> int:
        """The moment in which the recording is: Unix nanoseconds."""
        return time.time_ns()

    def _may_block(self, method: str) -> None:
        """Raise where blocking the calling thread would block what is waited for."""

    def _wait_for(
        self,
        enough: Callable[[Record], bool],
        timeout: float | None,
        gone: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, int, Record]:
        return self._inlet.wait_records(enough, timeout, alive=lambda: self.running, gone=gone)

    def _marked(self, label: str) -> "pd.Timestamp":
        import pandas as pd

        mark = self.logbook.last("marked", label)
        if mark is None:
            marks = [entry.text for entry in self.logbook.recent() if entry.kind == "marked"]
            known = ", ".join(map(repr, dict.fromkeys(marks))) or "none yet"
            raise SettingsError(f"there is no mark {label!r}; marks: {known}. Set one by mark().")
        return pd.Timestamp(mark.at_us, unit="us", tz="UTC")

    def _record(self, row: int) -> Record:
        first, records = self.log.recent(row)
        if first == row:
            return records[0]
        from bxpull_nb.capture.replay import records_of

        return records_of(self.df.loc[row:row])[0]


class _Countdown:
    """How many events are still to come."""

    def __init__(self, count: int) -> None:
        self._left = count

    def one(self, _: Record) -> bool:
        """One more came; whether it was the last."""
        self._left -= 1
        return self._left <= 0

    def gone(self, count: int) -> None:
        """So many came and are not kept; where that is all, those that are kept have to do."""
        if count < self._left:
            self._left -= count
