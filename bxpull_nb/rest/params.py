"""Parameters of a call: checked JSON, and PHP's brackets inside a batch."""

import re
from collections.abc import Iterable, Iterator, Mapping
from operator import index
from typing import Any
from urllib.parse import urlencode

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models.fields import whole_number
from bxpull_nb.rest.plain_values import plain_params

__all__ = [
    "as_json",
    "as_query",
    "checked_event_params",
    "checked_method",
    "checked_user",
    "checked_users",
]

_METHOD = re.compile(r"(?!(?=[A-Za-z]*\d)[A-Za-z0-9]{16,}$)[A-Za-z0-9_.]+")
"""A name in Latin letters; not a long code of letters and digits, which is a secret."""


def checked_method(method: str) -> str:
    """Return the method's name; raises SettingsError for one that would change the address."""
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise SettingsError(f"{quoted(method)} is no REST method's name. Write it like 'app.info'.")
    return method


def checked_event_params(params: object) -> dict[Any, Any] | list[Any]:
    """Return the params of an event, a dict or a list; raises SettingsError for anything else."""
    if params is None or isinstance(params, Mapping):
        return dict(params or {})
    if isinstance(params, list | tuple):
        return list(params)
    raise SettingsError(f"params={quoted(params)}: give a dict of keys and values, or a list.")


def checked_users(users: Iterable[object]) -> list[int]:
    """Return the ids of users; raises SettingsError for anything but numbers."""
    try:
        given = list(users)
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(f"{quoted(users)} is no list of users' ids, such as [1, 7].") from None
    return list(map(checked_user, given))


def checked_user(user: object) -> int:
    """Return the user's id, which may be written as text, or be a number of numpy.

    Raises SettingsError for anything else.
    """
    try:
        number = whole_number(user if isinstance(user, str) else index(user))  # type: ignore[arg-type]
    except Exception:  # noqa: BLE001 - any `__index__`
        number = None
    if number is None:
        raise SettingsError(f"{quoted(user)} is no user's id. Give numbers, such as [1, 7].")
    return number


def as_json(method: str, params: Mapping[str, Any]) -> bytes:
    """Return the parameters as JSON; raises SettingsError for those of no JSON (`plain_params`)."""
    return msgspec.json.encode(plain_params(method, params))


def as_query(params: Mapping[str, Any]) -> str:
    """Return plain parameters as PHP writes them in a query: `a[b][0]=1`.

    True and False are 1 and 0; None and empty maps and lists are left out, as PHP does.
    """
    return urlencode([field for name, item in params.items() for field in _fields(str(name), item)])


def _fields(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _fields(f"{name}[{key}]", item)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _fields(f"{name}[{place}]", item)
    elif value is not None:
        yield name, str(int(value) if isinstance(value, bool) else value)
