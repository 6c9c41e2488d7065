"""Events of one REST request, held back until its answer is out (protocol 1.3)."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from bxpull_nb.sandbox.push.publisher import Publisher

__all__ = ["PendingEvents"]


@dataclass
class _Event:
    module_id: str
    command: str
    params: Any
    kinds: dict[str, None] = field(default_factory=dict)
    """Types of channel it goes to; a dict because order matters and doubles do not."""


class PendingEvents:
    """What a request, or all commands of a batch, want published.

    Identical events are one, as on the portal: it goes to every channel that was named.
    """

    def __init__(self) -> None:
        self._events: dict[bytes, _Event] = {}

    def add(self, module_id: str, command: str, params: Any, kinds: list[str]) -> None:
        """Take the event in for the channels of these types; for none it goes nowhere."""
        key = msgspec.json.encode([module_id, command, params])
        event = self._events.setdefault(key, _Event(module_id, command, params))
        event.kinds.update(dict.fromkeys(kinds))

    def deliver(self, publisher: Publisher) -> None:
        """Publish everything, in the order it came in."""
        for event in self._events.values():
            if event.kinds:
                publisher.publish(event.module_id, event.command, event.params, list(event.kinds))
