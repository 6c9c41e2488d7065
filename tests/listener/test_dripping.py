"""Polls whose answers begin and never end: a byte now and then keeps every other time-out away."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

import pytest

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.http import AnswerTooSlow
from bxpull_nb.listener import audit, beginning
from bxpull_nb.listener.poll_client import PollClient, PollProgress
from bxpull_nb.listener.polling import LongPollingTransport
from bxpull_nb.protocol.codec import TextCodec
from bxpull_nb.protocol.session import NewestStored, SeenMids, Session

_HEAD = b"HTTP/1.1 200 OK\r\n"
_SIZED = _HEAD + b"Content-Length: 1000000\r\n\r\n"
_CHUNKED = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DRIPS = [(_HEAD, b"X: y\r\n"), (_SIZED, b" "), (_SIZED, b"#"), (_CHUNKED, b"1\r\n \r\n")]


def asking(start: bytes, drip: bytes, ask: Callable[[str], Awaitable[object]]) -> None:
    """Ask a server that sends `start`, then `drip` for ever."""

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError):
            writer.write(start)
            while not writer.is_closing():
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(0.02)

    async def once() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            async with asyncio.timeout(10):
                await ask(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sub/")
        finally:
            server.close()
            await asyncio.sleep(0.1)  # for the end of what it serves

    asyncio.run(once())


@pytest.mark.parametrize("held_after", [0.05, 5.0])
@pytest.mark.parametrize(("start", "drip"), DRIPS)
def test_a_poll_that_never_ends_is_a_failed_connection(
    start: bytes, drip: bytes, held_after: float
) -> None:
    """Also where it counted as held before."""

    async def listen(url: str) -> None:
        async for _ in LongPollingTransport(held_after=held_after, seconds=0.4).frames(lambda: url):
            pass

    with pytest.raises(ConnectionFailed, match=r"no whole answer within 0\.4 s"):
        asking(start, drip, listen)


@pytest.mark.parametrize(("start", "drip"), DRIPS)
def test_an_audit_that_never_ends_has_no_answer(
    start: bytes, drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is repeated, less and less often."""
    monkeypatch.setattr(audit, "ANSWER_SECONDS", 0.2)
    with pytest.raises(AnswerTooSlow, match=r"within 0\.4 s"):
        asking(start, drip, lambda url: audit._history(url, 0.2))


@pytest.mark.parametrize(("start", "drip"), DRIPS)
def test_a_history_that_never_ends_is_given_up(
    start: bytes, drip: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second try would end in the same way: the first message must do."""
    monkeypatch.setattr(beginning, "_WHOLE", 0.3)

    async def read(url: str) -> None:
        stored = NewestStored(Session(TextCodec(), SeenMids()))
        async with PollClient(url, beginning._TIMEOUT) as http:
            await beginning._read(http, url, stored, PollProgress())

    with pytest.raises(AnswerTooSlow) as caught:
        asking(start, drip, read)
    assert not beginning._may_pass(caught.value)
