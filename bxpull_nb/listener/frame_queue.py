"""A WebSocket connection that gives all messages that arrived together at once.

A busy server sends many small messages; one read of the socket brings hundreds. Taking them one
by one costs more than decoding them. So the messages do not go through the library's queue of
frames: its protocol, its limits and its handling of pings and closing stay as they are, except when
a connection counts as dead.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode

__all__ = ["FrameQueue"]

_ENOUGH = 4 * 1024 * 1024  # bytes that wait until reading pauses; TCP then slows the server down
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_FIRST_SIGN = 5.0  # seconds; some proxies let the handshake through, and nothing after it


class FrameQueue(ClientConnection):
    """A connection whose messages are read by `take`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._messages: list[str | bytes] = []
        self._fragments: list[Frame] = []
        self._bytes = 0
        self._is_paused = False
        self._arrived = asyncio.Event()
        self._begun = self.loop.time()
        self._ended: float | None = None
        self.signs = 0
        """How often something came after the handshake: frames, parts of them, pongs."""

    @property
    def seconds(self) -> float:
        """How long the connection lasted, or has lasted."""
        return (self.loop.time() if self._ended is None else self._ended) - self._begun

    def data_received(self, data: bytes) -> None:
        """Count a sign of life."""
        self.signs += self.response is not None
        super().data_received(data)

    async def keepalive(self) -> None:
        """Ping again and again, and end a connection when nothing at all came since the last one.

        The library waits for the pong, which may have to wait for a large frame.
        """
        wait = min(_FIRST_SIGN, self.ping_interval or _FIRST_SIGN)
        with suppress(ConnectionClosed):
            while True:
                before = self.signs
                await self.ping()
                await asyncio.sleep(wait)
                if self.signs == before and not self._is_paused:
                    async with self.send_context():
                        self.protocol.fail(CloseCode.INTERNAL_ERROR, "no sign of life")
                wait = self.ping_interval or wait

    def process_event(self, event: Any) -> None:
        """Keep a message; leave all else to the library."""
        if self.response is None or event.opcode not in _DATA:
            super().process_event(event)
            return
        self._bytes += len(event.data)
        if event.fin and not self._fragments:
            self._keep(event.opcode, event.data)
        else:
            self._fragments.append(event)
            if event.fin:
                whole = b"".join(frame.data for frame in self._fragments)
                self._keep(self._fragments[0].opcode, whole)
                self._fragments.clear()
        if self._bytes > _ENOUGH and self._messages and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake `take`, which raises the error of the connection."""
        super().connection_lost(exc)
        self._ended = self.loop.time()
        self._arrived.set()

    async def take(self) -> list[str | bytes]:
        """Return the messages that wait, at least one; raises ConnectionClosed without any.

        Text that is not UTF-8 has replacement characters: one such message must not end the
        connection for all others.
        """
        if not self._messages:
            await self._arrived.wait()
        self._arrived.clear()
        if not self._messages:  # the connection is lost: the library has the reason
            await self.recv()
        taken, self._messages, self._bytes = self._messages, [], 0
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        return taken

    async def send_all(self, texts: Sequence[str]) -> None:
        """Send text messages with one write; raises ConnectionClosed."""
        async with self.send_context():
            for text in texts:
                self.protocol.send_text(text.encode())

    def _keep(self, opcode: Opcode, data: bytes) -> None:
        is_text = opcode is Opcode.TEXT
        self._messages.append(data.decode(errors="replace") if is_text else bytes(data))
        self._arrived.set()
