"""Long polls that a server, a proxy or a load balancer answers in its own way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, closing, suppress
from typing import Any

import pytest

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.listener.poll_pace import PollPace
from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.listener.transport import Accepted

ONE, TWO = '#!NGINXNMS!#{"mid":"1"}#!NGINXNME!#', '#!NGINXNMS!#{"mid":"2"}#!NGINXNME!#'
HELD = Accepted(is_held=True)
NOTHING = Accepted(is_empty=True)
CUT = None
"""An answer: the connection is cut in its place."""
Step = tuple[float, str | None]
"""Seconds until the server answers, and its answer."""


def answer(body: str, status: str = "200 OK", length: int | None = None, *heads: str) -> str:
    """Return an answer; a `length` that is too large means that its body is cut."""
    size = len(body) if length is None else length
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", *heads, "", body])


def polled(steps: Sequence[Step], count: int) -> tuple[list[Any], list[str]]:
    """Return the first values of a transport, and the paths that it asked for."""
    paths: list[str] = []
    left = list(steps)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError), closing(writer):
            while head := await reader.readuntil(b"\r\n\r\n"):
                paths.append(head.decode().split()[1])
                seconds, text = left.pop(0) if left else (60.0, CUT)
                await asyncio.sleep(seconds)
                if text is CUT:
                    return
                writer.write(text.encode())
                head_of, body = text.split("\r\n\r\n", 1)
                if head_of.startswith("HTTP/1.0") or f": {len(body)}" not in head_of:
                    return

    return asyncio.run(_collected(serve, count)), paths


async def _collected(serve: Callable[..., Awaitable[None]], count: int) -> list[Any]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    values: list[Any] = []
    transport = LongPollingTransport(held_after=0.1)
    try:
        async with (
            asyncio.timeout(10),
            aclosing(transport.frames(lambda: f"http://{host}:{port}/sub/?mid=0")) as frames,
        ):
            async for came in frames:
                values.append(came)
                if len(values) >= count:
                    break
    except ConnectionFailed as exc:
        values.append(exc)
    finally:
        server.close()
    return values


def test_an_answer_that_is_cut_gives_the_messages_that_came_whole() -> None:
    """The next poll asks for the rest: asking for everything again would be cut again."""
    cut = answer(ONE + TWO[:-3], "200 OK", 500)
    values, paths = polled([(0, cut), (0, answer(TWO))], 4)
    assert values == [Accepted(), [ONE], Accepted(), [TWO]]
    assert len(paths) == 2


def test_an_answer_of_http_1_0_has_no_length_and_may_be_cut_too() -> None:
    """Only the end of the connection ends it."""
    head = "HTTP/1.0 200 OK\r\n\r\n"
    values, _ = polled([(0, head + ONE + TWO[:-3]), (0, head + ONE + TWO)], 4)
    assert values == [Accepted(), [ONE], Accepted(), [ONE + TWO]]


def test_a_position_in_the_head_of_a_cut_answer_does_not_count() -> None:
    """It may be after messages that did not come."""
    cut = answer(ONE + TWO[:-3], "200 OK", 500, "Last-Message-Id: 2")
    values, _ = polled([(0, cut)], 2)
    assert values == [Accepted(), [ONE]]


def test_an_answer_without_a_whole_message_is_a_failed_poll() -> None:
    """Nothing of it can be kept."""
    [error], _ = polled([(0, answer(ONE[:-3], "200 OK", 500))], 1)
    assert isinstance(error, ConnectionFailed)


def test_a_connection_that_was_kept_open_and_closed_meanwhile_is_no_failure() -> None:
    """A server closes it whenever it likes: the poll is sent once more. A second cut is one."""
    values, paths = polled([(0, answer(ONE)), (0, CUT), (0, answer(TWO)), (0, CUT), (0, CUT)], 9)
    assert values[:4] == [Accepted(), [ONE], Accepted(), [TWO]]
    assert isinstance(values[4], ConnectionFailed)
    assert len(paths) == 5


@pytest.mark.parametrize("status", ["504 Gateway Timeout", "408 Request Timeout", "524 Timeout"])
def test_a_proxy_that_does_not_wait_for_a_held_poll_ends_it(status: str) -> None:
    """It is a poll that stood, as one that is cut without an answer."""
    gave_up = answer("<html>", status)
    values, _ = polled([(0.3, gave_up), (0.3, gave_up), (0, answer(ONE))], 4)
    assert values == [HELD, HELD, Accepted(), [ONE]]


def test_a_proxy_that_gives_up_at_once_is_a_failed_poll() -> None:
    """The push server is not reached."""
    [error], _ = polled([(0, answer("", "504 Gateway Timeout"))], 1)
    assert isinstance(error, ConnectionFailed)
    assert "HTTP 504" in str(error)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "200 OK"])
def test_an_empty_answer_is_nothing_new(status: str) -> None:
    """Servers write it in three ways."""
    values, _ = polled([(0, answer("", status)), (0, answer(ONE))], 3)
    assert values == [NOTHING, Accepted(), [ONE]]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_poll_follows_the_server_to_another_path(status: int) -> None:
    """The WebSocket library does the same."""
    moved = answer("", f"{status} Moved", None, "Location: /node2/?mid=0")
    values, paths = polled([(0, moved), (0, answer(ONE))], 2)
    assert values == [Accepted(), [ONE]]
    assert paths == ["/sub/?mid=0", "/node2/?mid=0"]


@pytest.mark.parametrize(
    "location", ["https://127.0.0.1/sub/", "//other.example/sub/", "http://[", "mailto:a@b"]
)
def test_a_poll_follows_no_redirect_to_another_server(location: str) -> None:
    """Its address holds the channel id, a secret."""
    [error], paths = polled([(0, answer("", "302 Found", None, f"Location: {location}"))], 1)
    assert isinstance(error, ConnectionFailed)
    assert len(paths) == 1


def test_redirects_in_a_circle_end() -> None:
    """Five are followed."""
    moved = answer("", "302 Found", None, "Location: /sub/?mid=0")
    [error], paths = polled([(0, moved)] * 9, 1)
    assert isinstance(error, ConnectionFailed)
    assert len(paths) == 5


def test_polls_that_are_answered_at_once_with_nothing_are_sent_once_a_second() -> None:
    """A cache that answers in the server's place would be asked hundreds of times a second."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def play() -> None:
        pace = PollPace(sleep)
        for new in (0, 0, 0, 0, 0, 7, 0, 0, 0):
            await pace.answered(new)
        pace.held()
        await pace.answered(0)

    asyncio.run(play())
    assert waits == [1.0, 1.0]
