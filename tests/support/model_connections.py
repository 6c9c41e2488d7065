"""Connections to a `ModelServer`: they stand in for the libraries' sockets.

`ModelConnection` is used as the WebSocket library's connection is, `ModelPolls` below the client
of polls. Everything of the listener above them is real.
"""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import httpx

from bxpull_nb.http import Route
from bxpull_nb.listener.poll_client import PollClient
from tests.support.model_server import Listening, ModelServer, Query, Sent

__all__ = ["ModelConnection", "poll_client"]

_HELD = 40.0  # seconds until a quiet poll is answered
_HANDSHAKE = 0.02  # seconds


def poll_client(
    server: ModelServer, url: str, timeout: httpx.Timeout, *, brings: bool
) -> PollClient:
    """Return a client whose polls go to the server; see `ModelPolls`."""
    return PollClient(url, timeout, ModelPolls(server, brings=brings))


class ModelConnection:
    """A WebSocket: the stored messages first, then each frame as it comes."""

    def __init__(self, server: ModelServer, url: str, **_how: object) -> None:
        self._server = server
        query = self._query = Query.of(url)
        self._channel, self._mid = query.channel, query.mid
        self._frames: asyncio.Queue[Sequence[Sent]] = asyncio.Queue()
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening = Listening(query.id, self._frames.put_nowait, self._break)
        self._read: dict[str, Sent] = {}  # the messages of the newest frames, by mid
        self._begun = asyncio.get_running_loop().time()
        self.signs = 1  # a pong comes at once, unless it is broken before

    async def __aenter__(self) -> "ModelConnection":
        server = self._server
        await asyncio.sleep(_HANDSHAKE)
        if server.refuses():
            raise OSError("the connection was refused")
        if server.broken_early > 0:
            server.broken_early -= 1
            self.signs = 0
            self._break(OSError("the connection was broken early"))
            return self
        if stored := server.history_for(self._query):
            self._frames.put_nowait(stored)
        if server.skipped:
            asyncio.get_running_loop().call_later(server.skipped, self._register)
        else:
            self._register()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._break(OSError("closed"))
        self._broken.exception()  # seen, so that nothing warns of it

    @property
    def seconds(self) -> float:
        """How long the connection has lasted."""
        return asyncio.get_running_loop().time() - self._begun

    async def take(self) -> list[str | bytes]:
        """Return the frames that have come, at least one."""
        waiting = asyncio.ensure_future(self._frames.get())
        try:
            either: set[asyncio.Future[Any]] = {waiting, self._broken}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._broken.done():
            self._broken.result()
        came = [waiting.result()]
        while not self._frames.empty():
            came.append(self._frames.get_nowait())
        for messages in came:
            self._server.delivered(self._channel, messages)
        self._read = {one.mid: one for messages in came for one in messages}
        return [self._server.frame(messages, self._query) for messages in came]

    async def send_all(self, frames: Sequence[str]) -> None:
        """Take acknowledgements."""
        read = (self._read.get(frame.removeprefix("mack:")) for frame in frames)
        self._server.acknowledged += filter(None, read)

    async def close(self, *_how: object) -> None:
        """End the connection."""
        self._break(OSError("closed"))

    def _register(self) -> None:
        if not self._broken.done():
            self._server.add(self._listening)

    def _break(self, error: Exception) -> None:
        self._server.remove(self._listening)
        if not self._broken.done():
            self._broken.set_exception(error)


class ModelPolls(Route):
    """The server's side of a client of polls; `brings` is whether messages reach the capture."""

    def __init__(self, server: ModelServer, *, brings: bool) -> None:
        self._server, self._brings = server, brings

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Answer a poll with what is stored, or with the first message that comes."""
        server, query, brings = self._server, Query.of(str(request.url)), self._brings
        channel = query.channel
        await asyncio.sleep(_HANDSHAKE)
        if server.refuses():
            raise httpx.ConnectError("the poll was refused")
        async for _ in request.stream:  # type: ignore[union-attr]
            pass
        messages = server.history_for(query, brings=brings) or await self._held(request, query)
        if brings:
            server.delivered(channel, messages)
        for one in messages:
            server.lanes[channel].note(one)
        return self._answer(messages, query)

    async def _held(self, request: httpx.Request, query: Query) -> Sequence[Sent]:
        patience = request.extensions["timeout"]["read"]
        first: asyncio.Future[Sequence[Sent]] = asyncio.get_running_loop().create_future()
        listening = Listening(
            query.id,
            lambda messages: None if first.done() else first.set_result(messages),
            lambda _: None if first.done() else first.set_exception(httpx.ReadError("broken")),
        )
        self._server.add(listening)
        try:
            async with asyncio.timeout(min(patience, _HELD)):
                return await first
        except TimeoutError:
            if patience < _HELD:
                raise httpx.ReadTimeout("the poll was held") from None
            return ()
        finally:
            self._server.remove(listening)

    def _answer(self, messages: Sequence[Sent], query: Query) -> httpx.Response:
        if not messages:
            return httpx.Response(304, headers={"Last-Message-Id": query.mid or ""})
        frame = self._server.frame(messages, query)
        is_text = isinstance(frame, str)
        kind = "text/plain" if is_text else "application/octet-stream"
        content = frame.encode() if isinstance(frame, str) else frame
        return httpx.Response(200, headers={"Content-Type": kind}, content=content)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
