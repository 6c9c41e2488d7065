"""REST methods of tasks: `tasks.task.*`, whose fields have names in capitals only when given."""

from collections.abc import Callable
from typing import Any

from bxpull_nb.sandbox.objects.table import ObjectTable, Row
from bxpull_nb.sandbox.rest.crm_methods import fields_of, object_id
from bxpull_nb.sandbox.rest.error import RestRefusal
from bxpull_nb.sandbox.rest.methods import Call, Method, Page
from bxpull_nb.sandbox.rest.record_lists import listed, selected

__all__ = ["TaskMethods"]

_NO_ACCESS = "1048582"


class TaskMethods:
    """List, read and change tasks."""

    def __init__(self, table: ObjectTable, now: Callable[[], float]) -> None:
        self._table = table
        self._now = now

    def table(self) -> dict[str, Method]:
        """Return the methods by their names."""
        runs: dict[str, Callable[[Call], Any]] = {
            "list": self._list,
            "get": self._get,
            "add": self._add,
            "update": self._update,
            "delete": self._delete,
        }
        return {f"tasks.task.{action}": Method("task", run) for action, run in runs.items()}

    def _list(self, call: Call) -> Page:
        found = listed(self._table.rows(), call)
        return found._replace(result={"tasks": [_answer(row) for row in found.result]})

    def _get(self, call: Call) -> dict[str, Any] | list[Any]:
        """Return the task, or PHP's empty map for one that does not exist."""
        row = self._table.find(_task_id(call))
        return {"task": _answer(selected(row, call.upper.get("SELECT")))} if row else []

    def _add(self, call: Call) -> dict[str, Any]:
        fields = fields_of(call)
        if not fields.get("TITLE"):
            raise RestRefusal("ERROR_ARGUMENT", "The field TITLE is not filled in")
        author = {"CREATED_BY": call.caller.user_id}
        number = self._table.add({**author, **fields}, call.author, self._now())
        return self._task(number)

    def _update(self, call: Call) -> dict[str, Any]:
        number = _task_id(call)
        if not self._table.update(number, fields_of(call), call.author, self._now()):
            raise RestRefusal(_NO_ACCESS, "No access to change the task")
        return self._task(number)

    def _delete(self, call: Call) -> dict[str, bool]:
        if not self._table.delete(_task_id(call), call.author, self._now()):
            raise RestRefusal(_NO_ACCESS, "No access to delete the task")
        return {"task": True}

    def _task(self, number: int) -> dict[str, Any]:
        return {"task": _answer(self._table.find(number) or {})}


def _task_id(call: Call) -> int:
    """Return the parameter `taskId` as a number; raises RestRefusal where it is none."""
    given = call.upper.get("TASKID")
    if given is None:
        raise RestRefusal(
            "100", "CTaskItem All parameters in the constructor must have real class type"
        )
    number = object_id(given)
    if not number:
        raise RestRefusal("0", "wrong task id")
    return number


def _answer(row: Row) -> Row:
    """Return the row by the names of answers: `RESPONSIBLE_ID` is `responsibleId`."""
    return {_camel(name): value for name, value in row.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first.lower() + "".join(map(str.capitalize, rest))
