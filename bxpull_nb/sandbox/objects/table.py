"""Objects of one kind, which announce every change."""

from collections.abc import Callable, Iterable
from math import isfinite
from threading import Lock
from typing import Any, NamedTuple

from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.objects.change import Author, Change

__all__ = ["Kind", "ObjectTable", "Row"]

Row = dict[str, Any]


class Kind(NamedTuple):
    """The properties that objects of one kind share."""

    name: str
    """The kind in lower case, for example `deal`."""
    event: str
    """The start of the events' names: `ONCRMDEAL`."""
    created: str
    """The field with the time of creation."""
    modified: str
    """The field with the time of the last change."""
    event_data: Callable[[str, int], dict[str, Any]]
    """Returns an event's data from `ADD`, `UPDATE` or `DELETE`, and the object's id."""
    template: Row
    """Every field, with the value of an object that does not name it."""
    number_fields: tuple[str, ...] = ()
    """Fields that hold sums with two decimals."""


class ObjectTable:
    """The objects of one kind by their ids. Every method may be called from any thread.

    Objects that are added without an id get `added_from` and the numbers after it. A row is
    never changed but replaced, so rows that were handed out stay as they were.
    """

    def __init__(
        self, kind: Kind, rows: Iterable[Row], announce: Callable[[Change], None], added_from: int
    ) -> None:
        self.kind = kind
        self._announce = announce
        self._rows = {int(row["ID"]): row for row in rows}
        self._next = added_from
        self.writable = set(kind.template) - {"ID", kind.created, kind.modified}
        """The names of the fields that may be set."""
        self._lock = Lock()

    def rows(self) -> list[Row]:
        """Return all objects, oldest first."""
        with self._lock:
            return list(self._rows.values())

    def find(self, number: int) -> Row | None:
        """Return the object with that id, or None."""
        return self._rows.get(number)

    def add(self, fields: Row, author: Author, moment: float, number: int | None = None) -> int:
        """Add an object and return its id, by default the next one; unknown fields are ignored."""
        time = iso_time(int(moment))
        times = {self.kind.created: time, self.kind.modified: time}
        with self._lock:
            if number is None:
                number = self._next
                self._next += 1
            row = {**self.kind.template, **self._clean(fields), "ID": str(number), **times}
            self._rows[number] = row
            self._announced("ADD", number, author, moment)
        return number

    def update(self, number: int, fields: Row, author: Author, moment: float) -> bool:
        """Change an object; return whether there is one with that id."""
        time = {self.kind.modified: iso_time(int(moment))}
        with self._lock:
            if number not in self._rows:
                return False
            self._rows[number] = {**self._rows[number], **self._clean(fields), **time}
            self._announced("UPDATE", number, author, moment)
        return True

    def delete(self, number: int, author: Author, moment: float) -> bool:
        """Delete an object; return whether there was one with that id."""
        with self._lock:
            if self._rows.pop(number, None) is None:
                return False
            self._announced("DELETE", number, author, moment)
        return True

    def forget(self, number: int) -> None:
        """Remove an object without an event, to save memory."""
        with self._lock:
            self._rows.pop(number, None)

    def _announced(self, action: str, number: int, author: Author, moment: float) -> None:
        """Announce a change; under the lock, so that events come in the order of the changes."""
        data = self.kind.event_data(action, number)
        self._announce(Change(f"{self.kind.event}{action}", data, author, moment))

    def _clean(self, fields: Row) -> Row:
        """Return the fields that may be set, as text, as the portal writes them."""
        sums = self.kind.number_fields
        return {
            name: _sum(value) if name in sums else _text(value)
            for name, value in fields.items()
            if name in self.writable
        }


def _text(value: Any) -> Any:
    """Return numbers as text; lists and texts stay."""
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _sum(value: Any) -> str:
    """Return a sum as text; 0.00 for what is no number."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return "0.00"
    return f"{number:.2f}" if isfinite(number) else "0.00"
