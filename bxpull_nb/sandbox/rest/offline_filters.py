"""Filter and order of offline events, checked as the portal does."""

import operator
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from bxpull_nb.sandbox.offline.queue import OfflineRecord
from bxpull_nb.sandbox.rest.error import argument_error
from bxpull_nb.sandbox.rest.methods import upper_names

__all__ = ["FREE_FIELDS", "LIST_FIELDS", "chosen", "filtered"]

_VALUES: dict[str, Callable[[OfflineRecord], Any]] = {
    "ID": lambda record: record.id,
    "TIMESTAMP_X": lambda record: record.moment,
    "EVENT_NAME": lambda record: record.event,
    "MESSAGE_ID": lambda record: record.message_id,
    "PROCESS_ID": lambda record: record.process_id,
    "ERROR": lambda record: int(record.is_error),
}
LIST_FIELDS = tuple(_VALUES)
"""Fields that `event.offline.list` filters and sorts by."""
FREE_FIELDS = LIST_FIELDS[:4]
"""Fields that `event.offline.get` filters and sorts by."""
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_LIST_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    **_TESTS,
    "@": lambda value, wanted: value in wanted,
    "%": lambda value, wanted: str(wanted) in str(value),
}
_KEY = re.compile(r"([^A-Z]*)(.*)", re.DOTALL)
Test = Callable[[OfflineRecord], bool]


def filtered(given: Any, *, is_list: bool) -> Callable[[OfflineRecord], bool]:
    """Return the test of a `filter`, of a list or of a get. A get has fewer.

    Raises RestRefusal for a field, an operation or a value that the portal does not take.
    """
    tests = [_test(key, value, is_list) for key, value in _entries(given, "filter").items()]
    return lambda record: not tests or all(test(record) for test in tests)


def chosen(
    records: Iterable[OfflineRecord], order: Any, default: str, fields: tuple[str, ...]
) -> list[OfflineRecord]:
    """Return the records, given by their ids, in the `order`, by default by one field, ascending.

    Raises RestRefusal for a field or a direction that the portal does not take.
    """
    wanted = _entries(order, "order") or {default: "ASC"}
    for name, direction in wanted.items():
        if name not in fields:
            raise argument_error(f"Order field not allowed: {name}")
        if str(direction).upper() not in ("ASC", "DESC"):
            raise argument_error("Order direction should be one of {ASC|DESC}")
    found = list(records)
    for name, direction in reversed(wanted.items()):
        found.sort(key=_VALUES[name], reverse=str(direction).upper() == "DESC")
    return found


def _entries(given: Any, name: str) -> dict[str, Any]:
    """Return the map by names in capitals; PHP takes a list for a map too."""
    if isinstance(given, list):
        given = {str(index): value for index, value in enumerate(given)}
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise argument_error(f"The {name} is not an array.")
    return upper_names(given)


def _test(key: str, value: Any, is_list: bool) -> Test:
    sign, name = _KEY.fullmatch(key).groups()  # type: ignore[union-attr] # it fits any text
    tests = _LIST_TESTS if is_list else _TESTS
    if sign not in tests:
        raise argument_error(f"Filter operation not allowed: {sign}")
    if name not in (LIST_FIELDS if is_list else FREE_FIELDS):
        raise argument_error(f"Filter field not allowed: {name}")
    if isinstance(value, dict) or (isinstance(value, list) and not is_list):
        raise argument_error(f"The value of an argument '{key}' has an invalid type")
    found, compare = _VALUES[name], tests[sign]
    if isinstance(value, list):
        wanted = [_typed(name, one) for one in value]
        return lambda record: found(record) in wanted
    if sign == "%":
        return lambda record: compare(found(record), value)
    single = _typed(name, value)
    if sign == "@":
        return lambda record: found(record) == single
    return lambda record: compare(found(record), single)


def _typed(name: str, value: Any) -> Any:
    """Return the wanted value in the field's own type: a number, or text."""
    try:
        if name == "TIMESTAMP_X":
            return int(datetime.fromisoformat(str(value)).timestamp())
        return int(value) if name in ("ID", "ERROR") else str(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise argument_error(f"The value of an argument '{name}' has an invalid type") from exc
