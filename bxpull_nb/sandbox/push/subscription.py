"""What one connection has yet to be sent."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from bxpull_nb.sandbox.push.dialects import Dialect, Frame

__all__ = ["Subscription"]


class Subscription:
    """What one connection has yet to be sent, already encoded.

    `on_ready` is called with it by `Broker.call_ready`, never by the thread that publishes.
    """

    def __init__(
        self,
        channels: Sequence[str],
        dialect: Dialect,
        limit: int,
        lock: Lock,
        on_ready: "Callable[[Subscription], None]",
    ) -> None:
        self.channels = list(dict.fromkeys(channels))
        self.dialect = dialect
        self.on_ready = on_ready
        self.overflowed = False
        """More waits than a slow subscriber may be owed: nothing is kept for it any more."""
        self._limit = limit
        self._lock = lock
        self._pieces: deque[Frame] = deque()
        self._size = 0

    def take(self, most: int | None = None) -> Frame:
        """What waits, as one frame, in order; at most so many messages of it; maybe empty."""
        with self._lock:
            if most is None or most >= len(self._pieces):
                taken, self._pieces, self._size = self._pieces, deque(), 0
            else:
                taken = deque(self._pieces.popleft() for _ in range(most))
                self._size -= sum(map(len, taken))
        return self.dialect.join(taken)

    def put(self, piece: Frame) -> bool:
        """Whether the listener must be told: about the first piece, and about the overflow.

        The broker calls it, holding the lock.
        """
        if self.overflowed:
            return False
        was_empty = not self._pieces
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > self._limit:
            self.overflowed = True
            self._pieces.clear()
            self._size = 0
        return was_empty or self.overflowed
