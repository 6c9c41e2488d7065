"""Pauses of each command: which one has been silent for longer than ever before."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["Pauses", "Silence"]

_LEAST = 20  # events, before which the usual pauses are not known
_FACTOR = 3
"""A silence is so many times as long as the longest pause before.

For events at random (Poisson) that happens to less than 1 command in 100, ever: the chance that
pause n + 1 is three times the longest of n is 6 / ((n + 1) (n + 2) (n + 3)).
"""


class Silence(NamedTuple):
    """A command that no longer comes."""

    command: str
    last_us: int
    """Its last time, in microseconds since 1970."""
    longest_us: int
    """Its longest pause before."""
    events: int


@dataclass(slots=True)
class _Pace:
    last: int
    longest: int = 0
    events: int = 0
    is_silent: bool = False


class Pauses:
    """The pauses of each command; times are microseconds since 1970, in any order."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}
        self._resumed = 0

    def add(self, names: list[str], codes: np.ndarray, times: np.ndarray) -> None:
        """Count events: the place of each one's command in `names`, and its time."""
        order = np.lexsort((times, codes))
        codes, times = codes[order], times[order]
        different, starts, counts = np.unique(codes, return_index=True, return_counts=True)
        gaps = np.diff(times, prepend=times[:1])
        gaps[starts] = 0
        longest = np.maximum.reduceat(gaps, starts) if len(starts) else starts
        ends = times[starts + counts - 1]
        for code, start, count, gap, last in zip(
            *(part.tolist() for part in (different, times[starts], counts, longest, ends)),
            strict=True,
        ):
            self._add(names[code], start, last, gap, count)

    def interrupted(self, now_us: int) -> None:
        """Note that no event could come until now: silences begin again."""
        self._resumed = now_us

    def silent(self, now_us: int, least_us: int) -> list[Silence]:
        """Return the commands that are silent now and were not when last asked."""
        found = []
        for name, pace in self._paces.items():
            gap = now_us - max(pace.last, self._resumed)
            limit = max(least_us, _FACTOR * pace.longest)
            if not pace.is_silent and pace.events >= _LEAST and gap >= limit:
                pace.is_silent = True
                found.append(Silence(name, pace.last, pace.longest, pace.events))
        return found

    def _add(self, name: str, first: int, last: int, gap: int, count: int) -> None:
        pace = self._paces.setdefault(name, _Pace(first))
        since = max(pace.last, self._resumed)
        pace.longest = max(pace.longest, gap, first - since)
        pace.last = max(pace.last, last)
        pace.events += count
        pace.is_silent = False
