"""Turn the values of parameters into plain JSON values, those of numpy and pandas too.

Neither library is imported: a value of theirs exists only where they are loaded already.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted

__all__ = ["plain_params"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_LARGEST = 3_300  # bits of a number; Python writes only those of at most 4,300 digits
_BYTES = (bytes, bytearray, memoryview)


def plain_params(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters made of dicts, lists, texts, numbers, booleans and None.

    Scalars of numpy and pandas become Python's; their missing values, None. Arrays, series and
    sets become lists, a row of a table (a series with names) a dict; an Enum its value; a Decimal
    a text; times are ISO 8601. Raises SettingsError with the place of a value that JSON cannot
    hold: other objects, durations, NaN and infinities (the portal would take the whole body for
    empty), halves of a character.
    """
    try:
        return _mapping(params, "params")
    except _Unsendable as exc:
        raise SettingsError(
            f"{method}: the parameters cannot be sent as JSON: {exc.place} {exc.problem}."
        ) from None
    except RecursionError:
        raise SettingsError(
            f"{method}: the parameters cannot be sent as JSON: they are nested too deeply, or "
            f"hold themselves."
        ) from None


class _Unsendable(Exception):  # noqa: N818 - becomes a SettingsError
    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place, self.problem = place, problem


def _plain(value: Any, place: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return _plain(value.value, place)
    if isinstance(value, str):
        return _text(value, place)
    if isinstance(value, Mapping):
        return _mapping(value, place)
    if _is_named_series(value):
        return _mapping(dict(value.items()), place)
    if _is_list(value):
        return [_plain(item, f"{place}[{index}]") for index, item in enumerate(value)]
    return _scalar(value, place)


def _mapping(values: Mapping[Any, Any], place: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in values.items():
        name = _name(key, place)
        if name in plain:
            raise _Unsendable(
                place, f"has the name {quoted(name)} twice, as a text and as a number"
            )
        plain[name] = _plain(item, f"{place}[{quoted(name)}]")
    return plain


def _name(key: Any, place: str) -> str:
    if isinstance(key, str) and _SURROGATE.search(key):
        raise _Unsendable(place, "has a name with half of a character")
    name = _plain(key, place)
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        raise _Unsendable(place, f"has a {type(key).__name__} as a name, where JSON has a text")
    return str(name)


def _text(value: str, place: str) -> str:
    if _SURROGATE.search(value):
        raise _Unsendable(place, "holds half of a character (a lone surrogate)")
    return str.__str__(value)  # a text of numpy is a subclass


def _is_named_series(value: Any) -> bool:
    """Whether it is a series of pandas with texts as its index, such as a row of a table."""
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(value, pandas.Series):
        return False
    return len(value) > 0 and all(isinstance(name, str) for name in value.index)


def _is_list(value: Any) -> bool:
    if isinstance(value, _BYTES):
        return False
    if isinstance(value, Sequence | Set):
        return True
    is_array = isinstance(value, Iterable) and hasattr(value, "tolist")
    return is_array and getattr(value, "ndim", 1) > 0


def _scalar(value: Any, place: str) -> Any:
    if _is_missing(value):
        return None
    if isinstance(value, int):
        return _sendable(int(value), place)
    if isinstance(value, float):
        return _finite(float(value), place)
    if isinstance(value, Decimal):
        return _decimal(value, place)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        raise _Unsendable(place, "is a duration: give seconds as a number")
    return _from_numpy(value, place) if _is_numpy(value) else _built_in(value, place)


def _sendable(value: int, place: str) -> int:
    if value.bit_length() > _LARGEST:
        raise _Unsendable(place, "is a number of more than 1,000 digits")
    return value


def _finite(value: float, place: str) -> float:
    if not isfinite(value):
        raise _Unsendable(place, f"is {value}, which JSON does not have")
    return value


def _decimal(value: Decimal, place: str) -> str:
    if not value.is_finite():
        raise _Unsendable(place, f"is {value}, which JSON does not have")
    return format(value, "f")


def _is_missing(value: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def _is_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.generic | numpy.ndarray)


def _from_numpy(value: Any, place: str) -> Any:
    """Return the Python value of a numpy scalar; a time to the microsecond."""
    kind = value.dtype.kind
    if kind == "m":
        raise _Unsendable(place, "is a duration: give seconds as a number")
    if kind == "f":
        return _finite(float(value), place)
    item = value.item()
    if kind == "M" and isinstance(item, int):  # nanoseconds
        item = value.astype("datetime64[us]").item()
    if isinstance(item, int) and kind == "M":
        raise _Unsendable(place, "is a time outside the years 1 to 9999")
    return _built_in(value, place) if _is_numpy(item) else _plain(item, place)


def _built_in(value: Any, place: str) -> Any:
    """Return what msgspec makes of the object: of dataclasses, UUIDs and bytes, for example."""
    try:
        built = msgspec.to_builtins(value)
    except (TypeError, ValueError):
        built = value
    if type(built) is type(value):
        raise _Unsendable(place, f"is a {type(value).__name__}, which JSON does not have")
    return _plain(built, place)
