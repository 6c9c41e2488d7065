"""Conditions on events and on values in their params: compiled once, for tables and live events.

A condition is a tuple such as `("params.stage", "==", "WON")`: a column of events, or `params.` and
a path; one of `== != < <= > >= in`, `not in`; a value. A missing value and null meet no condition,
not even `!=`. Numbers are compared with numbers, exactly, and texts with texts: values of other
types are unequal, and neither less nor greater. A path to many values needs one that meets it.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from operator import eq, ne
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.models import Record
from bxpull_nb.models.json_text import decoded
from bxpull_nb.params.checked_conditions import (
    MEMBERSHIP,
    OPERATORS,
    Condition,
    checked,
    is_on_params,
    plain_value,
)
from bxpull_nb.params.engine import of_texts, opened
from bxpull_nb.params.extract import extracted
from bxpull_nb.params.path import Path
from bxpull_nb.params.texts import KINDS, Texts, readable

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bxpull_nb.params.flatten import Values

__all__ = ["Condition", "Conditions", "OnParams"]

_VARCHAR = KINDS.index("VARCHAR")
_COMPARE = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_FEW_VALUES = 8  # from more on, looking for each takes longer than reading the JSON
_UNESCAPED = re.compile(r'[^"\\/\x00-\x1f]+')  # JSON writes these as they are, or as \\u…
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Conditions:
    """Conditions that must all hold, for one event at a time.

    >>> wanted = Conditions([("command", "==", "dealUpdate"), ("params.id", "in", [15, "15"])])
    >>> feed.wait(wanted.hold, timeout=5)
    """

    def __init__(self, conditions: Iterable[Condition]) -> None:
        every = list(map(checked, conditions))
        self._params = [OnParams.of(one) for one in every if is_on_params(one[0])]
        self._columns = [one for one in every if not is_on_params(one[0])]

    def hold(self, record: Record) -> bool:
        """Whether an event meets all of them; its params are decoded only if need be."""
        for name, operator, value in self._columns:
            if not _meets(_cell(record, name), operator, value):
                return False
        if not self._params:
            return True
        params = decoded(record.params_json.decode())
        return all(one.holds(params) for one in self._params)


class OnParams(NamedTuple):
    """A condition on the values of a path in params."""

    path: Path
    operator: str
    value: Any

    @classmethod
    def of(cls, condition: Condition) -> "OnParams":
        """Return the condition, compiled; SettingsError for a path or a value that cannot be."""
        name, operator, value = condition
        values = value if operator in MEMBERSHIP else [value]
        plain = [plain_value(one, condition) for one in values]
        rest = name.removeprefix("params")
        path = Path() if not rest else Path.of(rest if rest.startswith("[") else rest[1:])
        return cls(path, operator, plain if operator in MEMBERSHIP else plain[0])

    def holds(self, params: Any) -> bool:
        """Whether decoded params meet it."""
        return any(_meets(value, self.operator, self.value) for value in self.path.find(params))

    def mask(self, texts: pa.LargeStringArray) -> np.ndarray:
        """Whether each of these JSON texts meets it. A missing or broken one does not."""
        met = np.zeros(len(texts), bool)
        with opened() as connection:
            rows = self._likely(connection, texts)
            some = texts if len(rows) == len(texts) else texts.take(pa.array(rows))
            met[rows] = self._exact(connection, some)
        return met

    def _likely(self, connection: "DuckDBPyConnection", texts: pa.LargeStringArray) -> np.ndarray:
        """Return the places of texts that may meet it: all others do not.

        They have the wanted text or an escape, which is found much quicker than JSON is read.
        """
        values = self.value if self.operator in MEMBERSHIP else [self.value]
        is_plain = all(isinstance(value, str) and _UNESCAPED.fullmatch(value) for value in values)
        if self.operator not in ("==", "in") or not is_plain or not 0 < len(values) <= _FEW_VALUES:
            return np.arange(len(texts))
        sought = [r"\u00" if all(map(str.isascii, values)) else r"\u", *values]
        has_any = " OR ".join(["contains(text, ?)"] * len(sought))
        query = f"SELECT {has_any} FROM texts"  # noqa: S608 - only question marks
        [found] = of_texts(connection, query, texts, sought)
        return np.flatnonzero(found.fill_null(False).to_numpy(zero_copy_only=False))

    def _exact(self, connection: "DuckDBPyConnection", texts: pa.LargeStringArray) -> np.ndarray:
        met = np.zeros(len(texts), bool)
        values = self._values(connection, texts)
        if self.path.is_many:
            lists = map(decoded, values.texts.to_pylist())
            found = [any(_meets(v, self.operator, self.value) for v in one) for one in lists]
            met[values.rows] = np.array(found, bool)
        else:
            met[values.rows] = self._met(values)
        return met

    def _values(self, connection: "DuckDBPyConnection", texts: pa.LargeStringArray) -> "Values":
        from duckdb import InvalidInputException

        if not texts.null_count:
            present = np.zeros(len(texts), int)
            with suppress(InvalidInputException):  # nearly always all are JSON for DuckDB
                return extracted(connection, Texts(texts, present, present > 0), [self.path])[0]
        return extracted(connection, readable(connection, texts), [self.path])[0]

    def _met(self, values: "Values") -> np.ndarray:
        """Whether each value meets it, one answer for equal values."""
        met = np.zeros(len(values.rows), bool)
        for kind in np.unique(values.kinds):
            chosen = values.kinds == kind
            texts = values.texts if chosen.all() else values.texts.filter(pa.array(chosen))
            if kind == _VARCHAR and isinstance(self.value, str):
                met[chosen] = _COMPARE[self.operator](texts, self.value)
                continue
            coded = texts.dictionary_encode()
            known = [
                _meets(text if kind == _VARCHAR else text and decoded(text), *self[1:])
                for text in coded.dictionary.to_pylist()
            ]
            met[chosen] = np.array([*known, False])[coded.indices.fill_null(-1).to_numpy()]
        return met


def _cell(record: Record, name: str) -> Any:
    """Return the value that a column has for the event; None for a missing one."""
    if name == "params":
        return record.params_json.decode()
    if name == "lag":
        return None if record.lag_us is None else timedelta(microseconds=record.lag_us)
    if name == "transport":
        return record.arrival.transport
    if name == "received_at":
        return _time(record.arrival.received_us)
    if name == "server_time":
        sent = record.server_time_unix
        return None if sent is None else _time(round(sent * 1e6))
    return getattr(record, name)


def _time(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _meets(cell: Any, operator: str, value: Any) -> bool:
    if cell is None:
        return False
    if operator in MEMBERSHIP:
        return any(_compared(cell, eq, one) for one in value) == MEMBERSHIP[operator]
    return _compared(cell, OPERATORS[operator], value)


def _compared(cell: Any, compare: Any, value: Any) -> bool:
    """Compare two values of one type; others are unequal and have no order."""
    kind = _kind(cell)
    if kind != _kind(value):
        return bool(compare is ne)
    if kind in (bool, list, dict) and compare not in (eq, ne):
        return False
    return bool(compare(cell, value))


def _kind(value: Any) -> Any:
    return float if type(value) in (int, float) else type(value)
