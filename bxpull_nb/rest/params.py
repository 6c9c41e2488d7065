"""Parameters of a call: checked JSON, and PHP's brackets inside a batch."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.rest.plain_values import plain_params

__all__ = ["as_json", "as_query", "checked_event_params", "checked_method"]

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
        for index, item in enumerate(value):
            yield from _fields(f"{name}[{index}]", item)
    elif value is not None:
        yield name, str(int(value) if isinstance(value, bool) else value)
