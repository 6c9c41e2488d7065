"""The objects that offline events are about, read in batches."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bxpull_nb.errors import RestError
from bxpull_nb.models.fields import whole_number
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sources.answers import Row
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["Objects"]

_MOST = 50  # calls in a batch
_CRM = re.compile(r"ONCRM(DEAL|LEAD|CONTACT|COMPANY|QUOTE|INVOICE|PRODUCT|ACTIVITY)(ADD|UPDATE)")
_ITEM = re.compile(r"ONCRMDYNAMICITEM(ADD|UPDATE)")
_TASK = re.compile(r"ONTASK(ADD|UPDATE)")


class _Question(NamedTuple):
    """The call that reads an object, and the place of the object in its result."""

    method: str
    params: Mapping[str, Any]
    found: Callable[[Any], Any] = lambda result: result


class Objects:
    """Reads the objects of offline events in their last state; a deleted one has none."""

    def __init__(self, client: PacedClient, log: SourceLog) -> None:
        self._client = client
        self._log = log

    async def of(self, rows: Sequence[Row]) -> list[Any]:
        """Return the object of each record; None where there is none, or where it is refused.

        An object that cannot be read is no reason to lose its event, so nothing is raised.
        """
        questions = {}
        for place, row in enumerate(rows):
            question = _question(row)
            if question is not None:
                questions[str(place)] = question
        found: list[Any] = [None] * len(rows)
        for start in range(0, len(questions), _MOST):
            some = dict(list(questions.items())[start : start + _MOST])
            for name, value in (await self._read(some)).items():
                found[int(name)] = value
        return found

    async def _read(self, questions: Mapping[str, _Question]) -> dict[str, Any]:
        calls = {name: (question.method, question.params) for name, question in questions.items()}
        try:
            answer = await self._client.batch(calls)
        except RestError as exc:
            self._log.note("not_enriched", f"{len(calls)} events have no object: {exc}")
            return {}
        if answer.errors:
            error = next(iter(answer.errors.values()))
            self._log.note_once("not_enriched", f"some events have no object: {error}")
        return {
            name: questions[name].found(result)
            for name, result in answer.results.items()
            if isinstance(result, Mapping | list)
        }


def _question(row: Row) -> _Question | None:
    """Return how to read the object of a record; None for one without a known way."""
    name, data = str(row.get("EVENT_NAME") or "").upper(), mapping(row.get("EVENT_DATA"))
    fields = mapping(data.get("FIELDS"))
    number = whole_number(fields.get("ID"))
    if _TASK.fullmatch(name):
        task = whole_number(mapping(data.get("FIELDS_AFTER")).get("ID"))
        return task and _Question("tasks.task.get", {"taskId": task}, _inner("task"))  # type: ignore[return-value]
    if not number:
        return None
    if kind := _CRM.fullmatch(name):
        return _Question(f"crm.{kind[1].lower()}.get", {"id": number})
    type_id = whole_number(fields.get("ENTITY_TYPE_ID"))
    if type_id and _ITEM.fullmatch(name):
        item = {"entityTypeId": type_id, "id": number}
        return _Question("crm.item.get", item, _inner("item"))
    return _Question("user.get", {"ID": number}, _first) if name == "ONUSERADD" else None


def _inner(key: str) -> Callable[[Any], Any]:
    return lambda result: mapping(result).get(key, result)


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, list) and result else None
