"""Control of a running sandbox's objects, and a look at its offline events."""

from collections.abc import Iterator, Mapping
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.objects.change import Author
from bxpull_nb.sandbox.objects.table import ObjectTable, Row
from bxpull_nb.sandbox.rest.offline_methods import queue_row
from bxpull_nb.sandbox.settings import USER_ID
from bxpull_nb.sandbox.wiring import Controls, RunningPortal

__all__ = ["ObjectControl", "ObjectControls"]


class ObjectControl(Mapping[int, Row]):
    """The objects of one kind by their ids, as the portal's people change them.

    ```python
    sandbox.deals.change(15, STAGE_ID="WON")
    sandbox.deals[15]["STAGE_ID"]
    ```
    """

    def __init__(self, portal: RunningPortal, table: ObjectTable) -> None:
        self._opened = portal
        self._objects = table

    def add(self, **fields: Any) -> int:
        """Add an object and return its id; raises SettingsError for an unknown field."""
        self._check(fields)
        number = self._table.add(fields, Author(USER_ID), self._portal.rest.now())
        self._portal.company.offline.doorbell.ring()
        return number

    def change(self, number: int, **fields: Any) -> None:
        """Change an object; raises SettingsError for an unknown field or id."""
        self._check(fields)
        now = self._portal.rest.now()
        self._check_found(number, self._table.update(number, fields, Author(USER_ID), now))
        self._portal.company.offline.doorbell.ring()

    def delete(self, number: int) -> None:
        """Delete an object; raises SettingsError for an unknown id."""
        now = self._portal.rest.now()
        self._check_found(number, self._table.delete(number, Author(USER_ID), now))
        self._portal.company.offline.doorbell.ring()

    def __getitem__(self, number: int) -> Row:
        row = self._table.find(number)
        if row is None:
            raise KeyError(number)
        return dict(row)

    def __iter__(self) -> Iterator[int]:
        return (int(row["ID"]) for row in self._table.rows())

    def __len__(self) -> int:
        return len(self._table.rows())

    def __repr__(self) -> str:
        return f"<{len(self)} {self._table.kind.name}s>"

    @property
    def _portal(self) -> RunningPortal:
        self._opened.check_process()
        return self._opened

    @property
    def _table(self) -> ObjectTable:
        self._opened.check_process()
        return self._objects

    def _check(self, fields: Row) -> None:
        unknown = sorted(set(fields) - self._table.writable)
        if unknown:
            raise SettingsError(
                f"a {self._table.kind.name} has no field {', '.join(unknown)}: "
                f"take {', '.join(sorted(self._table.writable))}."
            )

    def _check_found(self, number: int, found: bool) -> None:
        if not found:
            raise SettingsError(f"there is no {self._table.kind.name} {number!r}.")


class ObjectControls(Controls):
    """The objects of a Sandbox. Every method may be called from any thread."""

    @property
    def deals(self) -> ObjectControl:
        """The deals by their ids."""
        return ObjectControl(self._running, self._running.company.objects.deals)

    @property
    def contacts(self) -> ObjectControl:
        """The contacts by their ids."""
        return ObjectControl(self._running, self._running.company.objects.contacts)

    @property
    def tasks(self) -> ObjectControl:
        """The tasks by their ids."""
        return ObjectControl(self._running, self._running.company.objects.tasks)

    def change_deal(self, number: int, **fields: Any) -> None:
        """Change a deal, as `sandbox.deals.change` does."""
        self.deals.change(number, **fields)

    def offline_queue(self) -> list[dict[str, Any]]:
        """Return all offline events that are left, as `event.offline.list` writes them.

        Those of all connectors, free ones, taken ones (`PROCESS_ID`) and errors (`ERROR`).
        """
        return [queue_row(record) for record in self._running.company.offline.queue.records()]
