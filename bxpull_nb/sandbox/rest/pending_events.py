"""Events of one REST request, published after its answer is sent (protocol 1.3)."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from bxpull_nb.sandbox.publisher import Publisher

__all__ = ["PendingEvents"]


@dataclass
class _Event:
    module_id: str
    command: str
    params: Any
    kinds: dict[str, None] = field(default_factory=dict)
    """Types of channel that it goes to; a dict keeps the order without repetitions."""


class PendingEvents:
    """Events of a request, or of all commands of a batch.

    Identical events are merged, as on the portal: one event goes to all their channels.
    """

    def __init__(self) -> None:
        self._events: dict[bytes, _Event] = {}

    def add(self, module_id: str, command: str, params: Any, kinds: list[str]) -> None:
        """Add an event for the channels of these types, which may be none."""
        key = msgspec.json.encode([module_id, command, params])
        event = self._events.setdefault(key, _Event(module_id, command, params))
        event.kinds.update(dict.fromkeys(kinds))

    def deliver(self, publisher: Publisher) -> None:
        """Publish all events in the order of `add`."""
        for event in self._events.values():
            if event.kinds:
                publisher.publish(event.module_id, event.command, event.params, list(event.kinds))
