"""Registry of the live connections, in order of arrival and by channel."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bxpull_nb.sandbox.push.binary_codec import LIMITS
from bxpull_nb.sandbox.server import Peer

__all__ = ["Connection", "Connections", "Subscriber"]


@dataclass(frozen=True)
class Subscriber:
    """The listener of a connection: its channels and its user."""

    channels: tuple[str, ...]
    """The broker's names."""
    public: str | None = None
    """The public part of its first channel that has one: its sender id."""
    limited: tuple[str, ...] = ()
    """Channels with a limit of `maxConnPerChannel` connections."""
    user_id: int | None = None
    """The user of its private channel, or of its token."""


@dataclass(eq=False)
class Connection:
    """A live WebSocket or a held poll."""

    subscriber: Subscriber
    peer: Peer
    is_websocket: bool
    close: Callable[[int, str], None]
    """Closes it with a code and a reason, a poll with an HTTP status; call it in the loop."""
    last_traffic: float = field(default_factory=time.monotonic)
    """The time of the last traffic in either direction, in seconds of the monotonic clock."""


class Connections:
    """The live connections; changed in the server's loop only, counted in any thread."""

    def __init__(self) -> None:
        self.acknowledged = 0
        """Number of messages that listeners acknowledged with `mack`."""
        self._all: dict[Connection, None] = {}  # a dict keeps the order
        self._limited: dict[str, list[Connection]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    @property
    def websockets(self) -> int:
        """Number of WebSockets among them."""
        return sum(connection.is_websocket for connection in self)

    def add(self, connection: Connection) -> list[Connection]:
        """Add a connection; return the oldest of each full channel, which are removed."""
        removed = []
        for channel in connection.subscriber.limited:
            listening = self._limited.setdefault(channel, [])
            if len(listening) >= LIMITS["maxConnPerChannel"]:
                removed.append(listening[0])
                self.remove(listening[0])
            self._limited.setdefault(channel, []).append(connection)
        self._all[connection] = None
        return removed

    def remove(self, connection: Connection) -> None:
        """Remove a connection; removing it twice does nothing."""
        if connection not in self._all:
            return
        del self._all[connection]
        for channel in connection.subscriber.limited:
            listening = self._limited[channel]
            listening.remove(connection)
            if not listening:
                del self._limited[channel]
