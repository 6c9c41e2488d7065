"""Bindings: which events the application wants, and how it gets them."""

from collections.abc import Iterator
from threading import Lock
from typing import Any, NamedTuple

__all__ = ["Binding", "EventBindings"]


class Binding(NamedTuple):
    """One event that the application wants."""

    event: str
    """The name in capitals."""
    handler: str = ""
    """The address that the portal calls; empty for an offline event."""
    user_id: int = 0
    """The user whose token the handler gets; 0 is the one who causes the event."""
    connector: str = ""
    """The queue of an offline event."""

    @property
    def is_offline(self) -> bool:
        """Whether the event waits in the queue."""
        return not self.handler

    def row(self) -> dict[str, Any]:
        """Return the binding as `event.get` lists it."""
        if self.is_offline:
            return {"event": self.event, "connector_id": self.connector, "offline": 1}
        user = str(self.user_id)
        return {"event": self.event, "handler": self.handler, "auth_type": user, "offline": 0}


class EventBindings:
    """The bindings of the application, oldest first. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._bindings: dict[Binding, None] = {}
        self._lock = Lock()

    def __iter__(self) -> Iterator[Binding]:
        with self._lock:
            return iter(list(self._bindings))

    def add(self, binding: Binding) -> bool:
        """Add a binding; return False if it was there."""
        with self._lock:
            is_new = binding not in self._bindings
            self._bindings.setdefault(binding)
            return is_new

    def remove(self, event: str, handler: str, connector: str, user_id: int | None) -> int:
        """Remove the bindings that fit and return their number; `user_id` None fits all users."""
        with self._lock:
            found = [
                binding
                for binding in self._bindings
                if (binding.event, binding.handler, binding.connector)
                == (event, handler, connector)
                and user_id in (None, binding.user_id)
            ]
            for binding in found:
                del self._bindings[binding]
        return len(found)

    def clear(self) -> None:
        """Remove all bindings, as an update of the application does."""
        with self._lock:
            self._bindings.clear()

    def connectors(self, event: str) -> list[str]:
        """Return the queues that want the event."""
        with self._lock:
            return [b.connector for b in self._bindings if b.event == event and b.is_offline]
