"""A transport yields frames without interpreting them: the interface, and the WebSocket.

All have one interface: `frames(next_url)` yields `Accepted` when the server takes the
connection or answers a poll, and lists of the frames that arrived together, in order: each is
`str` (text) or `bytes` (binary).
`next_url` is called for the address before each request: once for a WebSocket, once per poll.
Every failure is a ChannelRefused or a ConnectionFailed; a frame of more than `MAX_FRAME` bytes
is a FrameTooLarge.
"""

import logging
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Protocol, cast

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, WebSocketException

from bxpull_nb.environment import Proxy, proxy_for, trusted_for
from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.listener.frame_queue import FrameQueue
from bxpull_nb.listener.transport_errors import MAX_FRAME, closed, websocket_error

__all__ = ["Accepted", "Transport", "WebSocketTransport"]


_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 0.3  # stopping must feel instant, even if the server does not answer the close
_PING_EVERY = 15.0  # seconds; proxies cut connections that are silent for half a minute

# The libraries' own debug lines hold whole addresses, and an address holds the channel id.
_QUIET = logging.getLogger("bxpull_nb.listener.transport.quiet")
_QUIET.disabled = True


class Accepted(msgspec.Struct, frozen=True):
    """The server took the connection, or answered a poll; a frame may follow."""

    last_message_id: str | None = None
    """The position in a long-poll answer (its header `Last-Message-Id`)."""
    is_held: bool = False
    """Whether the poll waits at the server, which had nothing to send."""
    is_empty: bool = False
    """Whether the poll was answered with nothing."""


class Transport(Protocol):
    """A transport for one connection; connecting again takes a new one."""

    name: str

    def frames(self, next_url: Callable[[], str]) -> AsyncGenerator[Accepted | list[str | bytes]]:
        """Yield the server's answers and frames until the connection ends."""
        ...

    async def send(self, *frames: str) -> None:
        """Send the frames, where the transport can."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection, with a close code where the transport has one."""
        ...


class WebSocketTransport:
    """One WebSocket connection."""

    name = "websocket"

    def __init__(self, max_frame: int = MAX_FRAME, open_timeout: float = _OPEN_TIMEOUT) -> None:
        self._connection: FrameQueue | None = None
        self._max_frame = max_frame
        self._open_timeout = open_timeout

    @property
    def has_worked(self) -> bool:
        """Whether anything came after the handshake, if only the answer to a ping."""
        return self._connection is not None and self._connection.signs > 0

    @property
    def seconds(self) -> float:
        """How long it was connected, up to now or to its end."""
        return 0.0 if self._connection is None else self._connection.seconds

    async def frames(
        self, next_url: Callable[[], str]
    ) -> AsyncGenerator[Accepted | list[str | bytes]]:
        """Yield `Accepted` after the handshake, then every frame."""
        url = next_url()
        proxy = proxy_for(url)
        tls = _tls(url, proxy)
        try:
            async with connect(
                url,
                compression=None,  # the push servers offer none
                max_size=self._max_frame,
                open_timeout=self._open_timeout,
                close_timeout=_CLOSE_TIMEOUT,
                ping_interval=_PING_EVERY,
                proxy=None if proxy is None else proxy.url,
                logger=_QUIET,
                create_connection=cast("type[FrameQueue]", partial(FrameQueue, self._max_frame)),
                **tls,
            ) as connection:
                self._connection = cast("FrameQueue", connection)
                yield Accepted()
                while True:
                    yield await self._connection.take()
        except ConnectionClosedOK:
            pass
        except (OSError, TimeoutError, UnicodeError, WebSocketException) as exc:
            by = proxy if self._connection is None else None
            raise websocket_error(exc, by) from None
        raise ConnectionFailed(
            "the push server closed the WebSocket. It is opened again automatically."
        )

    async def send(self, *frames: str) -> None:
        """Send text frames; raises ConnectionFailed when the connection is gone."""
        if self._connection is None:
            raise ConnectionFailed("there is no WebSocket connection to send by.")
        try:
            await self._connection.send_all(frames)
        except ConnectionClosed as exc:
            raise closed(exc) from None

    async def close(self, code: int, reason: str) -> None:
        """Close the connection with this code; `frames` ends."""
        if self._connection is not None:
            await self._connection.close(code, reason)


def _tls(url: str, proxy: Proxy | None) -> dict[str, Any]:
    """Return the certificates to trust, as the library takes them."""
    to_proxy = None if proxy is None else trusted_for(proxy.url)
    given = {"ssl": trusted_for(url), "proxy_ssl": to_proxy}
    return {name: trusted for name, trusted in given.items() if trusted is not None}
