"""The sending side of the benchmarks over a WebSocket: a push server that only sends.

It runs in a process of its own (`python -m tests.benchmarks.sender …`), tells its port on
standard output, and treats whoever connects alike: both sides are sent the same, by the same.
The sandbox is not used for this, as its own work would be most of what is measured.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.asyncio.server import ServerConnection, serve

from bxpull_nb.protocol.codec import TextCodec
from tests.benchmarks.material import messages, mid, sent_at

__all__ = ["sending"]


@contextmanager
def sending(count: int, *, per_frame: int = 50, rate: float = 0) -> Iterator[str]:
    """The WebSocket address of a running sender, which ends with the block.

    To each connection it sends `count` messages, `per_frame` a frame, `rate` a second (0: as
    fast as they are taken). A message's server time is when it was sent.
    """
    options = [f"--count={count}", f"--per-frame={per_frame}", f"--rate={rate}"]
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


async def _serve(count: int, per_frame: int, rate: float) -> None:
    frames = Frames(per_frame)
    # Made beforehand where speed is measured: the sender must not be what is waited for.
    made = {} if rate else {first: frames.frame(first) for first in range(0, count, per_frame)}

    async def send_all(connection: ServerConnection) -> None:
        begun = time.monotonic()
        for first in range(0, count, per_frame):
            if rate and (early := begun + first / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            await connection.send(made.get(first) or frames.frame(first))
        await connection.wait_closed()

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
    asyncio.run(_serve(**vars(parser.parse_args())))
