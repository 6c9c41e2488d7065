"""From those who publish to those who listen: mids, history, mailboxes; no input or output.

One lock makes it atomic: a message gets its mid, its place in the history and its place in every
mailbox in one step, and a new subscriber gets its backlog and its mailbox in one step. So nothing
falls between history and live, which real servers do not achieve (protocol 2.3); where a message
is to be lost, `faults` loses it on purpose.
"""

from collections.abc import Callable, Sequence
from threading import Lock

import msgspec

from bxpull_nb.models import Message
from bxpull_nb.sandbox.push.dialects import PROTOBUF, TEXT, Dialect, Frame
from bxpull_nb.sandbox.push.faults import MessageFaults
from bxpull_nb.sandbox.push.history import History
from bxpull_nb.sandbox.push.subscription import Subscription

__all__ = ["LONGEST_EXPIRY", "Broker"]

LONGEST_EXPIRY = 86400
"""Seconds a message is stored at most."""


class Broker:
    """Messages in, mailboxes filled. Every method may be called from any thread.

    `wake` is called at most once until `call_ready` has run: it must see to it that `call_ready`
    runs soon, on the thread that serves the mailboxes. `names_channels` tells in each frame the
    first channel of the publish, as protocol 3 does; later ones write `-`.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        wake: Callable[[Callable[[], None]], None],
        names_channels: bool = True,
        history_limit: int = 200_000,
        backlog_limit: int = 64 * 1024 * 1024,
    ) -> None:
        self.closed = False
        self._names_channels = names_channels
        self._now = now
        self._wake = wake
        self._history_limit = history_limit
        self._backlog_limit = backlog_limit
        self._history = History(history_limit)
        self._start = int(now())
        self._count = 0
        self._before_wipes = 0
        self._listeners: dict[str, list[Subscription]] = {}
        self._ready: list[Subscription] = []
        self._lock = Lock()
        self.faults = MessageFaults(self._lock)
        """What is to go wrong with the next messages."""

    @property
    def published(self) -> int:
        """How many messages were published so far."""
        return self._before_wipes + self._count

    def publish(
        self,
        body: str,
        channels: Sequence[str],
        expiry: int,
        moment: float,
        sender: tuple[str, str] = ("backend", ""),
    ) -> str:
        """The mid of the message, which is now stored and on its way.

        It is stored for `expiry` seconds from `moment` (0 = not stored, 86400 at most), and
        arrives once per channel. `sender` is the type and the public id of whoever published.
        """
        expiry = max(0, min(expiry, LONGEST_EXPIRY))
        first = channels[0] if self._names_channels else "-"
        with self._lock:
            self._count += 1
            mid = f"{self._start:010}{self._count:016}"
            message = Message(mid, body, first, int(moment), expiry, *sender)
            if expiry > 0:
                for channel in channels:
                    self._history.add(channel, message)
            if self.faults.waiting:
                must_wake = self._distribute_with_faults(message, channels, moment)
            else:
                must_wake = self._distribute(message, channels, moment)
        if must_wake:
            self._wake(self.call_ready)
        return mid

    def _distribute_with_faults(
        self, message: Message, channels: Sequence[str], moment: float
    ) -> bool:
        passed = self.faults.pass_on(message, channels)
        return sum(self._distribute(*delivery, moment) for delivery in passed) > 0

    def _distribute(self, message: Message, channels: Sequence[str], moment: float) -> bool:
        """Fill the mailboxes, encoding once per dialect; tells whether somebody must be woken."""
        written: dict[int, Frame] = {}
        nobody_waited = not self._ready
        for channel in channels:
            for subscription in self._listeners.get(channel, ()):
                dialect = subscription.dialect
                piece = written.get(id(dialect))
                if piece is None:
                    stamped = _stamped(message, dialect, moment) if written else message
                    piece = written[id(dialect)] = dialect.write(stamped)
                if subscription.put(piece):
                    self._ready.append(subscription)
        return nobody_waited and bool(self._ready)

    def call_ready(self) -> None:
        """Call `on_ready` of every mailbox that has got something since the last time."""
        with self._lock:
            ready, self._ready = self._ready, []
        for subscription in ready:
            subscription.on_ready(subscription)

    def subscribe(
        self,
        channels: Sequence[str],
        mid: str | None,
        on_ready: Callable[[Subscription], None],
        dialect: Dialect = TEXT,
    ) -> tuple[Subscription, Frame]:
        """A mailbox for what comes from now on, and one frame of what is newer than `mid`.

        The frame is empty without `mid`, or when there is nothing newer.
        """
        subscription = Subscription(channels, dialect, self._backlog_limit, self._lock, on_ready)
        moment = self._now()
        with self._lock:
            stored = self._history.newer(subscription.channels, mid, moment) if mid else []
            for channel in subscription.channels:
                self._listeners.setdefault(channel, []).append(subscription)
        if dialect is TEXT and not self._names_channels:
            # From version 4 on the time in a text frame is that of the delivery.
            stored = [msgspec.structs.replace(m, created=int(moment)) for m in stored]
        return subscription, dialect.backlog(stored)

    def join(self, subscription: Subscription, channel: str) -> None:
        """One more channel for a mailbox that is subscribed."""
        with self._lock:
            if channel not in subscription.channels:
                subscription.channels.append(channel)
                self._listeners.setdefault(channel, []).append(subscription)

    def leave(self, subscription: Subscription, channel: str) -> None:
        """The mailbox without that channel."""
        with self._lock:
            if channel in subscription.channels:
                subscription.channels.remove(channel)
                self._remove(subscription, channel)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Nothing is put into the mailbox any more."""
        with self._lock:
            for channel in subscription.channels:
                self._remove(subscription, channel)

    def _remove(self, subscription: Subscription, channel: str) -> None:
        listening = self._listeners[channel]
        listening.remove(subscription)
        if not listening:
            del self._listeners[channel]

    def is_online(self, channel: str) -> bool:
        """Whether anybody listens to the channel."""
        return channel in self._listeners

    @property
    def online(self) -> int:
        """How many channels somebody listens to; public parts and users are none."""
        with self._lock:
            return sum(":" not in channel for channel in self._listeners)

    def newest(self, channels: Sequence[str]) -> str:
        """The newest stored mid on the channels, or the empty string."""
        with self._lock:
            return self._history.newest(list(channels))

    def wipe(self) -> None:
        """Forget all that is stored, and number anew from 1 under the same prefix."""
        with self._lock:
            self._history = History(self._history_limit)
            self._before_wipes += self._count
            self._count = 0

    def close(self) -> None:
        """Let everybody who waits for a mailbox go; call it on the thread that serves them."""
        self.closed = True
        self.call_everybody()

    def call_everybody(self) -> None:
        """Call every `on_ready`, for another reason than a message; on the serving thread."""
        with self._lock:
            waiting = {id(box): box for boxes in self._listeners.values() for box in boxes}
        for subscription in waiting.values():
            subscription.on_ready(subscription)


def _stamped(message: Message, dialect: Dialect, moment: float) -> Message:
    """The message as a second dialect writes it.

    Protocol 4 servers overwrite `created` with milliseconds when they write a text frame; a binary
    frame written after it carries what of them fits into 32 bits, a date in the 1970s.
    """
    if dialect is not PROTOBUF:
        return message
    return msgspec.structs.replace(message, created=int(moment * 1000))
