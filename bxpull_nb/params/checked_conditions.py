"""Conditions as users write them, checked: names, operators, and values of the right types."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from operator import eq, ge, gt, le, lt, ne
from typing import Any

import numpy as np

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import listed, quoted
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.params.texts import is_whole

__all__ = [
    "MEMBERSHIP",
    "OPERATORS",
    "Condition",
    "checked",
    "is_on_params",
    "moment",
    "plain_value",
    "shown",
    "typed",
]

Condition = tuple[str, str, Any]
"""A column or a path in params, one of `== != < <= > >= in`, `not in`, and a value."""

OPERATORS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
MEMBERSHIP = {"in": True, "not in": False}
"""Operators that take a list of values -> whether the value must be in it."""


def is_on_params(name: str) -> bool:
    """Whether a condition of this name is one on values in params."""
    return name.startswith(("params.", "params["))


def checked(condition: Any, others: Iterable[str] = ()) -> Condition:
    """Return the condition; SettingsError for a value that is none.

    Names are those of events, paths in params, and `others`.
    """
    try:
        name, operator, value = condition
        is_known = isinstance(name, str) and operator in (*OPERATORS, *MEMBERSHIP)
    except Exception:  # noqa: BLE001 - any `__iter__` and `__eq__`
        is_known = False
    if not is_known:
        raise SettingsError(
            f"where={shown(condition)} is no condition: write a list of such as "
            f"('command', '==', 'greeting'), ('params.stage', '==', 'WON') or "
            f"('date', '>=', '2026-01-31'), with one of {', '.join([*OPERATORS, *MEMBERSHIP])}."
        )
    if not is_on_params(name) and name not in (*EVENT_COLUMNS, *others):
        known = ", ".join((*EVENT_COLUMNS, *others))
        raise SettingsError(
            f"{quoted(name)} is no column of events: choose from {known}, or a path such as "
            f"params.{listed([name])}."
        )
    if operator in MEMBERSHIP:
        value = _values(value, condition)
    return (name, operator, value) if is_on_params(name) else typed((name, operator, value))


def shown(condition: Any) -> str:
    """Return a condition for an error; its own text may fail."""
    try:
        return quoted(str(condition))
    except Exception:  # noqa: BLE001 - any `__str__` and `__repr__`
        return quoted(condition)


def _values(value: Any, condition: Any) -> list[Any]:
    """Return the values of `in`; SettingsError for what is no list."""
    try:
        if isinstance(value, str | bytes | Mapping):
            raise TypeError
        return list(value)
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(
            f"where={shown(condition)}: {quoted(condition[1])} takes a list of values."
        ) from None


def moment(value: Any, kind: str) -> Any:
    """Return a time or a duration of a column's dtype as Python's own."""
    import pandas as pd

    try:
        if kind.startswith("timedelta"):
            return _not_missing(pd.Timedelta(value)).as_unit("us").to_pytimedelta()
        found = _not_missing(pd.Timestamp(value)).as_unit("us")
        utc = found.tz_localize("UTC") if found.tzinfo is None else found.tz_convert("UTC")
        return utc.to_pydatetime()
    except Exception:  # noqa: BLE001 - any object, and times that have no microseconds
        like = "5s" if kind.startswith("timedelta") else "2026-01-31T12:00Z"
        raise SettingsError(f"{quoted(value)} is no time: write it as '{like}'.") from None


def _not_missing(value: Any) -> Any:
    if value != value:
        raise ValueError("a missing time")
    return value


def typed(condition: Condition) -> Condition:
    """Return the condition with values as the type of its column has them.

    Raises SettingsError for others. The columns `portal` and `date` are texts, of times too.
    """
    name, operator, value = condition
    kind = EVENT_COLUMNS.get(name, "date" if name == "date" else "str")
    if operator in MEMBERSHIP:
        return (name, operator, [_typed(one, kind, condition) for one in value])
    return (name, operator, _typed(value, kind, condition))


def _typed(value: Any, kind: str, condition: Condition) -> Any:
    if kind.startswith(("datetime", "timedelta")):
        return moment(value, kind)
    if kind == "date" and isinstance(value, date | np.datetime64 | str):
        return str(value)[:10]
    if not isinstance(value, str):
        raise SettingsError(
            f"where={shown(condition)}: {condition[0]} holds texts, so compare it with a text; a "
            f"missing value meets no condition."
        )
    return _whole(str(value), condition)


def _whole(text: str, condition: Condition) -> str:
    """Return the text; SettingsError for one with half a character, which no table can hold."""
    if not is_whole(text):
        raise SettingsError(
            f"where={shown(condition)}: the text holds half a character (U+D800 to U+DFFF)."
        )
    return text


def plain_value(value: Any, condition: Condition) -> Any:
    """Return the value as JSON has it, also of numpy; SettingsError for another one."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return _whole(value, condition)
    if not isinstance(value, bool | int | float) and not _is_json(value):
        raise SettingsError(
            f"where={shown(condition)}: compare with a text, a number, True or False, or a "
            f"list of them; a missing value and null meet no condition."
        )
    return value


def _is_json(value: Any) -> bool:
    try:
        return isinstance(value, list | dict) and bool(json.dumps(value).encode())
    except Exception:  # noqa: BLE001 - any object inside
        return False
