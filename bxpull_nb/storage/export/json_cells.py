"""JSON texts for cells whose values have no other form: lists, objects and mixed values."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NoFormError", "json_texts"]

_SUSPICIOUS = (b"null", b'"P', b'"-P')
"""Parts of texts in which infinity may have become null, or a duration a text such as "P1D"."""


class NoFormError(TypeError):
    """A value that a file cannot hold; the text names its kind."""


def json_texts(column: "pd.Series[Any]") -> list[str | None]:
    """Return the values as JSON texts, None for a missing one; raise NoFormError for the others.

    Durations are in seconds, infinity is the text "Infinity", times are as in ISO 8601.
    """
    cells = zip(column, column.isna(), strict=True)
    return [None if missing else _json(value) for value, missing in cells]


def _json(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        raise NoFormError("bytes; decode them")
    text = msgspec.json.encode(value, enc_hook=_plain)
    if any(part in text for part in _SUSPICIOUS):
        text = msgspec.json.encode(_exact(value), enc_hook=_plain)
    return text.decode()


def _exact(value: Any) -> Any:
    """Return the value with infinity as text and durations in seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {key: _exact(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_exact(inner) for inner in value]
    return value


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _plain(value: Any) -> Any:
    """Return what JSON has for values of numpy and pandas."""
    import numpy as np
    import pandas as pd

    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray | np.generic):
        return _exact(_of_numpy(value))
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, pd.Period | pd.Interval):
        return str(value)
    raise NoFormError(f"a {type(value).__name__}")


def _of_numpy(value: Any) -> Any:
    """Return the values of an array; numpy itself would make numbers of times in nanoseconds."""
    import numpy as np

    if value.dtype.kind == "M":
        texts = np.asarray(np.datetime_as_string(value), dtype=object)
        texts[np.isnat(value)] = None
        return texts.tolist()
    if value.dtype.kind == "m":
        return (value / np.timedelta64(1, "s")).tolist()
    return value.tolist()
