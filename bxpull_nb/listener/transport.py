"""The transports, WebSocket and long polling: they yield frames without interpreting them.

Both have one interface: `frames(next_url)` yields `Accepted` when the server takes the
connection or answers a poll, and each frame as `str` (text) or `bytes` (binary), in order.
`next_url` is called for the address before each request: once for a WebSocket, once per poll.
Every failure is a ChannelRefused or a ConnectionFailed; a frame of more than `MAX_FRAME` bytes
is a FrameTooLarge.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    WebSocketException,
)

from bxpull_nb.environment import Proxy, proxy_for, trusted_for
from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.http import (
    http_client,
)
from bxpull_nb.listener.transport_errors import (
    MAX_FRAME,
    closed,
    poll_error,
    refused,
    too_large,
    websocket_error,
)

__all__ = [
    "Accepted",
    "LongPollingTransport",
    "PollProgress",
    "Transport",
    "WebSocketTransport",
    "poll",
    "poll_answer",
    "poll_body",
]


_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 0.3  # stopping must feel instant, even if the server does not answer the close
_PING_EVERY = 30.0
_POLL_HELD = 40.0  # the server answers a quiet poll after this long
_POLL_TIMEOUT = httpx.Timeout(10.0, read=_POLL_HELD + 20.0)

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


class PollProgress:
    """How far a poll has come: its request sent, its answer begun."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.sent: asyncio.Future[None] = loop.create_future()
        self.answering: asyncio.Future[None] = loop.create_future()

    async def trace(self, event: str, _info: object) -> None:
        """Follow the events of the HTTP library."""
        if event.endswith("send_request_body.complete") and not self.sent.done():
            self.sent.set_result(None)
        elif event.endswith("receive_response_headers.complete") and not self.answering.done():
            self.answering.set_result(None)

    async def until_sent(self, answer: "asyncio.Task[httpx.Response]") -> None:
        """Return when the request is sent, or cannot be."""
        await _first_of(answer, self.sent)

    async def is_held(self, answer: "asyncio.Task[httpx.Response]", seconds: float) -> bool:
        """Whether the server has not begun to answer within `seconds` of the request."""
        await self.until_sent(answer)
        await _first_of(answer, self.answering, seconds)
        return not (answer.done() or self.answering.done())


