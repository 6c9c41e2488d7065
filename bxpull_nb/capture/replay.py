"""Replay: a captured file drives a feed, as the listener drives a live one."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bxpull_nb.capture.checks import shown
from bxpull_nb.capture.recorded import microseconds, recorded_rows
from bxpull_nb.errors import ConnectionFailed, SettingsError
from bxpull_nb.listener import CaptureTarget, ListenerStats
from bxpull_nb.models import Batch
from bxpull_nb.storage.dataset import read_events
from bxpull_nb.storage.eventlog import StoredRows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Playback", "Replay"]

_ROWS = 8192  # rows per batch, some 10 ms; between batches the loop runs other tasks
_SHORTEST = 0.01  # seconds: rows due within this time come together
_LONGEST = 0.25  # seconds: a new speed takes effect after this time at most
_TOLERANCE = 1.0  # microseconds: sums of floats are inexact
_NAT = np.iinfo("int64").min


class Replay:
    """Plays captured events into `target`, with the gaps they had, divided by `speed`.

    `source` is a DataFrame of events, or the path of a file for `read_events`. Each row comes as
    it was recorded, `received_at` included, so the log at the end equals the recording value by
    value. Rows come in order, on time to 10 ms. `speed` is above zero: 1 as recorded, 10 ten
    times as fast, `math.inf` at once; any thread may change it during the replay. `start` is the
    first row to play. `monotonic` returns seconds.
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
        start: int = 0,
        stats: ListenerStats | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.stats = stats or ListenerStats()
        self.state = "connecting"
        """`connecting` while the file is read, then `connected`."""
        self.played = start
        """Rows handed over so far, those before `start` included."""
        self.rows: int | None = None
        """Rows in all; None until the file is read."""
        self._source = source
        self._target = target
        self._sleep = sleep
        self._progress = _Progress(_checked(speed), monotonic)
        self._span = (0, 0)  # microseconds since 1970: the first row's arrival, and the last's

    @property
    def speed(self) -> float:
        """Recorded seconds that pass in one second; SettingsError unless above zero."""
        return self._progress.speed

    @speed.setter
    def speed(self, speed: float) -> None:
        self._progress.change(_checked(speed))

    @property
    def length(self) -> float:
        """Seconds from the first row to the last; 0 until the file is read."""
        first, last = self._span
        return (last - first) / 1e6

    @property
    def position(self) -> float:
        """Seconds of the recording that were played."""
        return (self.clock() // 1000 - self._span[0]) / 1e6

    def seek(self, seconds: float) -> None:
        """Go on from this second of the recording; the rows before it come at once.

        A replay never goes back: what was played stays. Any thread may call it.
        """
        self._progress.advance_to(min(seconds, self.length) * 1e6)

    @property
    def ready(self) -> bool:
        """Whether rows are being played."""
        return self.state == "connected"

    async def run(self) -> None:
        """Play all rows, then return; raises the errors of `read_events`."""
        events = self._source
        if isinstance(events, str | Path):
            events = await asyncio.to_thread(read_events, events)
        self.rows = len(events)
        rows = await asyncio.to_thread(recorded_rows, events)
        due = _due(events)
        self._span = _span(events, due)
        self._progress.start(float(due[self.played - 1]) if self.played else 0.0)
        self.state = "connected"
        self._target.changed()
        while self.played < len(events):
            end = int(np.searchsorted(due, self._progress.now() + _TOLERANCE, side="right"))
            if end > self.played:
                await self._hand_over(rows, end)
            else:
                await self._sleep(self._wait(float(due[end])))

    def retry_now(self) -> None:
        """Do nothing: a replay never waits for a connection."""

    def resume_state(self) -> None:
        """Return None: `Playback` knows where the next replay begins."""

    def clock(self) -> int:
        """Return the current position in recorded time, as Unix nanoseconds."""
        first, last = self._span
        return (first + int(min(self._progress.now(), last - first))) * 1000

    async def call(self, method: str, params: dict[str, Any]) -> Any:  # noqa: ARG002 - a listener's signature
        """Raises ConnectionFailed: there is no push server to call."""
        raise ConnectionFailed(
            f"{method}: a replay plays a file, there is no push server to call. Use a feed of "
            f"bx.listen() for that."
        )

    def _wait(self, due: float) -> float:
        left = (due - self._progress.now()) / 1e6 / self.speed
        return min(max(left, _SHORTEST), _LONGEST)

    async def _hand_over(self, rows: StoredRows, end: int) -> None:
        """Store the rows up to `end` in batches; other tasks run in between."""
        while self.played < end:
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
    """Opens the replays of one recording: each continues where the one before stopped.

    So a feed that is started again has no event twice.
    """

    def __init__(self, source: "pd.DataFrame | str | Path", speed: float) -> None:
        self._source, self._speed = source, _checked(speed)
        self._last: Replay | None = None

    def __call__(self, target: CaptureTarget, *, stats: ListenerStats, **_live: Any) -> Replay:
        """Return the next replay, at the speed of the last."""
        last = self._last
        self._last = Replay(
            self._source,
            target,
            speed=self._speed if last is None else last.speed,
            start=0 if last is None else last.played,
            stats=stats,
        )
        return self._last


class _Progress:
    """The current position in recorded time: microseconds since the first row."""

    def __init__(self, speed: float, monotonic: Callable[[], float]) -> None:
        self.speed = speed
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen = self._at = 0.0

    def start(self, at: float) -> None:
        with self._lock:
            self._seen, self._at = self._monotonic(), at

    def now(self) -> float:
        with self._lock:
            return self._advance()

    def advance_to(self, at: float) -> None:
        """Continue from there, unless it is further already."""
        with self._lock:
            self._at = max(self._advance(), at)

    def change(self, speed: float) -> None:
        """Set the speed from now on; the time so far counts at the old one."""
        with self._lock:
            self._advance()
            self.speed = speed

    def _advance(self) -> float:
        seen = self._monotonic()
        if math.isinf(self.speed):
            self._at = math.inf
        else:
            self._at += (seen - self._seen) * 1e6 * self.speed
        self._seen = seen
        return self._at


def _checked(speed: Any) -> float:
    try:
        number = math.nan if isinstance(speed, str | bytes) else float(speed)
    except Exception:  # noqa: BLE001 - any `__float__`
        number = math.nan
    if not number > 0:  # also for nan
        raise SettingsError(
            f"speed={shown(speed)}: it must be above zero. 1 is as recorded, math.inf at once."
        )
    return number


def _due(events: "pd.DataFrame") -> np.ndarray:
    """Return when each row is due: microseconds after the first, never decreasing."""
    times = microseconds(events["received_at"])
    known = times[times != _NAT]
    first = known[0] if len(known) else 0
    return np.maximum.accumulate(np.maximum(times, first)) - first


def _span(events: "pd.DataFrame", due: np.ndarray) -> tuple[int, int]:
    times = microseconds(events["received_at"])
    known = times[times != _NAT]
    first = int(known[0]) if len(known) else 0
    return first, first + int(due[-1]) if len(due) else first
