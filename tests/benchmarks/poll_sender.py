"""The sending side of the benchmark of long polling: one message an answer, as fast as asked.

It runs in a process of its own (`python -m tests.benchmarks.poll_sender COUNT`) and writes its
port to standard output. The bodies are made beforehand, and HTTP is spoken by hand: a framework
would be most of what is measured.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bxpull_nb.protocol.codec import TextCodec
from tests.benchmarks.material import messages, mid

__all__ = ["polled"]

_MID = re.compile(f"[?&]mid={mid(0)[:10]}(\\d{{16}})".encode())


@contextmanager
def polled(count: int) -> Iterator[str]:
    """The address of a running server with so many messages, which ends with the block."""
    command = [sys.executable, "-m", "tests.benchmarks.poll_sender", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/sub/"
        finally:
            process.kill()


def _answer(bodies: list[bytes], newest: int) -> bytes:
    body = b"".join(bodies)
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        f"Last-Message-Id: {mid(newest)}\r\n\r\n"
    )
    return head.encode() + body


async def _serve(count: int) -> None:
    bodies = [TextCodec().encode(messages(number, 1)).encode() for number in range(count)]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made = 0  # a poll's answer has one more message than was made, and all since its mid
        while True:
            try:
                request = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            found = _MID.search(request.partition(b"\r\n")[0])
            following = int(found[1]) + 1 if found else 0
            if made < count:  # else the poll is held
                made += 1
                writer.write(_answer(bodies[following:made], made - 1))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
