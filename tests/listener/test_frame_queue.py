"""Messages of a WebSocket that are taken together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.listener import frame_queue, transport
from bxpull_nb.listener.transport import Accepted, WebSocketTransport

Send = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def received(send: Send, max_frame: int = 2**20) -> AsyncIterator[AsyncIterator[object]]:
    """Yield what the transport yields from a server that sends in this way."""
    async with serve(send, "127.0.0.1", 0, max_size=None, compression=None) as server:
        [socket] = server.sockets
        url = f"ws://127.0.0.1:{socket.getsockname()[1]}/"
        async with (
            asyncio.timeout(20),
            aclosing(WebSocketTransport(max_frame).frames(lambda: url)) as frames,
        ):
            yield frames


async def all_of(send: Send, max_frame: int = 2**20) -> tuple[list[list[str | bytes]], str]:
    """Return the lists of messages, and the error at the end."""
    lists: list[list[str | bytes]] = []
    async with received(send, max_frame) as frames:
        try:
            async for came in frames:
                if not isinstance(came, Accepted):
                    assert isinstance(came, list)
                    lists.append(came)
        except ConnectionFailed as error:
            return lists, str(error)
    return lists, ""


def flat(lists: list[list[str | bytes]]) -> list[str | bytes]:
    """Return the messages of all lists."""
    return [message for one in lists for message in one]


def test_messages_of_one_read_come_as_one_list() -> None:
    """Their order is kept, and the last ones come before the error of the connection."""

    async def send(connection: ServerConnection) -> None:
        async with connection.send_context():
            for n in range(500):
                connection.protocol.send_text(f"Ж{n}".encode())
                connection.protocol.send_binary(bytes([n % 256]))

    lists, error = asyncio.run(all_of(send))
    assert flat(lists) == [x for n in range(500) for x in (f"Ж{n}", bytes([n % 256]))]
    assert len(lists) < 50
    assert error == "the push server closed the WebSocket. It is opened again automatically."


def test_fragments_become_one_message_and_bad_text_is_replaced() -> None:
    """A control frame may come between two fragments."""

    async def send(connection: ServerConnection) -> None:
        await connection.send("first")
        protocol = connection.protocol
        async with connection.send_context():
            protocol.send_text("Прив".encode()[:-1], fin=False)
            protocol.send_ping(b"between")
            protocol.send_continuation("Прив".encode()[-1:] + b"\xff", fin=True)
        await connection.send("last")

    lists, _ = asyncio.run(all_of(send))
    assert flat(lists) == ["first", "Прив\ufffd", "last"]


@pytest.mark.parametrize("fragments", [1, 8])
def test_a_reader_that_is_slow_stops_the_server(
    fragments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays bounded, and everything comes in the end, in fragments too."""
    monkeypatch.setattr(frame_queue, "_ENOUGH", 100_000)
    sent = [0]

    async def send(connection: ServerConnection) -> None:
        for n in range(400):
            content = f"{n:06}" + "x" * 99_994
            size = len(content) // fragments
            await connection.send(content[i : i + size] for i in range(0, len(content), size))
            sent[0] = n

    async def slowly() -> list[str]:
        heads: list[str] = []
        async with received(send) as frames:
            await anext(frames)
            before = -1
            while sent[0] != before:  # until the server waits for us
                before = sent[0]
                await asyncio.sleep(0.3)
            assert sent[0] < 300
            while len(heads) < 400:
                came = await anext(frames)
                assert isinstance(came, list)
                heads += [str(message)[:6] for message in came]
        return heads

    assert asyncio.run(slowly()) == [f"{n:06}" for n in range(400)]


def test_the_limit_of_a_frame_holds_for_its_fragments_together() -> None:
    """The messages before it are not lost."""

    async def send(connection: ServerConnection) -> None:
        await connection.send("before")
        await connection.send(["x" * 600] * 4)

    lists, error = asyncio.run(all_of(send, 2000))
    assert lists == [["before"]]
    assert "more in one frame than is taken" in error


def test_a_connection_on_which_nothing_comes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some proxies let the handshake through, and nothing after it: no answer to a ping either."""
    monkeypatch.setattr(frame_queue, "_FIRST_SIGN", 0.1)

    async def left() -> bool:
        is_over = asyncio.Event()

        async def deaf(connection: ServerConnection) -> None:
            connection.transport.pause_reading()
            await is_over.wait()
            connection.transport.abort()

        async with received(deaf) as frames:
            assert isinstance(await anext(frames), Accepted)
            with pytest.raises(ConnectionFailed):
                await anext(frames)
            is_over.set()
        return True

    assert asyncio.run(left())


def test_a_frame_that_takes_longer_than_a_pong_may_keeps_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pong comes after it: what has come of the frame is a sign of life."""
    monkeypatch.setattr(transport, "_PING_EVERY", 0.05)
    parts = 20

    async def slowly(connection: ServerConnection) -> None:
        head = bytes([0x81, 126, 0, parts])  # a text of so many bytes
        for piece in (head, *[b"x"] * parts):
            connection.transport.write(piece)
            connection.transport.pause_reading()  # it answers no ping meanwhile
            await asyncio.sleep(0.02)
        connection.transport.resume_reading()
        await connection.close()

    lists, error = asyncio.run(all_of(slowly))
    assert flat(lists) == ["x" * parts]
    assert error == "the push server closed the WebSocket. It is opened again automatically."
