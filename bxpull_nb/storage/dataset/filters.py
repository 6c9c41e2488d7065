"""Conditions on events: which decide about a folder, a file or a row."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted
from bxpull_nb.models import EVENT_COLUMNS
from bxpull_nb.params.checked_conditions import (
    MEMBERSHIP,
    OPERATORS,
    Condition,
    checked,
    is_on_params,
    shown,
)
from bxpull_nb.params.conditions import OnParams
from bxpull_nb.storage.dataset.part_names import UNKNOWN, Folder

__all__ = ["PARTITIONED", "Condition", "Where", "checked_columns"]
PARTITIONED = ("portal", "date")
"""Columns made from the names of folders, given when they are asked for."""

_SAME_IN_DUPLICATES = ("mid", "server_time", "module_id", "command")


class Where:
    """Conditions that must all hold, sorted by the stage of reading that can decide them.

    A condition on a column that is equal in all duplicates of an event is decided while a file
    is read, the others when duplicates are dropped: otherwise a later duplicate could replace the
    first one. Raises SettingsError for a value that is no condition.
    """

    def __init__(self, conditions: Iterable[Condition] | None) -> None:
        self.conditions = every = [checked(one, PARTITIONED) for one in _listed(conditions)]
        self._folders = [one for one in every if one[0] in PARTITIONED]
        self._params = [OnParams.of(one) for one in every if is_on_params(one[0])]
        rows = [one for one in every if one[0] in EVENT_COLUMNS]
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

    @property
    def columns_of_rows(self) -> list[str]:
        """The columns that decide about a row, `params` for paths in it."""
        names = [name for name, _, _ in (*self._pushdown, *self._residual)]
        return list(dict.fromkeys([*names, *["params"] * self.on_params]))

    def filtered(self, table: pa.Table) -> pa.Table:
        """Return the rows of a table with the types of events that meet the conditions."""
        for condition in (self.pushdown, self.residual):
            table = table if condition is None else table.filter(condition)
        return table.filter(pa.array(self.mask(table["params"]))) if self.on_params else table

    @property
    def on_params(self) -> bool:
        """Whether there is a condition on values in params."""
        return bool(self._params)

    @property
    def on_folders(self) -> bool:
        """Whether there is a condition on `portal` or `date`, which only a dataset has."""
        return bool(self._folders)

    def mask(self, params: pa.ChunkedArray) -> np.ndarray:
        """Whether each of these JSON texts meets the conditions on params.

        Duplicates of an event have equal params, but for one that was torn, which meets none. So
        they are decided while a file is read.
        """
        texts = params.cast(pa.large_string())
        masks = [one.mask(texts) for one in self._params]
        met: np.ndarray = np.logical_and.reduce(masks)
        return met


def _listed(conditions: Iterable[Condition] | None) -> list[Condition]:
    """Return the conditions as a list; SettingsError for a value that is none."""
    try:
        if isinstance(conditions, str | Mapping):
            raise TypeError
        return [] if conditions is None else list(conditions)
    except Exception:  # noqa: BLE001 - any `__iter__`
        raise SettingsError(
            f"where={shown(conditions)} is no list of conditions: write such as "
            f"[('command', '==', 'greeting')]."
        ) from None


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


def _compared(name: str, cell: str, operator: str, value: Any) -> bool:
    if operator in MEMBERSHIP:
        return (cell in value) == MEMBERSHIP[operator]
    if name == "date" and cell == UNKNOWN and operator not in ("==", "!="):
        return False  # an unknown day is neither before nor after another one
    return bool(OPERATORS[operator](cell, value))


def _expression(conditions: list[Condition]) -> Any:
    from pyarrow.parquet import filters_to_expression

    if not conditions:
        return None
    found = pc.scalar(True)
    for name, operator, value in conditions:
        if operator in MEMBERSHIP and not value:  # Arrow knows no type of an empty list
            found &= pc.scalar(not MEMBERSHIP[operator])
        else:
            found &= filters_to_expression([(name, operator, value)])
        if operator == "not in":  # otherwise met by a missing value, unlike !=
            found &= pc.field(name).is_valid()
    return found
