"""REST methods of deals and contacts: `crm.deal.*`, `crm.contact.*`."""

import re
from collections.abc import Callable
from typing import Any

from bxpull_nb.sandbox.objects.portal_objects import PortalObjects
from bxpull_nb.sandbox.objects.table import ObjectTable
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import Call, Method, upper_names
from bxpull_nb.sandbox.rest.record_lists import listed

__all__ = ["CrmMethods", "fields_of", "object_id"]

_ID = re.compile(r"[0-9]{1,9}")


class CrmMethods:
    """List, read and change the objects of one kind."""

    def __init__(self, table: ObjectTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    @classmethod
    def table(cls, objects: PortalObjects, now: Callable[[], float]) -> dict[str, Method]:
        """Return the methods of deals and contacts by their names."""
        kinds = (cls(objects.deals, now), cls(objects.contacts, now))
        return {name: method for kind in kinds for name, method in kind._methods().items()}

    def _methods(self) -> dict[str, Method]:
        runs = {
            "list": lambda call: listed(self._table.rows(), call),
            "get": self._get,
            "fields": self._fields,
            "add": self._add,
            "update": self._update,
            "delete": self._delete,
        }
        name = self._table.kind.name
        return {f"crm.{name}.{action}": Method("crm", run) for action, run in runs.items()}

    def _get(self, call: Call) -> dict[str, Any]:
        row = self._table.find(object_id(call.upper.get("ID")))
        if row is None:
            raise _not_found()
        return row

    def _fields(self, _call: Call) -> dict[str, Any]:
        return {
            name: {
                "type": "string",
                "isRequired": False,
                "isReadOnly": name not in self._table.writable,
            }
            for name in self._table.kind.template
        }

    def _add(self, call: Call) -> int:
        return self._table.add(fields_of(call), call.author, self._now())

    def _update(self, call: Call) -> bool:
        number = object_id(call.upper.get("ID"))
        if not self._table.update(number, fields_of(call), call.author, self._now()):
            raise _not_found()
        return True

    def _delete(self, call: Call) -> bool:
        if not self._table.delete(object_id(call.upper.get("ID")), call.author, self._now()):
            raise _not_found()
        return True


def object_id(given: Any) -> int:
    """Return the id as a number; 0, which no object has, for anything else."""
    return int(str(given)) if _ID.fullmatch(str(given)) else 0


def fields_of(call: Call) -> dict[str, Any]:
    """Return the parameter `fields` by names in capitals."""
    fields = call.upper.get("FIELDS")
    return upper_names(fields) if isinstance(fields, dict) else {}


def _not_found() -> RestRefusal:
    return RestRefusal("", "Not found")  # sic: the portal's error has no code here
