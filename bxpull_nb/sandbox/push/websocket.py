"""One WebSocket: what is sent on it, what is heard on it, and how long it lasts."""

import asyncio
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

__all__ = ["WebSocketConversation"]

_MOST_UNANSWERED = 2


class WebSocketConversation:
    """A conversation with a listener; `ready` is set when its mailbox has got something."""

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
        """Send what there is, and listen until the listener has gone."""
        self._spawn(self._deliver(backlog))
        if self._subscription.dialect is JSON_RPC:
            self._spawn(self._ping(self._context.settings.rpc_ping))
        try:
            while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                await self._respond(message)
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
        """The backlog in one frame, then live: the first of a burst alone, the rest joined."""
        buffer = self._context.settings.buffer
        if backlog:
            await self._say(self._faults.maybe_truncate(backlog))
        while True:
            while self._faults.garbage.take():
                await self._say(self._subscription.dialect.garbage)
            frame = self._subscription.take(1)
            while frame:
                await self._say(self._faults.maybe_truncate(frame))
                await asyncio.sleep(buffer)
                frame = self._subscription.take(None if buffer else 1)
            await self._ready.wait()
            self._ready.clear()

    async def _say(self, frame: Frame) -> None:
        """Send the frame, when there is no silence to keep."""
        await self._faults.keep_silence()
        if isinstance(frame, bytes):
            await self._websocket.send_bytes(frame)
        else:
            await self._websocket.send_text(frame)

    async def _ping(self, interval: float) -> None:
        """A `ping` every so many seconds; who has left two unanswered is cut."""
        await asyncio.sleep(interval)
        while self._unanswered < _MOST_UNANSWERED:
            self._unanswered += 1
            await self._say("ping")
            await asyncio.sleep(interval)
        self._context.cut([self.connection.peer])

    async def _respond(self, message: Mapping[str, Any]) -> None:
        """Do what the client asks; what is not allowed ends the conversation."""
        text, data = message.get("text"), message.get("bytes")
        # In characters for a text, which may be more bytes: nobody sends that much.
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
                await self._say(answer)

    def _answer(self, text: str | None, data: bytes | None) -> Frame:
        """What to say to it, maybe nothing; raises PushRefusal."""
        if self._subscription.dialect is PROTOBUF:
            public = self.connection.subscriber.public
            answer = self._context.requests.from_client(data, public)
            self._context.requests.publish(answer.published_messages, public)
            return answer.binary
        if self._subscription.dialect is JSON_RPC:
            return self._rpc_answer(text or (data or b"").decode(errors="replace"))
        return ""  # in text mode a listener has nothing to say

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
    # RuntimeError: the server has closed the socket itself, for a missing pong say.
    with suppress(WebSocketDisconnect, RuntimeError):
        await coroutine
