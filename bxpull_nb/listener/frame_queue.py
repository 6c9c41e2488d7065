"""A WebSocket connection that gives all messages that arrived together at once.

A busy server sends many small messages; one read of the socket brings hundreds, and a quiet one
brings one at a time. Either way, the library's parser and its queue cost more than decoding. So
whole data frames are read here. All others go to the library: the handshake, pings, closing,
fragments, and each frame that breaks the protocol or the limit, so the library reports it. A
connection counts as dead when nothing at all came, pong or not.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State

__all__ = ["FrameQueue"]

_ENOUGH = 4 * 1024 * 1024  # bytes that wait until reading pauses; TCP then slows the server down
_DATA = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_FIRST_SIGN = 5.0  # seconds; some proxies let the handshake through, and nothing after it
_TEXT, _BINARY = 0x81, 0x82  # the first byte of a frame that is a whole message
_SHORT, _LONG = 126, 127  # the second byte where the size follows, in 2 or 8 bytes
_END_OF_HEAD = b"\r\n\r\n"


class FrameQueue(ClientConnection):
    """A connection whose messages are read by `take`; a message has `max_frame` bytes at most."""

    def __init__(self, max_frame: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_frame = max_frame
        self._messages: list[str | bytes] = []
        self._fragments: list[Frame] = []
        self._bytes = 0
        self._is_paused = False
        self._waiter: asyncio.Future[None] | None = None  # of `take`, which waits for a message
        self._is_lost = False
        self._is_head = True  # of the server's answer to the handshake
        self._is_plain = False  # frames are read here; else the library reads all that comes
        self._rest = bytearray()  # the beginning of a frame
        self._needed = 0  # bytes of it, until it can be read further
        self._due = 0  # bytes to come of a frame that the library reads
        self._begun = self.loop.time()
        self._ended: float | None = None
        self.signs = 0
        """How often something came after the handshake: frames, parts of them, pongs."""

    @property
    def seconds(self) -> float:
        """How long the connection lasted, or has lasted."""
        return (self.loop.time() if self._ended is None else self._ended) - self._begun

    def data_received(self, data: bytes) -> None:
        """Read the frames of the data, which the library does where they are unusual."""
        self.signs += self.response is not None
        if self._is_plain:
            self._read(data)
        elif self._is_head:
            self._read_head(data)
        else:
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
        self._fragments.append(event)
        if event.fin:
            whole = b"".join(frame.data for frame in self._fragments)
            self._keep(whole, is_text=self._fragments[0].opcode is Opcode.TEXT)
            self._fragments.clear()
        self._count(len(event.data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake `take`, which raises the error of the connection."""
        super().connection_lost(exc)
        self._ended = self.loop.time()
        self._is_lost = True
        self._wake()

    async def take(self) -> list[str | bytes]:
        """Return the messages that wait, at least one; raises ConnectionClosed without any.

        Text that is not UTF-8 has replacement characters: one such message must not end the
        connection for all others.
        """
        if not (self._messages or self._is_lost):
            self._waiter = self.loop.create_future()
            await self._waiter
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

    def _read_head(self, data: bytes) -> None:
        """Give the library the answer to the handshake; what follows in the same read is frames."""
        known = len(self._rest)
        self._rest += data
        end = self._rest.find(_END_OF_HEAD)
        if end < 0:
            del self._rest[: -len(_END_OF_HEAD)]
            super().data_received(data)
            return
        self._rest.clear()
        self._is_head = False
        end += len(_END_OF_HEAD) - known
        super().data_received(data[:end])
        self._is_plain = self.protocol.state is State.OPEN
        if len(data) > end:
            self.data_received(data[end:])

    def _read(self, data: bytes) -> None:
        """Read the whole frames, and keep the beginning of another one."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at = min(self._due, len(data))
        if at:
            self._due -= at
            self._give(data[:at])
        at = self._read_frames(data, at)
        if self._is_plain:
            self._rest += data[at:]
        elif at < len(data):
            super().data_received(data[at:])

    def _read_frames(self, data: bytes, at: int) -> int:
        """Read frames from this place on; return the place of what cannot be read here yet."""
        size, self._needed = len(data), 2
        while at + 2 <= size and self._is_plain:
            length, begin = data[at + 1], at + 2
            if length in (_SHORT, _LONG):
                begin += 2 if length == _SHORT else 8
                length = int.from_bytes(data[at + 2 : begin]) if begin <= size else 0
            end, is_masked = begin + length, data[at + 1] > _LONG
            is_usual = data[at] in (_TEXT, _BINARY) and not (is_masked or self._fragments)
            if is_usual and length <= self._max_frame:
                if end > size:
                    self._needed = end - at
                    return at
                self._keep(data[begin:end], is_text=data[at] == _TEXT)
                self._count(length)
            elif begin > size:  # it is unknown where the frame ends
                self._is_plain = False
                return at
            else:
                self._due = max(end - size, 0)
                self._give(data[at:end])
            at = min(end, size)
        return at

    def _give(self, data: bytes) -> None:
        """Give the library a part of a frame, and all that follows once the connection ends."""
        super().data_received(data)
        self._is_plain = self.protocol.state is State.OPEN

    def _keep(self, data: bytes, *, is_text: bool) -> None:
        self._messages.append(data.decode(errors="replace") if is_text else data)
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _count(self, size: int) -> None:
        """Count bytes that wait; pause reading when there are enough."""
        self._bytes += size
        if self._bytes > _ENOUGH and self._messages and not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()
