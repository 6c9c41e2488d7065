"""All objects of the portal at its start."""

from collections.abc import Callable, Iterator
from functools import cache

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.objects.change import Change
from bxpull_nb.sandbox.objects.kinds import CONTACTS, DEALS, TASKS
from bxpull_nb.sandbox.objects.table import ObjectTable, Row
from bxpull_nb.sandbox.objects.users import USER_IDS

__all__ = ["COMPANIES", "PortalObjects"]

_DEALS = 1234
_DEALS_BEFORE_DEMO = 1000
"""The demo traffic adds deals from 1001 on."""
_AFTER_DEMO = 1_000_001
_STAGES = ("NEW", "PREPARATION", "EXECUTING", "WON", "LOSE")
_FIRST_DAY = 1_798_750_800  # 2026-12-31T23:00:00+02:00
COMPANIES = ("Northwind", "«Ромашка»", "Acme GmbH", "Café Lumière", "Blue Yonder", "ИП Соколов")
"""The demo traffic's customers; the contact of the first one has the id 1, and so on."""
_CONTACTS = (
    ("Nora", "Windham", "1980-02-14"),
    ("Роман", "Маслов", "1975-08-09"),
    ("Anke", "Meier", "1992-05-17"),
    ("Lucie", "Lumière", "1988-10-01"),
    ("Bruno", "Yonder", "1969-12-24"),
    ("Степан", "Соколов", "1983-06-30"),
)


class PortalObjects:
    """Deals, contacts and tasks of the portal; `announce` is called for every change.

    With `demo` there are only deals that are older than the demo traffic's, and objects that
    others add get high ids.
    """

    def __init__(self, announce: Callable[[Change], None], *, demo: bool) -> None:
        number = _DEALS_BEFORE_DEMO if demo else _DEALS
        high = _AFTER_DEMO if demo else 0
        self.deals = ObjectTable(DEALS, _deals(number), announce, high or number + 1)
        self.contacts = ObjectTable(CONTACTS, _contacts(), announce, len(_CONTACTS) + 1)
        self.tasks = ObjectTable(TASKS, (), announce, high or 1)


@cache
def _deals(number: int) -> tuple[Row, ...]:
    """Return the deals up to this id, made once: a table replaces rows and changes none."""
    return tuple(map(_deal, range(1, number + 1)))


def _deal(number: int) -> Row:
    """Return a deal as the portal writes it: every value is text."""
    moment = iso_time(_FIRST_DAY + number * 3600)
    return {
        **DEALS.template,
        "ID": str(number),
        "TITLE": f"Deal {number}",
        "STAGE_ID": _STAGES[number % len(_STAGES)],
        "OPPORTUNITY": f"{number * 100}.00",
        "ASSIGNED_BY_ID": str(USER_IDS[number % len(USER_IDS)]),
        "CONTACT_ID": str(number % len(_CONTACTS) + 1),
        "DATE_CREATE": moment,
        "DATE_MODIFY": moment,
    }


def _contacts() -> Iterator[Row]:
    for number, (name, last_name, birthday) in enumerate(_CONTACTS, 1):
        moment = iso_time(_FIRST_DAY + number * 60)
        yield {
            **CONTACTS.template,
            "ID": str(number),
            "NAME": name,
            "LAST_NAME": last_name,
            "BIRTHDATE": f"{birthday}T03:00:00+02:00",
            "EMAIL": [_multiple(2 * number, "EMAIL", f"contact{number}@customer.example")],
            "PHONE": [_multiple(2 * number + 1, "PHONE", f"+49 40 5551{number:04}")],
            "COMMENTS": COMPANIES[number - 1],
            "DATE_CREATE": moment,
            "DATE_MODIFY": moment,
        }


def _multiple(number: int, type_id: str, value: str) -> Row:
    """Return one value of a field that may have several."""
    return {"ID": str(number), "VALUE_TYPE": "WORK", "VALUE": value, "TYPE_ID": type_id}
