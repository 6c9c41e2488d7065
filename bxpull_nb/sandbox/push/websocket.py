"""One WebSocket: messages to the client, pings, and the client's requests."""

import asyncio
import time
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bxpull_nb.sandbox.body import LARGEST_BODY
from bxpull_nb.sandbox.push.connections import Connection, Subscriber
from bxpull_nb.sandbox.push.context import PushContext, peer_of
from bxpull_nb.sandbox.push.dialects import JSON_RPC, PROTOBUF, Frame
from bxpull_nb.sandbox.push.error import PushRefusal
from bxpull_nb.sandbox.push.subscription import Subscription

__all__ = ["WebSocketHandler"]

_MOST_UNANSWERED = 2


class WebSocketHandler:
    """Handles one WebSocket; `ready` is set when its subscription has messages."""

    def __init__(
        self,
        context: PushContext,
        websocket: WebSocket,
        subscriber: Subscriber,
        subscription: Subscription,
        ready: asyncio.Event,
    ) -> None:
        self.connection = Connection(subscriber, peer_of(websocket), True, self._close_soon)
        self._context = context
        self._faults = context.faults
        self._websocket = websocket
        self._subscription = subscription
        self._ready = ready
        self._unanswered = 0  # pings without a pong
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, backlog: Frame) -> None:
        """Send the backlog and new messages, and answer requests, until it is closed."""
        self._spawn(self._deliver(backlog))
        if self._subscription.dialect is JSON_RPC:
            self._spawn(self._ping(self._context.settings.rpc_ping))
        try:
            while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                self.connection.last_traffic = time.monotonic()
                await self._handle(message)
        finally:
            for task in self._tasks:
                task.cancel()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_unless_closed(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_soon(self, code: int, reason: str) -> None:
        self._spawn(self._websocket.close(code, reason))

    async def _deliver(self, backlog: Frame) -> None:
        """Send the backlog, then the first message of each burst alone, the rest joined."""
        buffer = self._context.settings.buffer
        if backlog:
            await self._send(self._faults.maybe_truncate(backlog))
        while True:
            while garbage := self._faults.take_garbage(self._subscription.dialect.garbage):
                await self._send(garbage)
            frame = self._subscription.take(1)
            while frame:
                await self._send(self._faults.maybe_truncate(frame))
                await asyncio.sleep(buffer)
                frame = self._subscription.take(None if buffer else 1)
            await self._ready.wait()
            self._ready.clear()

    async def _send(self, frame: Frame) -> None:
        """Send the frame, after the server has stalled."""
        await self._faults.wait_while_stalled()
        self.connection.last_traffic = time.monotonic()
        if isinstance(frame, bytes):
            await self._websocket.send_bytes(frame)
        else:
            await self._websocket.send_text(frame)

    async def _ping(self, interval: float) -> None:
        """Send `ping` at this interval; cut the connection after two without `pong`."""
        await asyncio.sleep(interval)
        while self._unanswered < _MOST_UNANSWERED:
            self._unanswered += 1
            await self._send("ping")
            await asyncio.sleep(interval)
        self._context.cut([self.connection.peer])

    async def _handle(self, message: Mapping[str, Any]) -> None:
        """Answer a request; close the WebSocket for one that is not allowed."""
        text, data = message.get("text"), message.get("bytes")
        # A text is measured in characters; its bytes may be more, which no client sends.
        if len(data or text or "") > LARGEST_BODY:
            self._context.cut([self.connection.peer])
            return
        with suppress(WebSocketDisconnect, RuntimeError):  # it may be closed by now
            try:
                answer = self._answer(text, data)
            except PushRefusal as exc:
                await self._websocket.close(exc.code, str(exc))
                return
            if answer:
                await self._send(answer)

    def _answer(self, text: str | None, data: bytes | None) -> Frame:
        """Return the answer, maybe empty; raises PushRefusal."""
        if self._subscription.dialect is PROTOBUF:
            public = self.connection.subscriber.public
            answer = self._context.requests.from_client(data, public)
            self._context.requests.publish(answer.publications, public)
            return answer.binary
        if self._subscription.dialect is JSON_RPC:
            return self._rpc_answer(text or (data or b"").decode(errors="replace"))
        return ""  # in text mode messages of clients are ignored

    def _rpc_answer(self, text: str) -> str:
        if text == "pong":
            self._unanswered = 0
        elif text == "ping":
            return "pong"
        elif text.startswith("mack:"):
            self._context.connections.acknowledged += 1
        else:
            return self._context.rpc.answer(text, self.connection.subscriber, self._subscription)
        return ""


async def _unless_closed(coroutine: Coroutine[Any, Any, None]) -> None:
    # RuntimeError: the server has closed the socket, for example for a missing pong.
    with suppress(WebSocketDisconnect, RuntimeError):
        await coroutine
