"""Replay: a captured file drives a feed, as the listener drives a live one."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bxpull_nb.capture.recorded import recorded_rows
from bxpull_nb.capture.replay_progress import DueTimes, Progress, checked_place, checked_speed
from bxpull_nb.errors import ConnectionFailed, SettingsError
from bxpull_nb.listener import CaptureTarget, ListenerStats
from bxpull_nb.locks import check_process
from bxpull_nb.models import Batch, LogEntry
from bxpull_nb.storage.dataset import read_events
from bxpull_nb.storage.eventlog import StoredRows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Playback", "Replay", "Rewindable"]

_ROWS = 8192  # rows per batch, some 10 ms; between batches the loop runs other tasks
_SHORTEST = 0.01  # seconds: rows due within this time come together
_LONGEST = 0.25  # seconds: a new speed takes effect after this time at most
_PATIENCE = 10.0  # seconds that a seek from another thread waits for the rows


@runtime_checkable
class Rewindable(Protocol):
    """A capture target that can go back."""

    def rewound(self, rows: StoredRows) -> None:
        """Hold these rows, the first of those it had; all after them come again."""
        ...


class Replay:
    """Plays captured events into `target`, with the gaps they had, divided by `speed`.

    `source` is a DataFrame of events, or the path of a file for `read_events`. Each row comes as
    it was recorded, `received_at` included, so the log at the end equals the recording value by
    value. Rows come in order, on time to 10 ms. `speed` is above zero: 1 as recorded, 10 ten
    times as fast, `math.inf` at once; any thread may change it during the replay. A `run` that is
    cancelled is a pause: the next one goes on from there. `monotonic` returns seconds.
    """

    config: None = None
    """A replay has no connection config."""
    error: None = None
    """A replay cannot lose a connection; `run` raises the error that ends it."""
    transports = ("replay",)
    next_try: None = None
    """A replay never waits for a connection."""

    def __init__(
        self,
        source: "pd.DataFrame | str | Path",
        target: CaptureTarget,
        *,
        speed: float = 1.0,
        stats: ListenerStats | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stats = stats or ListenerStats()
        self.state = "connecting"
        """`connecting` while the file is read, then `connected`."""
        self.played = 0
        """Rows of the recording that the log has."""
        self.rows: int | None = None
        """Rows in all; None until the file is read."""
        self._source = source
        self._target = target
        self._sleep = sleep
        self._progress = Progress(checked_speed(speed), monotonic)
        self._rows: StoredRows | None = None
        self._due = None if isinstance(source, str | Path) else DueTimes(source)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()  # of the loop
        self._playing = asyncio.Lock()
        self._back_to: float | None = None  # where a seek goes back to; the rows must follow

    @property
    def speed(self) -> float:
        """Recorded seconds that pass in one second; SettingsError unless above zero."""
        return self._progress.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._progress.change(checked_speed(speed))

    @property
    def length(self) -> float:
        """Seconds from the first row to the last; 0 until the file is read."""
        return 0.0 if self._due is None else self._due.length / 1e6

    @property
    def position(self) -> float:
        """Seconds of the recording that were played."""
        return min(self._progress.now() / 1e6, self.length)

    def seek(self, when: float | str | datetime) -> None:
        """Go on from a second of the recording, or from a moment (UTC without a zone).

        On return the log holds the rows up to it, also in a pause and after the end; at 0 it is
        empty. Forward, handlers, streams and waits get the rows in between at once. Back, the
        log is what it was then, and the rows after come again, also to them; a `df` that you hold
        stays as it is, and so do marks. Any thread may call it. Raises SettingsError for what
        is neither, before the recording is read, and for a step back where rows cannot be taken
        out again.

        >>> feed.replay.seek(90)
        >>> feed.replay.seek("2026-11-27 09:15")
        """
        due = self._due
        if self._rows is None or due is None or self._loop is None:
            raise SettingsError("seek(): the recording is not read yet. Start the feed first.")
        check_process(
            self._process,
            "while the recording was played: that goes on in its parent. Start another replay "
            "here, in the child.",
        )
        at = min(max(checked_place(when, due.first_us), 0.0), due.length)
        is_back = at < min(self._progress.now(), due.length) or (at == 0 < self.played)
        if is_back and not isinstance(self._target, Rewindable):
            raise SettingsError(
                "seek(): this replay only goes forward: what it has played is kept elsewhere. "
                "Start another replay of the recording."
            )
        self._progress.move_to(at)
        if is_back or self._back_to is not None:
            self._back_to = at
        self._wait_for_rows(self._loop)

    @property
    def ready(self) -> bool:
        """Whether rows are being played."""
        return self.state == "connected"

    async def run(self) -> None:
        """Play all rows, then return; raises the errors of `read_events`."""
        rows, due = await self._read()
        self._progress.go()
        self.state = "connected"
        self._target.changed()
        try:
            await self._catch_up()
            while self.played < len(rows):
                await self._sleep(self._wait(due.of(self.played)))
                await self._catch_up()
        finally:
            self._progress.pause()

    def retry_now(self) -> None:
        """Do nothing: a replay never waits for a connection."""

    def resume_state(self) -> None:
        """Return None: `Playback` knows where the next replay begins."""

    def clock(self) -> int:
        """Return the current position in recorded time, as Unix nanoseconds."""
        due = self._due
        if due is None:
            return 0
        return (due.first_us + int(min(self._progress.now(), due.length))) * 1000

    async def call(self, method: str, params: dict[str, Any]) -> Any:  # noqa: ARG002 - a listener's signature
        """Raises ConnectionFailed: there is no push server to call."""
        raise ConnectionFailed(
            f"{method}: a replay plays a file, there is no push server to call. Use a feed of "
            f"bx.listen() for that."
        )

    def _wait(self, due: float) -> float:
        left = (due - self._progress.now()) / 1e6 / self.speed
        return min(max(left, _SHORTEST), _LONGEST)

    async def _read(self) -> tuple[StoredRows, DueTimes]:
        """Return the rows and their times; the file is read once."""
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        if self._rows is None or self._due is None:
            events = self._source
            if isinstance(events, str | Path):
                events = await asyncio.to_thread(read_events, events)
            self._rows = await asyncio.to_thread(recorded_rows, events)
            self._due, self.rows = DueTimes(events), len(self._rows)
        return self._rows, self._due

    def _wait_for_rows(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let the rows follow a seek; wait for them, unless on the loop's own thread."""
        if not loop.is_running():
            return  # the next `run` goes on from there
        with suppress(RuntimeError):  # no loop runs on this thread
            if asyncio.get_running_loop() is loop:
                self._following = loop.create_task(self._catch_up())
                return
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._catch_up(), loop).result(_PATIENCE)

    async def _catch_up(self) -> None:
        """Go back where a seek asks for it, then hand over the rows that are due."""
        rows, due = await self._read()
        async with self._playing:
            back_to, self._back_to = self._back_to, None
            if back_to is not None and due.rows_before(back_to) < self.played:
                self._rewind(rows, due.rows_before(back_to), due.first_us + int(back_to))
            now = self._progress.now()
            end = due.rows_until(now) if self._progress.moving or now > 0 else 0
            await self._hand_over(rows, end)

    def _rewind(self, rows: StoredRows, keep: int, at_us: int) -> None:
        """Have the target hold the first rows only; counters follow."""
        again = rows.part(keep, self.played)
        self.played = keep
        self.stats.bad_frames -= again.bad_frames
        self.stats.events -= len(again) - again.bad_frames
        self.stats.last_lag = None
        if isinstance(self._target, Rewindable):
            self._target.rewound(rows.part(0, keep))
        text = "went back to this moment; the events after it come again"
        self._target.happened(LogEntry(at_us=at_us, kind="went_back", text=text))

    async def _hand_over(self, rows: StoredRows, end: int) -> None:
        """Store the rows up to `end` in batches, between other tasks; a seek back ends it."""
        while self.played < end and self._back_to is None:
            stop = min(self.played + _ROWS, end)
            part = rows.part(self.played, stop)
            self._target.store(Batch(part))
            self.played = stop
            self._count(part)
            await self._sleep(0)

    def _count(self, rows: StoredRows) -> None:
        self.stats.bad_frames += rows.bad_frames
        self.stats.events += len(rows) - rows.bad_frames
        lag = rows[-1].lag_us
        if lag is not None:
            self.stats.last_lag = lag / 1e6


class Playback:
    """Opens the replay of one recording: always the same, which goes on where it stopped.

    So a feed that is started again has no event twice.
    """

    def __init__(self, source: "pd.DataFrame | str | Path", speed: float) -> None:
        self._source, self._speed = source, checked_speed(speed)
        self._replay: Replay | None = None

    def __call__(self, target: CaptureTarget, *, stats: ListenerStats, **_live: Any) -> Replay:
        """Return the replay into `target`; a later call returns the same."""
        if self._replay is None:
            self._replay = Replay(self._source, target, speed=self._speed, stats=stats)
        return self._replay