async def _first_of(
    answer: "asyncio.Future[Any]", other: "asyncio.Future[Any]", timeout: float | None = None
) -> None:
    await asyncio.wait({answer, other}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


class Transport(Protocol):
    """A transport for one connection; connecting again takes a new one."""

    name: str

    def frames(self, next_url: Callable[[], str]) -> AsyncGenerator[Accepted | str | bytes]:
        """Yield the server's answers and frames until the connection ends."""
        ...

    async def send(self, frame: str) -> None:
        """Send a frame, where the transport can."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """End the connection, with a close code where the transport has one."""
        ...


class WebSocketTransport:
    """One WebSocket connection."""

    name = "websocket"

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self._connection: ClientConnection | None = None
        self._max_frame = max_frame

    async def frames(self, next_url: Callable[[], str]) -> AsyncGenerator[Accepted | str | bytes]:
        """Yield `Accepted` after the handshake, then every frame."""
        url = next_url()
        proxy = proxy_for(url)
        tls = _tls(url, proxy)
        try:
            async with connect(
                url,
                compression=None,  # the push servers offer none
                max_size=self._max_frame,
                open_timeout=_OPEN_TIMEOUT,
                close_timeout=_CLOSE_TIMEOUT,
                ping_interval=_PING_EVERY,
                proxy=None if proxy is None else proxy.url,
                logger=_QUIET,
                **tls,
            ) as connection:
                self._connection = connection
                yield Accepted()
                async for frame in connection:
                    yield frame
        except (OSError, TimeoutError, WebSocketException) as exc:
            by = proxy if self._connection is None else None
            raise websocket_error(exc, by) from None
        raise ConnectionFailed(
            "the push server closed the WebSocket. It is opened again by itself."
        )

    async def send(self, frame: str) -> None:
        """Send a text frame; raises ConnectionFailed when the connection is gone."""
        if self._connection is None:
            raise ConnectionFailed("there is no WebSocket connection to send by.")
        try:
            await self._connection.send(frame)
        except ConnectionClosed as exc:
            raise closed(exc) from None

    async def close(self, code: int, reason: str) -> None:
        """Close the connection with this code; `frames` ends."""
        if self._connection is not None:
            await self._connection.close(code, reason)


class LongPollingTransport:
    """One long poll after another."""

    name = "polling"

    def __init__(self, max_frame: int = MAX_FRAME, held_after: float = 0.75) -> None:
        self._max_frame = max_frame
        self._held_after = held_after

    async def frames(self, next_url: Callable[[], str]) -> AsyncGenerator[Accepted | str | bytes]:
        """Yield `Accepted` for every answer, then its body if it has one.

        A poll that the server holds for `held_after` seconds yields `Accepted` too. When
        something then cuts it, as a proxy does with idle connections, the next poll follows.
        """
        url = next_url()
        http = http_client(url, _POLL_TIMEOUT)
        try:
            while True:
                progress = PollProgress()
                answer = asyncio.create_task(poll(http, url, self._max_frame, progress))
                try:
                    held = await progress.is_held(answer, self._held_after)
                    if held:
                        yield Accepted(is_held=True)
                    response = await _answer_of(answer, held=held)
                finally:
                    answer.cancel()
                if response is not None:
                    yield poll_answer(response)
                    if response.status_code == httpx.codes.OK:
                        yield poll_body(response)
                url = next_url()
        except httpx.HTTPError as exc:
            raise poll_error(exc) from None
        finally:
            await http.aclose()

    async def send(self, frame: str) -> None:
        """Do nothing: a poll cannot send, and the server expects no acknowledgement."""

    async def close(self, code: int, reason: str) -> None:
        """Do nothing: a poll ends when it is no longer read."""


def _tls(url: str, proxy: Proxy | None) -> dict[str, Any]:
    """Return the certificates to trust, as the library takes them."""
    to_proxy = None if proxy is None else trusted_for(proxy.url)
    given = {"ssl": trusted_for(url), "proxy_ssl": to_proxy}
    return {name: trusted for name, trusted in given.items() if trusted is not None}


async def _answer_of(
    answer: "asyncio.Task[httpx.Response]", *, held: bool
) -> httpx.Response | None:
    """Return a poll's answer; None for a held poll that was cut, which is a normal end."""
    try:
        return await answer
    except (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout):
        if not held:
            raise
        return None


async def poll(
    http: httpx.AsyncClient,
    url: str,
    max_frame: int = MAX_FRAME,
    progress: PollProgress | None = None,
) -> httpx.Response:
    """Return the answer to one poll, read whole; raises FrameTooLarge and httpx's errors."""
    body = bytearray()
    extensions = {} if progress is None else {"trace": progress.trace}
    async with http.stream("GET", url, extensions=extensions) as response:
        async for part in response.aiter_bytes():
            body += part
            if len(body) > max_frame:
                raise too_large(max_frame)
    headers = {
        k: v for k, v in response.headers.items() if k in ("content-type", "last-message-id")
    }
    return httpx.Response(response.status_code, headers=headers, content=bytes(body))


def poll_answer(response: httpx.Response) -> Accepted:
    """Return a poll's answer as Accepted; raises ChannelRefused or ConnectionFailed."""
    if response.status_code not in (httpx.codes.OK, httpx.codes.NOT_MODIFIED):
        raise refused(response.status_code, "poll")
    if "html" in response.headers.get("content-type", ""):
        raise ConnectionFailed(
            "a poll was answered with an HTML page: something between here and the push server "
            "(a proxy, a login page) answers in its place."
        )
    is_empty = response.status_code == httpx.codes.NOT_MODIFIED
    return Accepted(response.headers.get("last-message-id") or None, is_empty=is_empty)


def poll_body(response: httpx.Response) -> str | bytes:
    """Return the frame in the answer to a poll."""
    binary = "octet-stream" in response.headers.get("content-type", "")
    return response.content if binary else response.content.decode(errors="replace")
