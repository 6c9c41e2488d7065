"""A log in a list, for the tests of the live views."""

from typing import Any

from bxpull_nb.models import Arrival, Event, Record

__all__ = ["NOW_US", "ListSource", "event"]

NOW_US = 1_795_000_000_123_456


class ListSource:
    """A log in a list, of which the newest `ring` records are at hand."""

    def __init__(self, count: int = 0, ring: int = 1_000_000) -> None:
        self.records: list[Record] = []
        self.ring = ring
        self.grow(count)

    def grow(self, count: int) -> None:
        """Add `count` events."""
        first = len(self.records)
        self.records.extend(event(first + i) for i in range(count))

    def __len__(self) -> int:
        return len(self.records)

    def recent(self, start: int) -> tuple[int, list[Record]]:
        """Return the first row that the ring still has, and the records from there."""
        end = len(self.records)
        first = min(max(start, end - self.ring), end)
        return first, self.records[first:end]


def event(i: int, **changes: Any) -> Event:
    """Return the i-th of many ordinary events."""
    fields: dict[str, Any] = {
        "mid": f"{i:026d}",
        "module_id": "crm",
        "command": "dealUpdate",
        "params_json": b'{"id":%d,"stage":"WON"}' % i,
        "server_time_unix": (NOW_US - 6_213) / 1e6,
        "sender": "backend",
        "arrival": Arrival(NOW_US, "shared", "websocket"),
    }
    return Event(**{**fields, **changes})
