"""REST methods for fixed records: 1,234 deals and five users, in pages of 50."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import Call, Method, Page, upper_names

__all__ = ["PAGE_SIZE", "USER_IDS", "record_methods"]

PAGE_SIZE = 50
_DEALS = 1234
Row = dict[str, Any]

_NUMBER = re.compile(r"-?[0-9]{1,9}")
_STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")
_USERS = (
    ("1", "Ada", "Sandbox"),
    ("7", "Борис", "Ильин"),
    ("12", "Chiara", "Rossi"),
    ("15", "Дарья", "Орлова"),
    ("23", "Émile", "Roy"),
)
USER_IDS = tuple(int(number) for number, *_ in _USERS)
"""All user ids; the first is the caller's."""
_FIRST_DAY = 1_798_750_800  # 2026-12-31T23:00:00+02:00
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


def record_methods() -> dict[str, Method]:
    """Return the methods by their names."""
    deals, users = (
        [_deal(number) for number in range(1, _DEALS + 1)],
        [_user(*row) for row in _USERS],
    )
    return {
        "crm.deal.list": Method("crm", lambda call: _listed(deals, call)),
        "crm.deal.get": Method("crm", lambda call: _found(deals, call)),
        "crm.deal.fields": Method("crm", lambda _call: _fields(deals[0])),
        "user.get": Method("user", lambda call: _listed(users, call, fields_are_filter=True)),
        "user.current": Method("user", lambda _call: users[0]),
    }


def _deal(number: int) -> Row:
    """Return a deal as the portal writes it: every value is text."""
    moment = iso_time(_FIRST_DAY + number * 3600)
    return {
        "ID": str(number),
        "TITLE": f"Deal {number}",
        "STAGE_ID": _STAGES[number % len(_STAGES)],
        "OPPORTUNITY": f"{number * 100}.00",
        "CURRENCY_ID": "EUR",
        "ASSIGNED_BY_ID": _USERS[number % len(_USERS)][0],
        "DATE_CREATE": moment,
        "DATE_MODIFY": moment,
    }


def _user(number: str, name: str, last_name: str) -> Row:
    return {"ID": number, "ACTIVE": True, "NAME": name, "LAST_NAME": last_name, "EMAIL": ""}


def _fields(row: Row) -> dict[str, Row]:
    read_only = ("ID", "DATE_CREATE", "DATE_MODIFY")
    return {
        name: {"type": "string", "isRequired": False, "isReadOnly": name in read_only}
        for name in row
    }


def _found(rows: Sequence[Row], call: Call) -> Row:
    wanted = str(call.upper.get("ID", ""))
    for row in rows:
        if row["ID"] == wanted:
            return row
    raise RestRefusal("", "Not found")  # sic: the portal's error has no code here


def _listed(rows: Sequence[Row], call: Call, *, fields_are_filter: bool = False) -> Page:
    """Return the page at `start` of the filtered rows; `start` -1 does not count them."""
    params = call.upper
    wanted = _mapping(params.get("FILTER"))
    if fields_are_filter:
        wanted |= {name: value for name, value in params.items() if name in rows[0]}
    found = [row for row in rows if all(_passes(row, *test) for test in wanted.items())]
    for name, direction in reversed(_mapping(params.get("ORDER")).items()):
        found.sort(key=lambda row: _comparable(row.get(name, "")), reverse=_is_down(direction))
    return _page([_selected(row, params.get("SELECT")) for row in found], params.get("START"))


def _page(rows: list[Row], given: Any) -> Page:
    start = int(given) if _NUMBER.fullmatch(str(given)) else 0
    if start < 0:
        return Page(rows[:PAGE_SIZE], None, None)
    end = start + PAGE_SIZE
    return Page(rows[start:end], len(rows), end if end < len(rows) else None)


def _selected(row: Row, select: Any) -> Row:
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
