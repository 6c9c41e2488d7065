"""Which users are there, and since when they are not: for servers of version 5."""

from collections import Counter
from collections.abc import Callable

__all__ = ["Presence", "status_key"]


def status_key(user_id: int) -> str:
    """What the broker calls the news about that user's coming and going."""
    return f"status:{user_id}"


class Presence:
    """Connections by user. `tell` is called when somebody comes or goes.

    It is changed in the server's loop only.
    """

    def __init__(self, now: Callable[[], float], tell: Callable[[int, bool], object]) -> None:
        self._now = now
        self._tell = tell
        self._there: Counter[int] = Counter()
        self._seen: dict[int, float] = {}

    def come(self, user_id: int | None) -> None:
        """One more connection of the user."""
        if user_id is None:
            return
        self._there[user_id] += 1
        if self._there[user_id] == 1:
            self._tell(user_id, True)

    def go(self, user_id: int | None) -> None:
        """One connection of the user less."""
        if user_id is None:
            return
        self._there[user_id] -= 1
        if not self._there[user_id]:
            self._seen[user_id] = self._now()
            self._tell(user_id, False)

    def last_seen(self, user_id: int) -> int | None:
        """Seconds since the user was there; 0 for who is, None for who never was."""
        if self._there[user_id]:
            return 0
        seen = self._seen.get(user_id)
        return None if seen is None else max(1, int(self._now() - seen))
