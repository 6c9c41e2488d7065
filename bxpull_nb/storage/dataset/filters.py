"""Conditions on events: which decide about a folder, a file or a row."""

from collections.abc import Iterable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.storage.dataset.part_names import UNKNOWN, Folder

__all__ = ["PARTITIONED", "Condition", "Where", "checked_columns"]

Condition = tuple[str, str, Any]
"""A column, one of `== != < <= > >= in`, `not in`, and a value."""

PARTITIONED = ("portal", "date")
"""Columns made from the names of folders, given when they are asked for."""

_OPERATORS = {"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
_MEMBERSHIP = {"in": True, "not in": False}
_SAME_IN_DUPLICATES = ("mid", "server_time", "module_id", "command")


class Where:
    """Conditions that must all hold, sorted by the stage of reading that can decide them.

    A condition on a column that is equal in all duplicates of an event is decided while a file
    is read, the others when duplicates are dropped: otherwise a later duplicate could replace the
    first one. Raises SettingsError for a value that is no condition.
    """

    def __init__(self, conditions: Iterable[Condition] | None) -> None:
        checked = [_checked(one) for one in conditions or ()]
        self._folders = [one for one in checked if one[0] in PARTITIONED]
        rows = [one for one in checked if one[0] not in PARTITIONED]
        self._pushdown = [one for one in rows if one[0] in _SAME_IN_DUPLICATES]
        self._residual = [one for one in rows if one[0] not in _SAME_IN_DUPLICATES]

    def holds(self, folder: Folder) -> bool:
        """Whether the folder may have rows that meet the conditions."""
        return all(_compared(name, getattr(folder, name), op, v) for name, op, v in self._folders)

    @property
    def pushdown(self) -> Any:
        """The Arrow expression for reading a file; None for no condition."""
        return _expression(self._pushdown)

    @property
    def residual(self) -> Any:
        """The Arrow expression for rows without duplicates; None for no condition."""
        return _expression(self._residual)

    @property
    def columns(self) -> list[str]:
        """The columns that `residual` needs."""
        return [name for name, _, _ in self._residual]


def checked_columns(columns: Sequence[str] | None) -> list[str]:
    """Return the columns, those of events for None; SettingsError for an unknown one."""
    chosen = list(EVENT_COLUMNS) if columns is None else list(dict.fromkeys(columns))
    for name in chosen:
        _known(name)
    return chosen


def _known(name: str) -> None:
    if name not in EVENT_COLUMNS and name not in PARTITIONED:
        known = ", ".join((*EVENT_COLUMNS, *PARTITIONED))
        raise SettingsError(f"{quoted(name)} is no column of a dataset: choose from {known}.")


def _checked(condition: Condition) -> Condition:
    try:
        name, operator, value = condition
    except (TypeError, ValueError):
        name, operator, value = "", "", None
    if operator not in _OPERATORS and operator not in _MEMBERSHIP:
        raise SettingsError(
            f"where={quoted(condition)} is no condition: write a list of such as "
            f"('command', '==', 'greeting') or ('date', '>=', '2026-01-31'), with one of "
            f"{', '.join([*_OPERATORS, *_MEMBERSHIP])}."
        )
    _known(name)
    return (name, operator, list(value) if operator in _MEMBERSHIP else value)


def _compared(name: str, cell: str, operator: str, value: Any) -> bool:
    if operator in _MEMBERSHIP:
        return (cell in [_text(name, one) for one in value]) == _MEMBERSHIP[operator]
    if name == "date" and cell == UNKNOWN and operator not in ("==", "!="):
        return False  # an unknown day is neither before nor after another one
    return bool(_OPERATORS[operator](cell, _text(name, value)))


def _text(name: str, value: Any) -> str:
    return str(value)[:10] if name == "date" else str(value)


def _expression(conditions: list[Condition]) -> Any:
    from pyarrow.parquet import filters_to_expression

    return filters_to_expression([_typed(one) for one in conditions]) if conditions else None


def _typed(condition: Condition) -> Condition:
    """Convert times and durations to the types of their columns."""
    name, operator, value = condition
    kind = EVENT_COLUMNS[name]
    if not kind.startswith(("datetime", "timedelta")):
        return condition
    if operator in _MEMBERSHIP:
        return (name, operator, [_moment(one, kind) for one in value])
    return (name, operator, _moment(value, kind))


def _moment(value: Any, kind: str) -> Any:
    import pandas as pd

    try:
        if kind.startswith("timedelta"):
            return pd.Timedelta(value).as_unit("us").to_pytimedelta()
        moment = pd.Timestamp(value).as_unit("us")
    except (TypeError, ValueError) as exc:
        raise SettingsError(f"where: {quoted(value)} is no time ({reason_of(exc)}).") from None
    utc = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    return utc.to_pydatetime()
