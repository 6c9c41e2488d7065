"""A TCP proxy on loopback that cuts, stalls and delays connections, on command or when idle."""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec

from bxpull_nb.models import PullConfig

__all__ = ["ANSWERS", "FaultProxy"]

_HTML = b"<html><body>Please sign in to the network.</body></html>"


def _http(status: str, body: bytes = b"", kind: bytes = b"text/plain") -> bytes:
    return (
        b"HTTP/1.1 " + status.encode() + b"\r\nContent-Type: " + kind + b"\r\nConnection: close"
        b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )  # fmt: skip


ANSWERS = {
    "html": _http("200 OK", _HTML, b"text/html; charset=utf-8"),
    "400": _http("400 Bad Request", b"4010: Wrong Channel Id."),
    "401": _http("401 Unauthorized"),
    "403": _http("403 Forbidden"),
    "429": _http("429 Too Many Requests", b"4029: Too many connections"),
    "500": _http("500 Internal Server Error", _HTML, b"text/html"),
    "503": _http("503 Service Unavailable"),
    "garbage": bytes(range(256)),
    "no answer": b"",
    "half an answer": _http("200 OK", b"#!NGINXNMS!#" + b"x" * 500)[:-300],
    "tls": bytes.fromhex("15030100020228"),  # the alert of a TLS server: handshake failure
}
"""Answers that the proxy can give in the server's place."""


class _Line:
    """One connection, to the client and to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client, self.server = client, server
        self.frozen = False
        self.left: int | None = None  # bytes until it is cut
        self.single = 0  # bytes that go one by one
        self.last_traffic = asyncio.get_running_loop().time()

    def end(self, *, reset: bool = False) -> None:
        if reset:
            sock = self.client.get_extra_info("socket")
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.transport.abort()
        self.server.transport.abort()


class FaultProxy:
    """A proxy between a listener and `target` (`host:port`). Its methods are thread-safe."""

    def __init__(self, target: str) -> None:
        self.address = ""
        self._target = target.split(":")
        self._lines: set[_Line] = set()
        self._answers: deque[bytes] = deque()
        self._quiet_until = 0.0
        self._idle_limit: float | None = None
        self._largest: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._begun = threading.Event()
        self._stop = asyncio.Event()

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        assert self._begun.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def through(self, config: PullConfig) -> PullConfig:
        """Return the config with the proxy's address in the place of the push server's."""

        def moved(url: str | None) -> str | None:
            return url and urlunsplit(urlsplit(url)._replace(netloc=self.address))

        names = ("websocket", "long_polling", "websocket_secure", "long_polling_secure")
        replaced = {name: moved(getattr(config.server, name)) for name in names}
        return msgspec.structs.replace(
            config, server=msgspec.structs.replace(config.server, **replaced)
        )

    def cut(self, after: int = 0) -> None:
        """End all connections, after so many further bytes to the client."""

        def act(line: _Line) -> None:
            line.left = after
            if not after:
                line.end()

        self._all(act)

    def reset(self) -> None:
        """End all connections with a TCP reset."""
        self._all(lambda line: line.end(reset=True))

    def freeze(self, seconds: float) -> None:
        """Leave all connections half open: nothing gets through, until they are reset."""

        def act(line: _Line) -> None:
            line.frozen = True
            self._loop.call_later(seconds, lambda: line.end(reset=True))

        self._all(act)

    def hold_up(self, seconds: float) -> None:
        """Let nothing through to the client for so long, then all of it."""

        def act() -> None:
            self._quiet_until = max(self._quiet_until, self._loop.time() + seconds)

        self._loop.call_soon_threadsafe(act)

    def split(self, count: int) -> None:
        """Pass the next `count` bytes of each connection to the client one by one."""

        def act(line: _Line) -> None:
            line.single = count

        self._all(act)

    def answer(self, name: str, times: int = 1) -> None:
        """Answer the next connections with one of `ANSWERS`."""
        self._loop.call_soon_threadsafe(self._answers.extend, [ANSWERS[name]] * times)

    def limit_idle(self, seconds: float | None) -> None:
        """Cut each connection that was silent both ways for so long; None ends it."""
        self._idle_limit = seconds

    def limit_bytes(self, largest: int | None) -> None:
        """Cut each coming connection after so many bytes to the client; None ends it."""
        self._largest = largest

    @property
    def answering(self) -> bool:
        """Whether the proxy will answer a coming connection in the server's place."""
        return bool(self._answers)

    def heal(self) -> None:
        """Forget the answers that are still due, and the limits of connections."""
        self._idle_limit = self._largest = None
        self._loop.call_soon_threadsafe(self._answers.clear)

    def _all(self, act: Callable[[_Line], None]) -> None:
        def act_on_all() -> None:
            for line in list(self._lines):
                act(line)

        self._loop.call_soon_threadsafe(act_on_all)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        self.address = f"{host}:{port}"
        self._begun.set()
        cutting = asyncio.create_task(self._cut_idle())
        await self._stop.wait()
        cutting.cancel()
        server.close()
        for line in self._lines:
            line.end()

    async def _cut_idle(self) -> None:
        while True:
            limit, now = self._idle_limit, self._loop.time()
            for line in list(self._lines) if limit is not None else ():
                if now - line.last_traffic > (limit or 0):
                    line.end()
            await asyncio.sleep(0.02)

    async def _take(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if self._answers:
                answer = self._answers.popleft()
                await reader.readuntil(b"\r\n\r\n")
                client.write(answer)
                await client.drain()
            else:
                await self._connect(reader, client)
        client.transport.abort() if client.is_closing() else client.close()

    async def _connect(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        host, port = self._target
        from_server, server = await asyncio.open_connection(host, int(port))
        client.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line = _Line(client, server)
        line.left = self._largest
        self._lines.add(line)
        ways: list[Coroutine[Any, Any, None]] = [
            self._to_client(from_server, line),
            self._to_server(reader, line),
        ]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._lines.discard(line)
            if not client.transport.is_closing():
                with suppress(OSError):
                    await client.drain()
                client.close()
            server.transport.abort()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _to_server(self, reader: asyncio.StreamReader, line: _Line) -> None:
        while data := await reader.read(65536):
            line.last_traffic = self._loop.time()
            if not line.frozen:
                line.server.write(data)
                await line.server.drain()

    async def _to_client(self, reader: asyncio.StreamReader, line: _Line) -> None:
        while data := await reader.read(65536):
            line.last_traffic = self._loop.time()
            await asyncio.sleep(max(0.0, self._quiet_until - self._loop.time()))
            if line.frozen:
                continue
            if line.left is not None:
                data, is_last = data[: line.left], len(data) >= line.left
                line.left -= len(data)
                line.client.write(data)
                await line.client.drain()
                if is_last:
                    return
                continue
            singles, line.single = data[: line.single], max(0, line.single - len(data))
            for byte in singles:
                line.client.write(bytes((byte,)))
                await asyncio.sleep(0)
            line.client.write(data[len(singles) :])
            await line.client.drain()
