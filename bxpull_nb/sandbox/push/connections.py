"""Who is connected: in the order they came, by channel, and how to get rid of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bxpull_nb.sandbox.push.binary_codec import LIMITS
from bxpull_nb.sandbox.server import Peer

__all__ = ["Connection", "Connections", "Subscriber"]


@dataclass(frozen=True)
class Subscriber:
    """Whom a connection said it is, and what it may listen to."""

    channels: tuple[str, ...]
    """As the broker calls them."""
    public: str | None = None
    """The public part it publishes under: that of its first channel which has one."""
    limited: tuple[str, ...] = ()
    """Those of its channels that only so many connections may listen to at once."""
    user_id: int | None = None
    """The user whose private channel it listens to, or who is named by its token."""


@dataclass(eq=False)
class Connection:
    """A live WebSocket or a held poll."""

    subscriber: Subscriber
    peer: Peer
    is_websocket: bool
    close: Callable[[int, str], None]
    """End it with a close code and a reason; a poll with an HTTP status. Call it in the loop."""


class Connections:
    """All that are live. It is changed in the server's loop only; anybody may count."""

    def __init__(self) -> None:
        self.acknowledged = 0
        """How many messages listeners acknowledged with `mack`."""
        self._all: dict[Connection, None] = {}  # a dict, because order matters
        self._limited: dict[str, list[Connection]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    @property
    def websockets(self) -> int:
        """How many of them are WebSockets."""
        return sum(connection.is_websocket for connection in self)

    def add(self, connection: Connection) -> list[Connection]:
        """Those who must leave for it: the oldest on a limited channel that is full."""
        leaving = []
        for channel in connection.subscriber.limited:
            listening = self._limited.setdefault(channel, [])
            if len(listening) >= LIMITS["maxConnPerChannel"]:
                leaving.append(listening[0])
                self.remove(listening[0])
            self._limited.setdefault(channel, []).append(connection)
        self._all[connection] = None
        return leaving

    def remove(self, connection: Connection) -> None:
        """It has gone; removing it twice does nothing."""
        if connection not in self._all:
            return
        del self._all[connection]
        for channel in connection.subscriber.limited:
            listening = self._limited[channel]
            listening.remove(connection)
            if not listening:
                del self._limited[channel]
