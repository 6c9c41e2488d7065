"""Birthdays: the year stays, the day and the month become the first of January."""

import re
from datetime import UTC, datetime

__all__ = ["coarse_birthday", "coarse_second"]

_YEAR_FIRST = re.compile(r"(\d{4})([-./])\d{1,2}\2\d{1,2}")
_YEAR_LAST = re.compile(r"\d{1,2}([-./])\d{1,2}\1(\d{4}|\d{2})")
_NO_YEAR = re.compile(r"\d{1,2}([-./])\d{1,2}")
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")
_TIME = re.compile(r"[T ]\d{2}:\d{2}.*")


def coarse_birthday(text: str) -> str | None:
    """Return January 1 of the same year, written the same way; None for no date.

    >>> coarse_birthday("1987-03-14T00:00:00+03:00"), coarse_birthday("14.03.1987")
    ('1987-01-01T00:00:00+03:00', '01.01.1987')
    """
    day, time = text, ""
    if found := _TIME.search(text):
        day, time = text[: found.start()], _TIME.sub(_midnight, text[found.start() :])
    if found := _YEAR_FIRST.fullmatch(day):
        return f"{found[1]}{found[2]}01{found[2]}01{time}"
    if found := _YEAR_LAST.fullmatch(day):
        return f"01{found[1]}01{found[1]}{found[2]}{time}"
    if found := _NO_YEAR.fullmatch(day):
        return f"01{found[1]}01{time}"
    return None


def coarse_second(second: float) -> int:
    """Return the Unix second at which this second's year began; 0 out of range."""
    try:
        year = datetime.fromtimestamp(second, UTC).year
    except (OverflowError, OSError, ValueError):
        return 0
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _midnight(time: re.Match[str]) -> str:
    return _CLOCK.sub(lambda found: "00:00:00" if found[1] else "00:00", time[0], count=1)
