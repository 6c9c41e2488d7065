"""Times as ISO 8601 text, made digit by digit in columns: a fifth of what a calendar takes."""

import numpy as np
import pyarrow as pa

__all__ = ["iso_texts"]

_LENGTH = len("2026-01-01T00:00:00.000000Z")
_DAY = 86_400_000_000  # microseconds
_FIELDS = ((11, 2), (14, 2), (17, 2), (20, 6))  # where hours, minutes, seconds, microseconds stand


def iso_texts(column: pa.ChunkedArray) -> pa.LargeStringArray:
    """The microsecond times (UTC, of the years 0 to 9999) as text; what is missing stays so."""
    times = pa.concat_arrays([pa.array([], column.type), *column.chunks])
    days, within = np.divmod(times.cast(pa.int64()).fill_null(0).to_numpy(), _DAY)
    text = np.empty((len(times), _LENGTH), dtype="uint8")
    text[:, :10] = _dates(days)
    text[:, [10, 13, 16, 19, 26]] = np.frombuffer(b"T::.Z", dtype="uint8")
    for (start, digits), numbers in zip(_FIELDS, _clock(within), strict=True):
        rest = numbers
        for place in range(start + digits - 1, start - 1, -1):
            rest, digit = np.divmod(rest, 10)
            text[:, place] = digit + ord("0")
    ends = np.arange(0, (len(times) + 1) * _LENGTH, _LENGTH, dtype="int64")
    missing = pa.array(times.is_valid()).buffers()[1] if times.null_count else None
    buffers = (pa.py_buffer(ends), pa.py_buffer(text), missing)
    return pa.LargeStringArray.from_buffers(len(times), *buffers, times.null_count)


def _dates(days: np.ndarray) -> np.ndarray:
    """Ten bytes a day since 1970; a capture has few different ones."""
    known, which = np.unique(days, return_inverse=True)
    dates = np.datetime_as_string(known.astype("datetime64[D]")).astype("S10")
    return dates.view("uint8").reshape(-1, 10)[which]


def _clock(within: np.ndarray) -> tuple[np.ndarray, ...]:
    """Hours, minutes, seconds and microseconds of the microseconds within a day."""
    seconds, microseconds = np.divmod(within, 1_000_000)
    minutes, seconds = np.divmod(seconds.astype("int32"), 60)
    hours, minutes = np.divmod(minutes, 60)
    return hours, minutes, seconds, microseconds.astype("int32")
