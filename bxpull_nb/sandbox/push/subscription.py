"""The messages waiting for one connection."""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from bxpull_nb.sandbox.push.dialects import Dialect, Frame

__all__ = ["Subscription"]


class Subscription:
    """The messages waiting for one connection, already encoded.

    `Broker.notify_ready` calls `on_ready` with it, never the publishing thread.
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
        """Whether the limit was exceeded; nothing is kept after that."""
        self._limit = limit
        self._lock = lock
        self._pieces: deque[Frame] = deque()
        self._size = 0

    def take(self, most: int | None = None) -> Frame:
        """Remove at most so many messages, in order; return them as one frame, maybe empty."""
        with self._lock:
            if most is None or most >= len(self._pieces):
                taken, self._pieces, self._size = self._pieces, deque(), 0
            else:
                taken = deque(self._pieces.popleft() for _ in range(most))
                self._size -= sum(map(len, taken))
        return self.dialect.join(taken)

    def put(self, piece: Frame) -> bool:
        """Add a message; return whether to call `on_ready`: at the first one, at an overflow.

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
