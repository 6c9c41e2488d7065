"""Lists of rows as the portal answers them: filter, order, selection, pages of 50."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bxpull_nb.sandbox.rest.methods import Call, Page, upper_names

__all__ = ["PAGE_SIZE", "listed", "page", "selected"]

PAGE_SIZE = 50
Row = dict[str, Any]

_NUMBER = re.compile(r"-?[0-9]{1,9}")
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "!": operator.ne,
    "@": lambda value, wanted: value in wanted,
    "=": operator.eq,
}


def listed(rows: Sequence[Row], call: Call, *, fields_are_filter: bool = False) -> Page:
    """Return the page at `start` of the filtered rows; `start` -1 does not count them."""
    params = call.upper
    wanted = _mapping(params.get("FILTER"))
    if fields_are_filter:
        wanted |= {name: value for name, value in params.items() if name in rows[0]}
    found = [row for row in rows if all(_passes(row, *test) for test in wanted.items())]
    for name, direction in reversed(_mapping(params.get("ORDER")).items()):
        found.sort(key=lambda row: _comparable(row.get(name, "")), reverse=_is_down(direction))
    return page([selected(row, params.get("SELECT")) for row in found], params.get("START"))


def page(rows: list[Row], given: Any) -> Page:
    """Return the page at `start`, of any type. At -1 it is the first one, not counted."""
    start = int(given) if _NUMBER.fullmatch(str(given)) else 0
    if start < 0:
        return Page(rows[:PAGE_SIZE], None, None)
    end = start + PAGE_SIZE
    return Page(rows[start:end], len(rows), end if end < len(rows) else None)


def selected(row: Row, select: Any) -> Row:
    """Return the fields that a `select` names, and always the id; all for none or `*`."""
    names = {str(name).upper() for name in select} if isinstance(select, list) else set()
    if not names or "*" in names:
        return row
    return {name: value for name, value in row.items() if name in names or name == "ID"}


def _passes(row: Row, test: str, wanted: Any) -> bool:
    """Whether the row passes one test of a filter, for example `>ID` or `STAGE_ID`."""
    sign = next((sign for sign in _TESTS if test.startswith(sign)), "")
    value = row.get(test.removeprefix(sign))
    if isinstance(wanted, list):
        return str(value) in map(str, wanted)
    return _TESTS[sign or "="](_comparable(value), _comparable(wanted))


def _comparable(value: Any) -> tuple[float, str]:
    """Return a sort key: numbers by size, then other texts by their characters."""
    text = str(value)
    try:
        return (float(text), "")
    except ValueError:
        return (float("inf"), text)


def _mapping(value: Any) -> dict[str, Any]:
    return upper_names(value) if isinstance(value, Mapping) else {}


def _is_down(direction: Any) -> bool:
    return str(direction).upper() == "DESC"
