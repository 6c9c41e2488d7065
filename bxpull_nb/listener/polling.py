"""Long polling: one HTTP request after another, each held by the server (protocol 2.6)."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

import httpx

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.http import (
    AnswerTooLarge,
    AnswerTooSlow,
    UnreadableAnswer,
    unpacked,
    whole_within,
)
from bxpull_nb.listener.poll_client import PollClient, PollProgress
from bxpull_nb.listener.transport import Accepted
from bxpull_nb.listener.transport_errors import MAX_FRAME, poll_error, refused, too_large
from bxpull_nb.protocol.codec.cut_frames import whole_messages

__all__ = ["CUT", "LongPollingTransport", "PollAnswer", "accepted", "came_whole", "poll"]

_POLL_HELD = 40.0  # the server answers a quiet poll after this long
_POLL_TIMEOUT = httpx.Timeout(10.0, read=_POLL_HELD + 5.0)
_NOTHING = (httpx.codes.NOT_MODIFIED, httpx.codes.NO_CONTENT)
_GAVE_UP = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.GATEWAY_TIMEOUT, 524)
"""How a proxy answers a poll that is held for longer than the proxy waits."""
CUT = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadTimeout)
"""Errors of a poll, or of its answer, that was cut on its way."""
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
        something then cuts it, as a proxy does with idle connections, the next poll follows. Of an
        answer that is cut the messages that came whole are yielded.
        """
        url = next_url()
        http = PollClient(url, _POLL_TIMEOUT)
        was_answered = False
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
                    answer = await _answer_of(task, progress, may_fail=held or was_answered)
                finally:
                    task.cancel()
                if answer is not None:
                    yield answer.accepted
                    if answer.frame is not None:
                        yield [answer.frame]
                was_answered = answer is not None
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


async def _answer_of(
    task: "asyncio.Task[PollAnswer]", progress: PollProgress, *, may_fail: bool
) -> PollAnswer | None:
    """Return a poll's answer, or what came whole of it; None where a failure is a normal end.

    It is one for a poll that was held, and for one that follows an answer: the connection that
    was kept open may have been closed meanwhile.
    """
    try:
        return await task
    except (*CUT, UnreadableAnswer) as exc:
        whole = came_whole(progress)
        if whole is not None:
            return PollAnswer(Accepted(), whole)
        if may_fail and isinstance(exc, CUT) and not isinstance(exc, AnswerTooSlow):
            return None
        raise


def came_whole(progress: PollProgress) -> str | bytes | None:
    """Return a frame of the messages that came whole of an answer; None without any."""
    whole = whole_messages(bytes(progress.body))
    return whole if whole is None or whole.startswith(b"\n") else whole.decode(errors="replace")


async def poll(
    http: PollClient,
    url: str,
    max_frame: int = MAX_FRAME,
    progress: PollProgress | None = None,
    seconds: float = _WHOLE_POLL,
) -> PollAnswer:
    """Return the answer to one poll, read whole within so many seconds.

    Raises FrameTooLarge for more than `max_frame` bytes, unpacked, the errors of `accepted`, and
    httpx's. Until it is whole, its body is that of `progress`.
    """
    progress = progress or PollProgress()
    async with whole_within(seconds), http.get(url, progress) as response:
        answer = accepted(response)
        try:
            async for part in unpacked(response, max_frame):
                progress.body += part
        except AnswerTooLarge:
            raise too_large(max_frame) from None
    body = bytes(progress.body)
    if answer.is_empty or not body:
        return PollAnswer(Accepted(answer.last_message_id, is_empty=True), None)
    if _has_no_length(response) and (whole_messages(body) or body) != body:
        raise httpx.RemoteProtocolError("the answer ended within a message")
    binary = "octet-stream" in response.headers.get("content-type", "")
    return PollAnswer(answer, body if binary else body.decode(errors="replace"))


def _has_no_length(response: httpx.Response) -> bool:
    """Whether only the end of the connection ends the body, as with HTTP/1.0."""
    return not response.headers.keys() & {"content-length", "transfer-encoding"}


def accepted(response: httpx.Response) -> Accepted:
    """Return the head of a poll's answer; raises ChannelRefused or ConnectionFailed.

    Raises httpx's ReadTimeout where a proxy did not wait for the answer.
    """
    status, last = response.status_code, response.headers.get("last-message-id") or None
    if status in _NOTHING:
        return Accepted(last, is_empty=True)
    if status in _GAVE_UP:
        raise httpx.ReadTimeout(f"HTTP {status}: a proxy did not wait for it")
    if status != httpx.codes.OK:
        raise refused(status, "poll")
    if "html" in response.headers.get("content-type", ""):
        raise ConnectionFailed(
            "a poll was answered with an HTML page: something between here and the push server "
            "(a proxy, a login page) answers in its place."
        )
    return Accepted(last)
