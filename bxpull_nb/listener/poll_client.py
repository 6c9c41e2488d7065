"""Sends polls to one push server, with as little work for each as the HTTP library allows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import httpx

from bxpull_nb.http import Route

__all__ = ["PollClient", "PollProgress"]

_HEADERS = (
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip"),  # `bxpull_nb.http.unpacked` reads no more
    (b"Connection", b"keep-alive"),
    (b"User-Agent", f"python-httpx/{httpx.__version__}".encode()),
)
_MOVED = (301, 302, 303, 307, 308)
_REDIRECTS = 5


class PollProgress(httpx.AsyncByteStream):
    """The progress of a poll: its request sent, its answer begun, or neither possible.

    It is the empty body of the request as well, which is asked for when the head is sent.
    """

    def __init__(self) -> None:
        self.sent = asyncio.Event()
        self.answering = asyncio.Event()
        self.body = bytearray()
        """What has come of the answer."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.sent.set()
        parts: tuple[bytes, ...] = ()
        for part in parts:
            yield part

    def ended(self) -> None:
        """Note that the answer has begun, or that there is none."""
        self.sent.set()
        self.answering.set()

    async def is_held(self, seconds: float) -> bool:
        """Whether the server has not begun to answer within `seconds` of the request."""
        await self.sent.wait()
        try:
            async with asyncio.timeout(seconds):
                await self.answering.wait()
        except TimeoutError:
            return True
        return False


class PollClient:
    """Sends GET requests to the server of `url`, and returns its cookies to it.

    `httpx.AsyncClient` takes a third longer: it looks for redirects, credentials and cookies in
    each request. Raises NetworkSettingsError for a proxy that cannot be used.
    """

    def __init__(self, url: str, timeout: httpx.Timeout, route: Route | None = None) -> None:
        self._route = route or Route.to(url)
        self._extensions = {"timeout": timeout.as_dict()}
        self._cookies = httpx.Cookies()

    @asynccontextmanager
    async def get(
        self, url: str, progress: PollProgress | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Return the answer, not read yet; raises httpx's errors, and ProxyFailed."""
        progress = progress or PollProgress()
        try:
            response = await self._answer(httpx.URL(url), progress)
        finally:
            progress.ended()
        try:
            yield response
        finally:
            await response.aclose()

    async def _answer(self, address: httpx.URL, body: PollProgress) -> httpx.Response:
        """Return the answer of the server, or of that to which it redirects the poll."""
        for _ in range(_REDIRECTS):
            request = self._request(address, body)
            response = await self._route.send(request)
            response.request = request
            if "set-cookie" in response.headers:
                self._cookies.extract_cookies(response)
            moved = _moved(address, response)
            if moved is None:
                break
            address = moved
            await response.aclose()
        return response

    def _request(self, address: httpx.URL, body: PollProgress) -> httpx.Request:
        headers = [(b"Host", address.netloc), *_HEADERS]
        request = httpx.Request(
            "GET", address, headers=headers, stream=body, extensions=self._extensions
        )
        if self._cookies:
            self._cookies.set_cookie_header(request)
        return request

    async def aclose(self) -> None:
        """Close all connections."""
        await self._route.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


def _moved(address: httpx.URL, response: httpx.Response) -> httpx.URL | None:
    """Return where a poll is redirected to; None for another answer, or another server.

    The address holds the channel id, which is a secret.
    """
    if response.status_code not in _MOVED:
        return None
    try:
        moved = address.join(response.headers.get("location", ""))
    except httpx.InvalidURL:
        return None
    same = (moved.scheme, moved.host, moved.port) == (address.scheme, address.host, address.port)
    return moved if same else None
