"""Long polling: one HTTP request after another, each held by the server (protocol 2.6)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import httpx

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.http import AnswerTooLarge, AnswerTooSlow, unpacked, whole_within
from bxpull_nb.listener.poll_client import PollClient, PollProgress
from bxpull_nb.listener.transport import Accepted
from bxpull_nb.listener.transport_errors import MAX_FRAME, poll_error, refused, too_large

__all__ = ["LongPollingTransport", "PollAnswer", "accepted", "poll"]

_POLL_HELD = 40.0  # the server answers a quiet poll after this long
_POLL_TIMEOUT = httpx.Timeout(10.0, read=_POLL_HELD + 20.0)
_WHOLE_POLL = 120.0  # seconds until a poll's answer is there, the last byte of it


class LongPollingTransport:
    """One long poll after another."""

    name = "polling"

    def __init__(
        self,
        max_frame: int = MAX_FRAME,
        held_after: float = 0.75,
        seconds: float = _WHOLE_POLL,
    ) -> None:
        self._max_frame = max_frame
        self._held_after = held_after
        self._seconds = seconds

    async def frames(
        self, next_url: Callable[[], str]
    ) -> AsyncGenerator[Accepted | list[str | bytes]]:
        """Yield `Accepted` for every answer, then its body if it has one.

        A poll that the server holds for `held_after` seconds yields `Accepted` too. When
        something then cuts it, as a proxy does with idle connections, the next poll follows.
        """
        url = next_url()
        http = PollClient(url, _POLL_TIMEOUT)
        try:
            while True:
                progress = PollProgress()
                task = asyncio.create_task(
                    poll(http, url, self._max_frame, progress, self._seconds)
                )
                try:
                    held = await progress.is_held(self._held_after)
                    if held:
                        yield Accepted(is_held=True)
                    answer = await _answer_of(task, held=held)
                finally:
                    task.cancel()
                if answer is not None:
                    yield answer.accepted
                    if answer.frame is not None:
                        yield [answer.frame]
                url = next_url()
        except httpx.HTTPError as exc:
            raise poll_error(exc) from None
        finally:
            await http.aclose()

    async def send(self, *frames: str) -> None:
        """Do nothing: a poll cannot send, and the server expects no acknowledgement."""

    async def close(self, code: int, reason: str) -> None:
        """Do nothing: a poll ends when it is no longer read."""


class PollAnswer(NamedTuple):
    """The answer to one poll."""

    accepted: Accepted
    frame: str | bytes | None
    """The messages; None where the server had none before its time-out."""


async def _answer_of(task: "asyncio.Task[PollAnswer]", *, held: bool) -> PollAnswer | None:
    """Return a poll's answer; None for a held poll that was cut, which is a normal end."""
    try:
        return await task
    except AnswerTooSlow:  # it was begun, and did not end
        raise
    except (httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout):
        if not held:
            raise
        return None


async def poll(
    http: PollClient,
    url: str,
    max_frame: int = MAX_FRAME,
    progress: PollProgress | None = None,
    seconds: float = _WHOLE_POLL,
) -> PollAnswer:
    """Return the answer to one poll, read whole within so many seconds.

    Raises FrameTooLarge for more than `max_frame` bytes, unpacked, the errors of `accepted`, and
    httpx's.
    """
    body = bytearray()
    async with whole_within(seconds), http.get(url, progress) as response:
        answer = accepted(response)
        try:
            async for part in unpacked(response, max_frame):
                body += part
        except AnswerTooLarge:
            raise too_large(max_frame) from None
    if answer.is_empty:
        return PollAnswer(answer, None)
    binary = "octet-stream" in response.headers.get("content-type", "")
    return PollAnswer(answer, bytes(body) if binary else body.decode(errors="replace"))


def accepted(response: httpx.Response) -> Accepted:
    """Return the head of a poll's answer; raises ChannelRefused or ConnectionFailed."""
    if response.status_code not in (httpx.codes.OK, httpx.codes.NOT_MODIFIED):
        raise refused(response.status_code, "poll")
    if "html" in response.headers.get("content-type", ""):
        raise ConnectionFailed(
            "a poll was answered with an HTML page: something between here and the push server "
            "(a proxy, a login page) answers in its place."
        )
    is_empty = response.status_code == httpx.codes.NOT_MODIFIED
    return Accepted(response.headers.get("last-message-id") or None, is_empty=is_empty)
