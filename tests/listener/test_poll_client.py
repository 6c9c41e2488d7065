"""The client of polls: its requests, its cookies, and how far a poll has come."""

import asyncio
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from typing import Any

import httpx
import pytest

from bxpull_nb.listener.poll_client import PollClient, PollProgress

_SECONDS = httpx.Timeout(5.0)


class Server:
    """A server that keeps the head of each request, and answers when it is told to."""

    def __init__(self, *headers: str) -> None:
        self.requests: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self._headers = headers
        self._connections: list[Any] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Listen within the block, and yield the address."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sub/?mid=1"
        finally:
            server.close()
            await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head.decode().strip().split("\r\n"))
                await self.may_answer.wait()
                lines = ["HTTP/1.1 200 OK", "Content-Length: 2", *self._headers]
                writer.write(("\r\n".join(lines) + "\r\n\r\nok").encode())


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to its end."""
    asyncio.run(asyncio.wait_for(work, 10))


async def answer_of(http: PollClient, url: str, progress: PollProgress | None = None) -> bytes:
    """Return the body of one answer."""
    async with http.get(url, progress) as response:
        return await response.aread()


def test_a_request_has_the_head_of_a_browser_and_no_body() -> None:
    """One connection serves several polls."""

    async def work() -> None:
        server = Server()
        server.may_answer.set()
        async with server.listening() as url, PollClient(url, _SECONDS) as http:
            assert [await answer_of(http, url) for _ in range(2)] == [b"ok", b"ok"]
        assert server.requests[0] == server.requests[1]
        assert server.requests[0] == [
            "GET /sub/?mid=1 HTTP/1.1",
            f"Host: {httpx.URL(url).netloc.decode()}",
            "Accept: */*",
            "Accept-Encoding: gzip",
            "Connection: keep-alive",
            f"User-Agent: python-httpx/{httpx.__version__}",
        ]

    run(work())


def test_cookies_are_returned() -> None:
    """A balancer of several push servers may need them."""

    async def work() -> None:
        server = Server("Set-Cookie: node=7; Path=/", "Set-Cookie: other=1; Path=/elsewhere")
        server.may_answer.set()
        async with server.listening() as url, PollClient(url, _SECONDS) as http:
            await answer_of(http, url)
            await answer_of(http, url)
        cookies = [
            [line for line in request if line.startswith("Cookie")] for request in server.requests
        ]
        assert cookies == [[], ["Cookie: node=7"]]

    run(work())


def test_a_poll_is_held_until_its_answer_begins() -> None:
    """It counts from the moment at which the request is sent."""

    async def work() -> None:
        server, progress = Server(), PollProgress()
        async with server.listening() as url, PollClient(url, _SECONDS) as http:
            answer = asyncio.create_task(answer_of(http, url, progress))
            assert await progress.is_held(0.05)
            assert progress.sent.is_set()
            assert not progress.answering.is_set()
            server.may_answer.set()
            assert not await progress.is_held(5)
            assert await answer == b"ok"

    run(work())


def test_a_poll_that_fails_is_not_held() -> None:
    """Who waits for it learns of the error at once."""

    async def work() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
        for wrong in (url, "http://[/"):
            progress = PollProgress()
            async with PollClient(url, _SECONDS) as http:
                answer = asyncio.create_task(answer_of(http, wrong, progress))
                assert not await progress.is_held(5)
                with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
                    await answer

    run(work())


def test_a_cancelled_poll_closes_its_connection() -> None:
    """The next poll takes another connection, so it gets no answer of the one before."""

    async def work() -> None:
        server, progress = Server(), PollProgress()
        async with server.listening() as url, PollClient(url, _SECONDS) as http:
            answer = asyncio.create_task(answer_of(http, url, progress))
            await progress.sent.wait()
            answer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await answer
            server.may_answer.set()
            assert await answer_of(http, url) == b"ok"

    run(work())
