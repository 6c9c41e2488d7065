"""Offline events of the application: from a change to records of the queue."""

from bxpull_nb.sandbox.objects.change import Author, Change
from bxpull_nb.sandbox.offline.bindings import EventBindings
from bxpull_nb.sandbox.offline.doorbell import Doorbell
from bxpull_nb.sandbox.offline.queue import OfflineQueue

__all__ = ["OfflineEvents"]


class OfflineEvents:
    """Bindings, queue and doorbell of the application.

    `skips_own` leaves out every change that the application makes itself with the connector of
    the queue, as portals' code does; by default only one that names a connector.
    """

    def __init__(self, doorbell: Doorbell, *, skips_own: bool) -> None:
        self.bindings = EventBindings()
        self.queue = OfflineQueue()
        self.doorbell = doorbell
        self._skips_own = skips_own

    def record(self, change: Change) -> None:
        """Add a record to each queue that wants the change; `doorbell.ring` then announces all."""
        for connector in self.bindings.connectors(change.event):
            if not self._is_own(change.author, connector):
                user_id = change.author.user_id
                self.queue.add(change.event, change.data, user_id, connector, change.moment)
                self.doorbell.count(connector)

    def _is_own(self, author: Author, connector: str) -> bool:
        if not author.is_application or author.connector != connector:
            return False
        return self._skips_own or bool(connector)
