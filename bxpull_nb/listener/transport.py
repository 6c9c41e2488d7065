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
from http import HTTPStatus
from typing import Protocol, cast

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidStatus,
    WebSocketException,
)
from websockets.frames import CloseCode

from bxpull_nb.errors import ChannelRefused, ConnectionFailed, FrameTooLarge, PushError
from bxpull_nb.listener.frame_queue import FrameQueue
from bxpull_nb.masking import mask_url
from bxpull_nb.protocol.endpoint import is_loopback

__all__ = [
    "MAX_FRAME",
    "Accepted",
    "Transport",
    "WebSocketTransport",
    "refused",
    "too_large",
]

MAX_FRAME = 256 * 1024 * 1024
"""Bytes. High on purpose: a resumed connection brings its whole backlog in one frame."""

_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 0.3  # stopping must feel instant, even if the server does not answer the close
_PING_EVERY = 30.0
_WRONG_CHANNEL, _TOO_MANY = 4010, 4029  # close codes

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

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._connection: FrameQueue | None = None
        self._max_frame = max_frame

    async def frames(
        self, next_url: Callable[[], str]
    ) -> AsyncGenerator[Accepted | list[str | bytes]]:
        """Yield `Accepted` after the handshake, then every frame."""
        url = next_url()
        try:
            async with connect(
                url,
                compression=None,  # the push servers offer none
                max_size=self._max_frame,
                open_timeout=_OPEN_TIMEOUT,
                close_timeout=_CLOSE_TIMEOUT,
                ping_interval=_PING_EVERY,
                proxy=None if is_loopback(url) else True,
                logger=_QUIET,
                create_connection=FrameQueue,
            ) as connection:
                self._connection = cast("FrameQueue", connection)
                yield Accepted()
                while True:
                    yield await self._connection.take()
        except ConnectionClosedOK:
            pass
        except (OSError, TimeoutError, WebSocketException) as exc:
            raise _websocket_error(exc) from exc
        raise ConnectionFailed(
            "the push server closed the WebSocket. It is opened again by itself."
        )

    async def send(self, *frames: str) -> None:
        """Send text frames; raises ConnectionFailed when the connection is gone."""
        if self._connection is None:
            raise ConnectionFailed("there is no WebSocket connection to send by.")
        try:
            await self._connection.send_all(frames)
        except ConnectionClosed as exc:
            raise _websocket_error(exc) from exc

    async def close(self, code: int, reason: str) -> None:
        """Close the connection with this code; `frames` ends."""
        if self._connection is not None:
            await self._connection.close(code, reason)


def _websocket_error(exc: Exception) -> PushError:
    if isinstance(exc, InvalidStatus):
        return refused(exc.response.status_code, "WebSocket handshake")
    if isinstance(exc, ConnectionClosed):
        return _closed(exc)
    reason = mask_url(str(exc)) or type(exc).__name__
    return ConnectionFailed(
        f"no WebSocket connection to the push server ({reason}). It is tried again by itself; if "
        f"a proxy or firewall blocks WebSockets, use transport='polling'."
    )


def too_large(limit: int = MAX_FRAME) -> FrameTooLarge:
    """Return the error for more than `limit` bytes at once."""
    return FrameTooLarge(
        f"the push server sent more in one frame than is taken ({limit >> 20} MB). If it stays so, "
        f"there is too much history to resume from: stop the feed and start it anew, it then "
        f"begins from now."
    )


def _closed(exc: ConnectionClosed) -> PushError:
    received = exc.rcvd
    if exc.sent is not None and exc.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return too_large()
    if received is None:
        return ConnectionFailed(
            "the WebSocket broke (no close frame). It is opened again by itself."
        )
    what = f"close code {received.code} {received.reason}".rstrip()
    if received.code == _WRONG_CHANNEL:
        return ChannelRefused(
            f"the push server ended the connection ({what}): it does not know the channel any "
            f"more. A fresh config is fetched and tried."
        )
    if received.code == _TOO_MANY:
        return ConnectionFailed(
            f"the push server ended the connection ({what}): more than 100 connections listen to "
            f"this channel, and it closes the oldest. Stop the feeds and tabs nobody needs."
        )
    return ConnectionFailed(f"the WebSocket broke ({what}). It is opened again by itself.")


def refused(status: int, what: str) -> PushError:
    """Return the error for an HTTP status that refuses a handshake or a poll."""
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
        return ChannelRefused(
            f"the push server refused the {what} (HTTP {status}): it does not know the channel, "
            f"which may have ended. A fresh config is fetched and tried."
        )
    return ConnectionFailed(
        f"the push server answered the {what} with HTTP {status}. It is tried again by itself."
    )
