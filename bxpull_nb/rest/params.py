"""Parameters of a call: checked JSON, and PHP's brackets inside a batch."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any
from urllib.parse import urlencode

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted, reason_of

__all__ = ["as_json", "as_query", "checked_method"]

_METHOD = re.compile(r"(?!(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}$)[A-Za-z0-9_.]+")
"""A name in Latin letters; not a long code of letters and digits, which is a secret."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def checked_method(method: str) -> str:
    """Return the method's name; raises SettingsError for one that would change the address."""
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise SettingsError(f"{quoted(method)} is no REST method's name. Write it like 'app.info'.")
    return method


def as_json(method: str, params: Mapping[str, Any]) -> bytes:
    """Return the parameters as JSON.

    Raises SettingsError with the place of a value that JSON cannot hold: other objects, NaN and
    infinities (the portal would take the whole body for empty), halves of a character.
    """
    try:
        _check(params, "params", method)
        return msgspec.json.encode(params)
    except RecursionError:
        raise SettingsError(
            f"{method}: the parameters cannot be sent as JSON: they are nested too deeply, or "
            f"hold themselves."
        ) from None
    except (TypeError, ValueError, OverflowError) as exc:
        if isinstance(exc, SettingsError):
            raise
        raise SettingsError(
            f"{method}: the parameters cannot be sent as JSON: {reason_of(exc)}"
        ) from None


def as_query(params: Mapping[str, Any]) -> str:
    """Return the parameters as PHP writes them in a query: `a[b][0]=1`.

    True and False are 1 and 0; None and empty maps and lists are left out, as PHP does.
    """
    return urlencode([field for name, item in params.items() for field in _fields(str(name), item)])


def _fields(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _fields(f"{name}[{key}]", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _fields(f"{name}[{index}]", item)
    elif value is not None:
        yield name, str(int(value) if isinstance(value, bool) else value)


def _check(value: Any, place: str, method: str) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise _unsendable(method, place, "holds half of a character (a lone surrogate)")
    elif isinstance(value, float):
        if not isfinite(value):
            raise _unsendable(method, place, f"is {value}, which JSON does not have")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str) and _SURROGATE.search(key):
                raise _unsendable(method, place, "has a name with half of a character")
            _check(item, f"{place}[{quoted(key)}]", method)
    elif isinstance(value, list | tuple | set | frozenset):
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]", method)


def _unsendable(method: str, place: str, problem: str) -> SettingsError:
    return SettingsError(f"{method}: the parameters cannot be sent as JSON: {place} {problem}.")
