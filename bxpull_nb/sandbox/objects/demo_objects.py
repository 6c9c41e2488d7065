"""The demo traffic's deals and tasks as objects: what an event announces is true of its object."""

from collections import deque

from bxpull_nb.sandbox.demo_event import DemoEvent
from bxpull_nb.sandbox.objects.change import Author
from bxpull_nb.sandbox.objects.portal_objects import COMPANIES, PortalObjects
from bxpull_nb.sandbox.objects.table import ObjectTable, Row

__all__ = ["DemoObjects"]

_MOST = 50_000  # 37 MB
_DONE = "5"  # a task's status


class DemoObjects:
    """Changes the portal's objects as demo events say; a deal that is won changes its contact.

    Of the deals and tasks that have ended, the newest `most` of each are kept.
    """

    def __init__(self, objects: PortalObjects, most: int = _MOST) -> None:
        self._objects = objects
        self._most = most
        self._ended: dict[str, deque[int]] = {"deal": deque(), "task": deque()}

    def apply(self, event: DemoEvent, moment: float) -> None:
        """Make the change that the event announces; events of other modules make none."""
        if event.module_id == "crm":
            self._deal(event, moment)
        elif event.module_id == "tasks":
            self._task(event, moment)

    def _deal(self, event: DemoEvent, moment: float) -> None:
        number, fields = event.params["id"], _deal_fields(event)
        author = Author(int(fields["ASSIGNED_BY_ID"]))
        if event.command == "dealAdd":
            self._objects.deals.add(fields, author, moment, number)
        else:
            self._objects.deals.update(number, fields, author, moment)
        if event.stage == "WON":
            won = {"TYPE_ID": "CLIENT", "COMMENTS": f"Deal {number} is won"}
            self._objects.contacts.update(int(fields["CONTACT_ID"]), won, author, moment)
        if event.stage in ("WON", "LOSE"):
            self._end(self._objects.deals, number)

    def _task(self, event: DemoEvent, moment: float) -> None:
        if event.command == "comment_add":
            return
        params = event.params
        number, table = params["TASK_ID"], self._objects.tasks
        fields: Row = {"STAGE_ID": event.stage}
        if params.get("status") == "completed":
            fields["STATUS"] = _DONE
        if event.command == "task_add":
            responsible = params["responsibleId"]
            fields |= {"TITLE": params["title"], "RESPONSIBLE_ID": responsible}
            table.add(fields, Author(responsible), moment, number)
        else:
            old = table.find(number) or {}
            table.update(number, fields, Author(int(old.get("RESPONSIBLE_ID", 0))), moment)
        if "STATUS" in fields:
            self._end(table, number)

    def _end(self, table: ObjectTable, number: int) -> None:
        """Note that an object has ended, and forget the oldest one of too many."""
        ended = self._ended[table.kind.name]
        ended.append(number)
        if len(ended) > self._most:
            table.forget(ended.popleft())


def _deal_fields(event: DemoEvent) -> Row:
    params = event.params
    return {
        "TITLE": params["title"],
        "STAGE_ID": params["stage"],
        "OPPORTUNITY": params["opportunity"],
        "CURRENCY_ID": params["currency"],
        # The planted changes of the demo traffic rename the owner's key.
        "ASSIGNED_BY_ID": params.get("responsible_id") or params["assigned_by_id"],
        "CONTACT_ID": COMPANIES.index(params["company"]) + 1,
    }
