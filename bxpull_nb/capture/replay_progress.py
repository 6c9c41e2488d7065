"""The place of a replay in recorded time: when each row is due, and how far it is."""

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bxpull_nb.capture.checks import shown
from bxpull_nb.capture.recorded import microseconds
from bxpull_nb.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DueTimes", "Progress", "checked_place", "checked_speed"]

_TOLERANCE = 1.0  # microseconds: sums of floats are inexact
_NAT = np.iinfo("int64").min


class DueTimes:
    """The due time of each row of a recording: microseconds after the first, never less."""

    def __init__(self, events: "pd.DataFrame") -> None:
        times = microseconds(events["received_at"])
        known = times[times != _NAT]
        self.first_us = int(known[0]) if len(known) else 0
        """The first row's arrival, in microseconds since 1970."""
        self._due = np.maximum.accumulate(np.maximum(times, self.first_us)) - self.first_us
        self.length = float(self._due[-1]) if len(self._due) else 0.0
        """The due time of the last row."""

    def of(self, row: int) -> float:
        """Return when the row is due."""
        return float(self._due[row])

    def rows_until(self, at: float) -> int:
        """Return how many rows are due at this time or before."""
        return int(np.searchsorted(self._due, at + _TOLERANCE, side="right"))

    def rows_before(self, at: float) -> int:
        """Return how many rows are due before this time."""
        return int(np.searchsorted(self._due, at - _TOLERANCE, side="right"))


class Progress:
    """The current place in recorded time, in microseconds after the first row; any thread."""

    def __init__(self, speed: float, monotonic: Callable[[], float]) -> None:
        self.speed = speed
        self.moving = False
        """Whether time passes; not in a pause."""
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen = self._at = 0.0

    def go(self) -> None:
        """Let time pass from now on."""
        with self._lock:
            self._seen, self.moving = self._monotonic(), True

    def pause(self) -> None:
        """Let no time pass until `go`."""
        with self._lock:
            self._advance()
            self.moving = False

    def now(self) -> float:
        """Return the place."""
        with self._lock:
            return self._advance()

    def move_to(self, at: float) -> None:
        """Go on from there, further on or further back."""
        with self._lock:
            self._seen, self._at = self._monotonic(), at

    def change(self, speed: float) -> None:
        """Set the speed from now on; the time so far counts at the old one."""
        with self._lock:
            self._advance()
            self.speed = speed

    def _advance(self) -> float:
        if not self.moving:
            return self._at
        seen = self._monotonic()
        if math.isinf(self.speed):
            self._at = math.inf
        else:
            self._at += (seen - self._seen) * 1e6 * self.speed
        self._seen = seen
        return self._at


def checked_speed(speed: Any) -> float:
    """Return the speed as a number; raises SettingsError unless it is above zero."""
    number = _number(speed)
    if not number > 0:  # also for nan
        raise SettingsError(
            f"speed={shown(speed)}: it must be above zero. 1 is as recorded, math.inf at once."
        )
    return number


def checked_place(when: Any, first_us: int) -> float:
    """Return the place that `when` means, in microseconds after `first_us`.

    A number is seconds after it, anything else a moment, in UTC unless it names a time zone.
    Raises SettingsError for neither.
    """
    at = _number(when) * 1e6
    if math.isnan(at):
        at = _moment(when) - first_us
    if math.isnan(at):
        raise SettingsError(
            f"seek({shown(when)}): give seconds of the recording, or a moment such as "
            f"'2026-11-27 09:15' (UTC)."
        )
    return at


def _number(value: Any) -> float:
    try:
        is_other = isinstance(value, str | bytes | np.datetime64 | np.timedelta64)
        return math.nan if is_other else float(value)
    except Exception:  # noqa: BLE001 - any `__float__`
        return math.nan


def _moment(when: Any) -> float:
    """Return microseconds since 1970, nan for what is no moment."""
    import pandas as pd

    try:
        moment = pd.Timestamp(when)
        moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
        return moment.timestamp() * 1e6
    except Exception:  # noqa: BLE001 - any object, and any text
        return math.nan
