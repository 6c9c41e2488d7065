"""Chooses the transport of a lane's next connection, by what became of the last ones."""

from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.listener.transport import Transport, WebSocketTransport
from bxpull_nb.models import PullServer
from bxpull_nb.protocol.retry_policy import next_transport

__all__ = ["TransportChoice"]

_STOOD = 3.0  # seconds; some proxies let a WebSocket begin, and cut it soon
_FIRST_OPEN = 5.0  # seconds for the first handshake where polling may step in


class TransportChoice:
    """Counts how often in a row the WebSocket failed; `chosen` is `auto` or a transport.

    A poll is taken as held after `held_after` seconds.
    """

    def __init__(self, chosen: str, held_after: float) -> None:
        self._chosen = chosen
        self._held_after = held_after
        self._failures = 0
        self.websocket_worked = False
        """Whether a WebSocket has brought anything yet, if only the answer to a ping."""

    def next(self, server: PullServer) -> Transport:
        """Return a transport for the next connection."""
        name = next_transport(self._chosen, server, self._failures, worked=self.websocket_worked)
        if name == "polling":
            return LongPollingTransport(held_after=self._held_after)
        if self._chosen == "auto" and not self.websocket_worked:
            return WebSocketTransport(open_timeout=_FIRST_OPEN)
        return WebSocketTransport()

    def connected(self, transport: str) -> None:
        """Note that a connection was made: after polling the WebSocket gets another chance."""
        if transport == "polling":
            self._failures = 0

    def ended(self, transport: Transport) -> None:
        """Note that a connection ended, before `failed`."""
        if isinstance(transport, WebSocketTransport) and transport.has_worked:
            self.websocket_worked = True
            if transport.seconds >= _STOOD:
                self._failures = 0

    def failed(self, transport: str) -> None:
        """Note that it ended with an error."""
        if transport == "websocket":
            self._failures += 1
        elif not self.websocket_worked:
            self._failures = 0  # neither worked yet: they take turns
