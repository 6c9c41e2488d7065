"""The sending side of the benchmarks over a WebSocket: a push server that only sends.

It runs in a process of its own (`python -m tests.benchmarks.sender …`), tells its port on
standard output, and treats all clients alike: both sides are sent the same, by the same.
The sandbox is not used for this, as its own work would be most of what is measured.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, ProtobufCodec, TextCodec
from tests.benchmarks.material import frames, messages, mid, sent_at

__all__ = ["CODECS", "sending"]

CODECS: dict[str, Codec] = {c.dialect: c for c in (TextCodec(), ProtobufCodec(), JsonRpcCodec())}
TEXT, BINARY = Opcode.TEXT, Opcode.BINARY
_CHUNK = 64 * 1024  # bytes


@contextmanager
def sending(
    count: int, *, per_frame: int = 50, rate: float = 0, dialect: str = "text"
) -> Iterator[str]:
    """The WebSocket address of a running sender, which ends with the block.

    To each connection it sends `count` messages, `per_frame` a frame, `rate` a second (0: as
    fast as they are taken). With a rate, a message's server time is when it was sent.
    """
    options = [f"--count={count}", f"--per-frame={per_frame}", f"--rate={rate}"]
    options.append(f"--dialect={dialect}")
    command = [sys.executable, "-m", "tests.benchmarks.sender", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"ws://127.0.0.1:{int(process.stdout.readline())}/sub/"
        finally:
            process.kill()


class Frames:
    """Frames of new messages, one after the other, for next to nothing: a template, filled in."""

    def __init__(self, per_frame: int) -> None:
        self._per_frame = per_frame
        self._template = "".join(_template(n) for n in range(per_frame))

    def frame(self, first: int) -> str:
        """The frame of the messages from number `first` on."""
        now = time.time()
        filled: list[float] = []
        for n in range(first, first + self._per_frame):
            filled += n, now
        return self._template % tuple(filled)


def _template(number: int) -> str:
    """One message of a frame, with room for its mid and its time."""
    message = TextCodec().encode(messages(number, 1)).replace("%", "%%")
    message = message.replace(mid(number), f"{mid(0)[:10]}%016d")
    return message.replace(f'"server_time_unix":{sent_at(number)},', '"server_time_unix":%.6f,')


def _chunks(count: int, per_frame: int, codec: Codec) -> list[bytes]:
    """All frames as they travel, in chunks of a socket's usual read.

    They are made beforehand where speed is measured: the sender must not be what is waited for.
    """
    chunks, chunk = [], bytearray()
    for frame in frames(codec, count, per_frame):
        is_text = isinstance(frame, str)
        opcode, data = (TEXT, frame.encode()) if is_text else (BINARY, frame)
        chunk += Frame(opcode, data).serialize(mask=False)
        if len(chunk) >= _CHUNK:
            chunks.append(bytes(chunk))
            chunk.clear()
    return [*chunks, bytes(chunk)]


async def _read(connection: ServerConnection) -> None:
    """Read acknowledgements until the end: unread ones hold up the closing for ten seconds."""
    with suppress(ConnectionClosed):
        async for _ in connection:
            pass


async def _serve(count: int, per_frame: int, rate: float, dialect: str) -> None:
    made = [] if rate else _chunks(count, per_frame, CODECS[dialect])
    timed = Frames(per_frame)

    async def send_all(connection: ServerConnection) -> None:
        reading = asyncio.ensure_future(_read(connection))
        for chunk in made:
            connection.transport.write(chunk)
            await connection.drain()
        begun = time.monotonic()
        for first in range(0, count if rate else 0, per_frame):
            if (early := begun + first / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            await connection.send(timed.frame(first))
        await reading

    async with serve(send_all, "127.0.0.1", 0, compression=None, max_size=None) as server:
        [socket] = server.sockets
        sys.stdout.write(f"{socket.getsockname()[1]}\n")
        sys.stdout.flush()
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int)
    parser.add_argument("--per-frame", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--dialect", choices=CODECS)
    asyncio.run(_serve(**vars(parser.parse_args())))
