"""Online users and their last disconnection, for servers of version 5."""

from collections import Counter
from collections.abc import Callable

__all__ = ["Presence", "status_key"]


def status_key(user_id: int) -> str:
    """Return the broker's name for status changes of that user."""
    return f"status:{user_id}"


class Presence:
    """Connections by user. `notify` is called when a user goes online or offline.

    It is changed in the server's loop only.
    """

    def __init__(self, now: Callable[[], float], notify: Callable[[int, bool], object]) -> None:
        self._now = now
        self._notify = notify
        self._connections: Counter[int] = Counter()
        self._last_seen: dict[int, float] = {}

    def connected(self, user_id: int | None) -> None:
        """Count one more connection of the user."""
        if user_id is None:
            return
        self._connections[user_id] += 1
        if self._connections[user_id] == 1:
            self._notify(user_id, True)

    def disconnected(self, user_id: int | None) -> None:
        """Count one connection of the user less."""
        if user_id is None:
            return
        self._connections[user_id] -= 1
        if not self._connections[user_id]:
            self._last_seen[user_id] = self._now()
            self._notify(user_id, False)

    def last_seen(self, user_id: int) -> int | None:
        """Return seconds since the user was online: 0 = is online, None = never was."""
        if self._connections[user_id]:
            return 0
        moment = self._last_seen.get(user_id)
        return None if moment is None else max(1, int(self._now() - moment))
