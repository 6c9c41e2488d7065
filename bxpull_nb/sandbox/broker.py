"""From those who publish to those who listen: mids, history, mailboxes; no input or output.

One lock makes it atomic: a message gets its mid, its place in the history and its place in every
mailbox in one step, and a new subscriber gets its backlog and its mailbox in one step. So nothing
falls between history and live, which real servers do not achieve (protocol 2.3).
"""

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from bxpull_nb.codec import Codec
from bxpull_nb.models import Message
from bxpull_nb.sandbox.history import History

__all__ = ["Broker", "Mailbox"]


class Mailbox:
    """What one connection has yet to be sent, already encoded.

    `on_ready` is called with it by `Broker.call_ready`, never by the thread that publishes.
    """

    def __init__(
        self,
        channels: Sequence[str],
        limit: int,
        lock: Lock,
        on_ready: "Callable[[Mailbox], None]",
    ) -> None:
        self.channels = list(dict.fromkeys(channels))
        self.on_ready = on_ready
        self.overflowed = False
        """More waits than a slow subscriber may be owed: nothing is kept for it any more."""
        self._limit = limit
        self._lock = lock
        self._pieces: deque[str] = deque()
        self._size = 0

    def take(self, most: int | None = None) -> str:
        """What waits, as the text of one frame, in order; at most so many messages of it."""
        with self._lock:
            if most is None or most >= len(self._pieces):
                taken, self._pieces = self._pieces, deque()
            else:
                taken = deque(self._pieces.popleft() for _ in range(most))
            frame = "".join(taken)
            self._size -= len(frame)
        return frame

    def put(self, piece: str) -> bool:
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


class Broker:
    """Messages in, mailboxes filled. Every method may be called from any thread.

    `wake` is called at most once until `call_ready` has run: it must see to it that `call_ready`
    runs soon, on the thread that serves the mailboxes.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        now: Callable[[], float],
        wake: Callable[[Callable[[], None]], None],
        history_limit: int = 200_000,
        backlog_limit: int = 64 * 1024 * 1024,
    ) -> None:
        self.closed = False
        self._codec = codec
        self._now = now
        self._wake = wake
        self._backlog_limit = backlog_limit
        self._history = History(history_limit)
        self._start = int(now())
        self._count = 0
        self._listeners: dict[str, list[Mailbox]] = {}
        self._ready: list[Mailbox] = []
        self._lock = Lock()

    @property
    def published(self) -> int:
        """How many messages were published so far."""
        return self._count

    def publish(self, body: str, channels: Sequence[str], expiry: int, moment: float) -> str:
        """The mid of the message, which is now stored and on its way.

        It is stored for `expiry` seconds from `moment` (0 = not stored), and arrives once per
        channel. The frame names the first channel, as protocol 3 does.
        """
        with self._lock:
            self._count += 1
            mid = f"{self._start:010}{self._count:016}"
            message = Message(mid, body, channels[0], int(moment), expiry)
            if expiry > 0:
                for channel in channels:
                    self._history.add(channel, message)
            must_wake = self._distribute(message, channels)
        if must_wake:
            self._wake(self.call_ready)
        return mid

    def _distribute(self, message: Message, channels: Sequence[str]) -> bool:
        """Fill the mailboxes, encoding once at most; tells whether somebody must be woken."""
        piece = ""
        nobody_waited = not self._ready
        for channel in channels:
            for mailbox in self._listeners.get(channel, ()):
                piece = piece or str(self._codec.encode([message]))
                if mailbox.put(piece):
                    self._ready.append(mailbox)
        return nobody_waited and bool(self._ready)

    def call_ready(self) -> None:
        """Call `on_ready` of every mailbox that has got something since the last time."""
        with self._lock:
            ready, self._ready = self._ready, []
        for mailbox in ready:
            mailbox.on_ready(mailbox)

    def subscribe(
        self, channels: Sequence[str], mid: str | None, on_ready: Callable[[Mailbox], None]
    ) -> tuple[Mailbox, str]:
        """A mailbox for what comes from now on, and one frame of what is newer than `mid`.

        The frame is empty without `mid`, or when there is nothing newer.
        """
        mailbox = Mailbox(channels, self._backlog_limit, self._lock, on_ready)
        with self._lock:
            stored = self._history.newer(mailbox.channels, mid, self._now()) if mid else []
            for channel in mailbox.channels:
                self._listeners.setdefault(channel, []).append(mailbox)
        return mailbox, str(self._codec.encode(stored))

    def unsubscribe(self, mailbox: Mailbox) -> None:
        """Nothing is put into the mailbox any more."""
        with self._lock:
            for channel in mailbox.channels:
                listening = self._listeners[channel]
                listening.remove(mailbox)
                if not listening:
                    del self._listeners[channel]

    def is_online(self, channel: str) -> bool:
        """Whether anybody listens to the channel."""
        return channel in self._listeners

    def newest(self, channels: Sequence[str]) -> str:
        """The newest stored mid on the channels, or the empty string."""
        with self._lock:
            return self._history.newest(list(channels))

    def close(self) -> None:
        """Let everybody who waits for a mailbox go; call it on the thread that serves them."""
        self.closed = True
        with self._lock:
            waiting = {id(box): box for boxes in self._listeners.values() for box in boxes}
        for mailbox in waiting.values():
            mailbox.on_ready(mailbox)
