"""The queue of chat events: one for each user, read by one program (protocol 4.11)."""

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple

from bxpull_nb.sandbox.clock import iso_time

__all__ = ["ChatEvent", "ChatPage", "ChatQueue"]

_LIFE = 86400.0
"""Seconds that an event is kept."""
_MOST = 100_000
"""Events kept for each user."""
_FIRST_ID = 2001


class ChatEvent(NamedTuple):
    """One event of a chat."""

    id: int
    type: str
    moment: float
    data: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """Return the event as `im.v2.Event.get` lists it."""
        date = iso_time(int(self.moment))
        return {"eventId": self.id, "type": self.type, "date": date, "data": self.data}


class ChatPage(NamedTuple):
    """The answer to one get."""

    events: list[ChatEvent]
    next_offset: int | None
    """The offset that acknowledges these events; that of the call if there are none."""
    has_more: bool


class ChatQueue:
    """The chat events of users who subscribed. Every method may be called from any thread."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._subscribed: set[int] = set()
        self._events: dict[int, deque[ChatEvent]] = {}
        self._next = _FIRST_ID
        self._lock = Lock()

    def subscribe(self, user_id: int) -> None:
        """Note the user's events from now on; a second time changes nothing."""
        with self._lock:
            self._subscribed.add(user_id)

    def unsubscribe(self, user_id: int) -> None:
        """Note no more events of the user; those that are there stay."""
        with self._lock:
            self._subscribed.discard(user_id)

    def add(self, kind: str, data: dict[str, Any], moment: float) -> None:
        """Add an event for every user who subscribed."""
        with self._lock:
            for user_id in self._subscribed:
                event = ChatEvent(self._next, kind, moment, data)
                self._events.setdefault(user_id, deque(maxlen=_MOST)).append(event)
                self._next += 1

    def get(self, user_id: int, offset: int | None, limit: int) -> ChatPage:
        """Return the first events; an `offset` first deletes all events below it."""
        with self._lock:
            events = self._events.get(user_id) or deque()
            expired = self._now() - _LIFE
            while events and (events[0].moment <= expired or events[0].id < (offset or 0)):
                events.popleft()
            found = [event for event, _ in zip(events, range(limit), strict=False)]
            after = found[-1].id + 1 if found else offset
            return ChatPage(found, after, len(events) > len(found))

    def left(self, user_id: int) -> list[ChatEvent]:
        """Return the events that the user has not acknowledged."""
        with self._lock:
            return list(self._events.get(user_id, ()))
