"""The kinds of objects: their fields, and the data of their events."""

from typing import Any

from bxpull_nb.sandbox.objects.table import Kind

__all__ = ["CONTACTS", "DEALS", "TASKS"]


def _crm_data(_action: str, number: int) -> dict[str, Any]:
    return {"FIELDS": {"ID": str(number)}}


def _task_data(action: str, number: int) -> dict[str, Any]:
    """Return the data of a task's event: the guide's pages show ids as numbers."""
    task = {"ID": number}
    before, after = ("N" if action == name else "undefined" for name in ("ADD", "DELETE"))
    return {
        "FIELDS_BEFORE": "undefined" if action == "ADD" else task,
        "FIELDS_AFTER": "undefined" if action == "DELETE" else task,
        "IS_ACCESSIBLE_BEFORE": before,
        "IS_ACCESSIBLE_AFTER": after,
    }


_CRM = ("DATE_CREATE", "DATE_MODIFY", _crm_data)

DEALS = Kind(
    "deal",
    "ONCRMDEAL",
    *_CRM,
    template={
        "ID": "",
        "TITLE": "",
        "STAGE_ID": "NEW",
        "OPPORTUNITY": "0.00",
        "CURRENCY_ID": "EUR",
        "ASSIGNED_BY_ID": "1",
        "CONTACT_ID": "",
        "COMMENTS": "",
        "DATE_CREATE": "",
        "DATE_MODIFY": "",
    },
    number_fields=("OPPORTUNITY",),
)
CONTACTS = Kind(
    "contact",
    "ONCRMCONTACT",
    *_CRM,
    template={
        "ID": "",
        "NAME": "",
        "LAST_NAME": "",
        "TYPE_ID": "LEAD",
        "BIRTHDATE": "",
        "EMAIL": [],
        "PHONE": [],
        "ASSIGNED_BY_ID": "1",
        "COMMENTS": "",
        "DATE_CREATE": "",
        "DATE_MODIFY": "",
    },
)
TASKS = Kind(
    "task",
    "ONTASK",
    "CREATED_DATE",
    "CHANGED_DATE",
    _task_data,
    template={
        "ID": "",
        "TITLE": "",
        "DESCRIPTION": "",
        "STATUS": "2",
        "STAGE_ID": "0",
        "RESPONSIBLE_ID": "1",
        "CREATED_BY": "1",
        "DEADLINE": "",
        "CREATED_DATE": "",
        "CHANGED_DATE": "",
    },
)
