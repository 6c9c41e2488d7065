"""REST methods of the queue of offline events: `event.offline.*`."""

from collections.abc import Callable
from typing import Any

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.offline.queue import OfflineQueue, OfflineRecord
from bxpull_nb.sandbox.rest.error import RestRefusal, argument_error, wrong_license
from bxpull_nb.sandbox.rest.event_methods import application_only, intval, php_list
from bxpull_nb.sandbox.rest.methods import BASIC, Call, Method, Page
from bxpull_nb.sandbox.rest.offline_filters import (
    FREE_FIELDS,
    LIST_FIELDS,
    chosen,
    filtered,
)
from bxpull_nb.sandbox.rest.record_lists import page

__all__ = ["OfflineMethods", "queue_row"]

_LIMIT = 50
_MESSAGE_ID_LENGTH = 32


class OfflineMethods:
    """List, take, delete and put aside offline events.

    Without `extended` (a plan that lacks it) records cannot be marked, only deleted when taken.
    """

    def __init__(self, queue: OfflineQueue, *, extended: bool) -> None:
        self._queue = queue
        self._extended = extended

    def table(self) -> dict[str, Method]:
        """Return the methods by their names."""
        runs: dict[str, Callable[[Call], Any]] = {
            "event.offline.list": self._list,
            "event.offline.get": self._get,
            "event.offline.clear": self._clear,
            "event.offline.error": self._error,
        }
        return {name: Method(BASIC, run) for name, run in runs.items()}

    def _list(self, call: Call) -> Page:
        _check_caller(call)
        params = call.upper
        fits = filtered(params.get("FILTER"), is_list=True)
        found = filter(fits, self._queue.records(call.connector))
        records = chosen(found, params.get("ORDER"), "ID", LIST_FIELDS)
        return page([queue_row(one) for one in records], params.get("START"))

    def _get(self, call: Call) -> dict[str, Any]:
        """Return records, marked with a process id or deleted (`clear`, the default)."""
        _check_caller(call)
        params = call.upper
        clear = intval(params.get("CLEAR", 1)) != 0
        if not clear and not self._extended:
            raise wrong_license("extended offline events handling")
        limit = intval(params.get("LIMIT", _LIMIT))
        if limit <= 0:
            raise argument_error("Value must be positive integer")
        fits = filtered(params.get("FILTER"), is_list=False)
        order = params.get("ORDER")
        chosen((), order, "TIMESTAMP_X", FREE_FIELDS)
        given = params.get("PROCESS_ID")
        process_id, records = self._queue.take(
            call.connector,
            lambda found: chosen(filter(fits, found), order, "TIMESTAMP_X", FREE_FIELDS)[:limit],
            process_id=None if given is None else str(given).strip(),
            is_error=intval(params.get("ERROR", 0)) == 1,
            clear=clear,
        )
        is_named = not clear or given is not None
        events = [_event_row(one) for one in records]
        return {"process_id": process_id if is_named else None, "events": events}

    def _clear(self, call: Call) -> bool:
        """Delete the records of a process: all, or those with the ids or message ids."""
        _check_caller(call)
        params = call.upper
        process_id = _process_id(params.get("PROCESS_ID"))
        if params.get("MESSAGE_ID") is not None:
            wanted = _message_ids(params["MESSAGE_ID"])
            self._queue.clear(call.connector, process_id, lambda one: one.message_id in wanted)
        elif params.get("ID") is not None:
            numbers = _ids(params["ID"])
            self._queue.clear(call.connector, process_id, lambda one: one.id in numbers)
        else:
            self._queue.clear(call.connector, process_id, lambda _one: True)
        return True

    def _error(self, call: Call) -> bool:
        """Put records aside; gets return them with `error=1` only."""
        _check_caller(call)
        params = call.upper
        process_id = _process_id(params.get("PROCESS_ID"))
        given = php_list(params.get("MESSAGE_ID"))
        if given is None:
            raise argument_error("Value must be array of MESSAGE_ID values")
        self._queue.put_aside(call.connector, process_id, set(map(str, given)))
        return True


def queue_row(record: OfflineRecord) -> dict[str, Any]:
    """Return the record as `event.offline.list` lists it."""
    error = str(int(record.is_error))
    return {**_event_row(record), "PROCESS_ID": record.process_id, "ERROR": error}


def _event_row(record: OfflineRecord) -> dict[str, Any]:
    return {
        "ID": str(record.id),
        "TIMESTAMP_X": iso_time(record.moment),
        "EVENT_NAME": record.event,
        "EVENT_DATA": record.data,
        # A user's id is text, and the missing user of an automatic change a number.
        "EVENT_ADDITIONAL": {"user_id": str(record.user_id) if record.user_id else 0},
        "MESSAGE_ID": record.message_id,
    }


def _check_caller(call: Call) -> None:
    application_only(call)
    if not call.caller.is_admin:
        raise RestRefusal("ACCESS_DENIED", "Access denied!")


def _process_id(given: Any) -> str:
    if given is None:
        raise argument_error("Argument 'PROCESS_ID' is null or empty")
    return str(given).strip()


def _message_ids(given: Any) -> set[str]:
    values = php_list(given)
    found = {str(value).strip() for value in values or ()}
    if values is None or any(len(value) != _MESSAGE_ID_LENGTH for value in found):
        raise argument_error("Value must be array of MESSAGE_ID values")
    return found


def _ids(given: Any) -> set[int]:
    values = php_list(given)
    found = {intval(value) for value in values or ()}
    if values is None or any(number <= 0 for number in found):
        raise argument_error("Value must be array of integers")
    return found
