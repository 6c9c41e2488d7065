"""Long polling: one HTTP request after another, each held by the server (protocol 2.6)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import httpx

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.http import AnswerTooLarge, http_client, unpacked
from bxpull_nb.listener.transport import Accepted
from bxpull_nb.listener.transport_errors import MAX_FRAME, poll_error, refused, too_large

__all__ = [
    "ACCEPT",
    "LongPollingTransport",
    "PollProgress",
    "poll",
    "poll_answer",
    "poll_body",
]

ACCEPT = {"Accept-Encoding": "gzip"}
"""What a poll may be packed in: `unpacked` reads no more."""
_POLL_HELD = 40.0  # the server answers a quiet poll after this long
_POLL_TIMEOUT = httpx.Timeout(10.0, read=_POLL_HELD + 20.0)


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

    async def until_sent(self, answer: "asyncio.Future[Any]") -> None:
        """Return when the request is sent, or cannot be."""
        await _first_of(answer, self.sent)

    async def is_held(self, answer: "asyncio.Future[Any]", seconds: float) -> bool:
        """Whether the server has not begun to answer within `seconds` of the request."""
        await self.until_sent(answer)
        await _first_of(answer, self.answering, seconds)
        return not (answer.done() or self.answering.done())


async def _first_of(
    answer: "asyncio.Future[Any]", other: "asyncio.Future[Any]", timeout: float | None = None
) -> None:
    await asyncio.wait({answer, other}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


class LongPollingTransport:
    """One long poll after another."""

    name = "polling"

    def __init__(self, max_frame: int = MAX_FRAME, held_after: float = 0.75) -> None:
        self._max_frame = max_frame
        self._held_after = held_after

    async def frames(
        self, next_url: Callable[[], str]
    ) -> AsyncGenerator[Accepted | list[str | bytes]]:
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
                        yield [poll_body(response)]
                url = next_url()
        except httpx.HTTPError as exc:
            raise poll_error(exc) from None
        finally:
            await http.aclose()

    async def send(self, *frames: str) -> None:
        """Do nothing: a poll cannot send, and the server expects no acknowledgement."""

    async def close(self, code: int, reason: str) -> None:
        """Do nothing: a poll ends when it is no longer read."""


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
    """Return the answer to one poll, read whole.

    Raises FrameTooLarge for more than `max_frame` bytes, unpacked, and httpx's errors.
    """
    body = bytearray()
    extensions = {} if progress is None else {"trace": progress.trace}
    async with http.stream("GET", url, headers=ACCEPT, extensions=extensions) as response:
        try:
            async for part in unpacked(response, max_frame):
                body += part
        except AnswerTooLarge:
            raise too_large(max_frame) from None
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
