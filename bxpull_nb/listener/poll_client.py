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


class PollProgress(httpx.AsyncByteStream):
    """The progress of a poll: its request sent, its answer begun, or neither possible.

    It is the empty body of the request as well, which is asked for when the head is sent.
    """

    def __init__(self) -> None:
        self.sent = asyncio.Event()
        self.answering = asyncio.Event()

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
            request = self._request(url, progress)
            response = await self._route.send(request)
        finally:
            progress.ended()
        try:
            if "set-cookie" in response.headers:
                response.request = request
                self._cookies.extract_cookies(response)
            yield response
        finally:
            await response.aclose()

    def _request(self, url: str, body: PollProgress) -> httpx.Request:
        address = httpx.URL(url)
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
