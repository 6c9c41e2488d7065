"""From publishers to subscribers: mids, history, subscriptions; no I/O.

One lock makes it atomic: a message gets its mid, its place in the history and its place in every
subscription in one step, and a new subscriber gets its backlog and its subscription in one step.
So no message is lost between history and live, which real servers do not achieve (protocol 2.3);
`faults` loses messages on demand.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from threading import Lock

import msgspec

from bxpull_nb.models import Message
from bxpull_nb.sandbox.push.dialects import PROTOBUF, TEXT, Dialect, Frame
from bxpull_nb.sandbox.push.faults import MessageFaults
from bxpull_nb.sandbox.push.history import History
from bxpull_nb.sandbox.push.subscription import Subscription

__all__ = ["LONGEST_EXPIRY", "Broker"]

LONGEST_EXPIRY = 86400
"""Seconds for which a message is stored at most."""


class Broker:
    """Distributes messages to subscriptions. Every method may be called from any thread.

    `wake` is called with `notify_ready`, which must run soon on the thread that serves the
    subscriptions; until it has run, `wake` is not called again. A server of `version` 3 stores
    every message, gives each once in a backlog, and writes the first channel of the publish into
    frames; later ones write `-`.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        wake: Callable[[Callable[[], None]], None],
        version: int = 3,
        history_limit: int = 200_000,
        backlog_limit: int = 64 * 1024 * 1024,
    ) -> None:
        self.closed = False
        self._is_text_server = version < 4
        self._now = now
        self._wake = wake
        self._history_limit = history_limit
        self._backlog_limit = backlog_limit
        self._history = History(history_limit)
        self._start = int(now())
        self._count = 0
        self._before_wipes = 0
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._ready: list[Subscription] = []
        self._lock = Lock()
        self.faults = MessageFaults(self._lock)
        """Faults of the next messages."""

    @property
    def published(self) -> int:
        """Number of messages published so far."""
        return self._before_wipes + self._count

    def publish(
        self,
        body: str,
        channels: Sequence[str],
        expiry: int,
        moment: float,
        sender: tuple[str, str] = ("backend", ""),
    ) -> str:
        """Store and distribute a message, and return its mid.

        It is stored for `expiry` seconds from `moment`, 86400 at most, and arrives once per
        channel. With 0 or less it is not stored; version 3 then stores it for 86400 seconds.
        `sender` is the type and the public id of the publisher.
        """
        expiry = self._stored_seconds(expiry)
        first = channels[0] if self._is_text_server else "-"
        with self._lock:
            if self.faults.waiting:
                expiry = self.faults.expiry(expiry)
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
            self._wake(self.notify_ready)
        return mid

    def _stored_seconds(self, expiry: int) -> int:
        if expiry <= 0:
            return LONGEST_EXPIRY if self._is_text_server else 0
        return min(expiry, LONGEST_EXPIRY)

    def _distribute_with_faults(
        self, message: Message, channels: Sequence[str], moment: float
    ) -> bool:
        deliveries = self.faults.deliveries(message, channels)
        return sum(self._distribute(*delivery, moment) for delivery in deliveries) > 0

    def _distribute(self, message: Message, channels: Sequence[str], moment: float) -> bool:
        """Encode once per dialect and fill subscriptions; return whether to call `wake`."""
        written: dict[int, Frame] = {}
        none_ready = not self._ready
        for channel in channels:
            for subscription in self._subscriptions.get(channel, ()):
                dialect = subscription.dialect
                piece = written.get(id(dialect))
                if piece is None:
                    stamped = _stamped(message, dialect, moment) if written else message
                    piece = written[id(dialect)] = dialect.write(stamped)
                if subscription.put(piece):
                    self._ready.append(subscription)
        return none_ready and bool(self._ready)

    def notify_ready(self) -> None:
        """Call `on_ready` of every subscription that got messages since the last call."""
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
        """Return a subscription to new messages, and one frame with those newer than `mid`.

        The frame is empty without `mid`, or when there are none.
        """
        subscription = Subscription(channels, dialect, self._backlog_limit, self._lock, on_ready)
        moment = self._now()
        with self._lock:
            stored = self._history.newer(subscription.channels, mid, moment) if mid else []
            for channel in subscription.channels:
                self._subscriptions.setdefault(channel, []).append(subscription)
        if self._is_text_server:
            stored = list({message.mid: message for message in stored}.values())
        elif dialect is TEXT:
            # From version 4 on a text frame has the time of delivery.
            stored = [msgspec.structs.replace(m, created=int(moment)) for m in stored]
        return subscription, dialect.backlog(stored)

    def add_channel(self, subscription: Subscription, channel: str) -> None:
        """Add a channel to a subscription; a channel that it has changes nothing."""
        with self._lock:
            if channel not in subscription.channels:
                subscription.channels.append(channel)
                self._subscriptions.setdefault(channel, []).append(subscription)

    def remove_channel(self, subscription: Subscription, channel: str) -> None:
        """Remove a channel from a subscription; a channel that it lacks changes nothing."""
        with self._lock:
            if channel in subscription.channels:
                subscription.channels.remove(channel)
                self._remove(subscription, channel)

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; it gets no more messages."""
        with self._lock:
            for channel in subscription.channels:
                self._remove(subscription, channel)

    def _remove(self, subscription: Subscription, channel: str) -> None:
        subscriptions = self._subscriptions[channel]
        subscriptions.remove(subscription)
        if not subscriptions:
            del self._subscriptions[channel]

    def is_online(self, channel: str) -> bool:
        """Whether the channel has a subscription."""
        return channel in self._subscriptions

    @property
    def online(self) -> int:
        """Number of channels with a subscription, without public parts and users."""
        with self._lock:
            return sum(":" not in channel for channel in self._subscriptions)

    def newest(self, channels: Sequence[str]) -> str:
        """Return the newest stored mid of the channels, or the empty string."""
        with self._lock:
            return self._history.newest(list(channels))

    def wipe(self) -> None:
        """Delete the history, and begin mids at 1 again under the same prefix."""
        with self._lock:
            self._history = History(self._history_limit)
            self._before_wipes += self._count
            self._count = 0

    def close(self) -> None:
        """Release all that wait for messages; call it on the serving thread."""
        self.closed = True
        self.notify_all()

    def notify_all(self) -> None:
        """Call every `on_ready`, for another reason than a message; on the serving thread."""
        with self._lock:
            found = dict.fromkeys(chain.from_iterable(self._subscriptions.values()))
        for subscription in found:
            subscription.on_ready(subscription)


def _stamped(message: Message, dialect: Dialect, moment: float) -> Message:
    """Return the message as a second dialect writes it.

    Protocol 4 servers overwrite `created` with milliseconds when they write a text frame; a binary
    frame written after it has the lower 32 bits of them, a date in the 1970s.
    """
    if dialect is not PROTOBUF:
        return message
    return msgspec.structs.replace(message, created=int(moment * 1000))
