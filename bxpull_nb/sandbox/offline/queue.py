"""The queue of offline events, as the portal's own code keeps it (protocol 4.9).

A record is the last state of one object and event: a change of it changes the record's time only,
as long as no program has taken it. `MESSAGE_ID` is a key made of the event and its data, so it is
the same for all changes of one object; the `ID` is a record's own.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, NamedTuple

import msgspec

__all__ = ["OfflineQueue", "OfflineRecord", "Select"]


class OfflineRecord(NamedTuple):
    """One record of the queue."""

    id: int
    moment: int
    """Time of the last change, in seconds since 1970."""
    event: str
    data: dict[str, Any]
    user_id: int
    """The user of the last change; 0 for none."""
    message_id: str
    connector: str
    process_id: str = ""
    """The process that has taken it; empty for a free record."""
    is_error: bool = False
    """Whether a process put it aside."""


Select = Callable[[list[OfflineRecord]], list[OfflineRecord]]


class OfflineQueue:
    """The records of the application. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._records: dict[int, OfflineRecord] = {}
        self._free: dict[tuple[str, str], int] = {}  # message id and connector -> free record
        self._last = 0
        self._lock = Lock()

    def add(
        self, event: str, data: dict[str, Any], user_id: int, connector: str, moment: float
    ) -> None:
        """Add a record, or renew the free one of the same event and data."""
        message_id = _message_id(event, data)
        with self._lock:
            number = self._free.get((message_id, connector))
            if number is not None:
                old = self._records[number]
                self._put(old._replace(moment=int(moment), user_id=user_id))
                return
            self._last += 1
            content = (self._last, int(moment), event, data, user_id, message_id, connector)
            self._put(OfflineRecord(*content))

    def records(self, connector: str | None = None) -> list[OfflineRecord]:
        """Return the records of one connector, or of all, in the order of their ids."""
        with self._lock:
            found = self._records.values()
            return [one for one in found if connector in (None, one.connector)]

    def take(
        self,
        connector: str,
        select: Select,
        *,
        process_id: str | None = None,
        is_error: bool = False,
        clear: bool = True,
    ) -> tuple[str, list[OfflineRecord]]:
        """Return the process id and the records that `select` chooses.

        Free records are marked with a new process id; with a `process_id` its own records are
        returned again. `clear` deletes all records of the process.
        """
        wanted = "" if process_id is None else process_id
        with self._lock:
            chosen = select(
                [
                    one
                    for one in self._records.values()
                    if one.process_id == wanted
                    and one.connector == connector
                    and one.is_error == is_error
                ]
            )
            if process_id is None:
                process_id = secrets.token_hex(16)
                chosen = [one._replace(process_id=process_id) for one in chosen]
                self._mark(chosen)
            if clear and chosen:
                self._delete(self._of_process(connector, process_id))
        return process_id, chosen

    def clear(self, connector: str, process_id: str, fits: Callable[[OfflineRecord], bool]) -> None:
        """Delete the records of a process that fit."""
        with self._lock:
            self._delete(filter(fits, self._of_process(connector, process_id)))

    def put_aside(self, connector: str, process_id: str, message_ids: set[str]) -> None:
        """Mark records of a process as errors, which ordinary gets do not return.

        Records with the same message ids in other processes, and free ones, are deleted.
        """
        with self._lock:
            named = [
                one
                for one in self._records.values()
                if one.connector == connector and one.message_id in message_ids and not one.is_error
            ]
            self._delete(one for one in named if one.process_id != process_id)
            for one in named:
                if one.process_id == process_id:
                    older = self._free.get((one.message_id, connector))
                    self._delete(self._records[number] for number in (older,) if number)
                    self._put(one._replace(process_id="", is_error=True))

    def _put(self, record: OfflineRecord) -> None:
        self._records[record.id] = record
        if not record.process_id:
            self._free[record.message_id, record.connector] = record.id

    def _mark(self, records: list[OfflineRecord]) -> None:
        for record in records:
            self._records[record.id] = record
            self._free.pop((record.message_id, record.connector), None)

    def _of_process(self, connector: str, process_id: str) -> list[OfflineRecord]:
        found = self._records.values()
        return [one for one in found if (one.connector, one.process_id) == (connector, process_id)]

    def _delete(self, records: Iterable[OfflineRecord]) -> None:
        for record in records:
            self._records.pop(record.id, None)
            key = (record.message_id, record.connector)
            if self._free.get(key) == record.id:
                del self._free[key]


def _message_id(event: str, data: dict[str, Any]) -> str:
    text = f"{event}|{msgspec.json.encode(data).decode()}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
