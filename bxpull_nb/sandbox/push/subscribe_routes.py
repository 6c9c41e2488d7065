"""The push server's route to listen at, `/sub/`: WebSocket and polling (protocol 2.1-2.8)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bxpull_nb.sandbox.push.connections import Subscriber
from bxpull_nb.sandbox.push.context import HEADERS, TEXT_HEADERS, PushContext, peer_of
from bxpull_nb.sandbox.push.dialects import Frame, dialect_for
from bxpull_nb.sandbox.push.error import PushRefusal
from bxpull_nb.sandbox.push.polling import Poll, requested_mid
from bxpull_nb.sandbox.push.subscription import Subscription
from bxpull_nb.sandbox.push.websocket import WebSocketConversation

__all__ = ["PushServer"]

_REFUSED = {"Content-Type": "text/html", **HEADERS}
_OPTIONS = {
    **TEXT_HEADERS,
    "Access-Control-Allow-Methods": "POST, GET, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "If-Modified-Since, If-None-Match",
}
_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
_CLOSING = 0.01


class PushServer:
    """Lets listeners in, by WebSocket and by polling."""

    def __init__(self, context: PushContext) -> None:
        self._context = context
        self._settings = context.settings
        self._broker = context.broker
        self._faults = context.faults

    def routes(self) -> list[BaseRoute]:
        """The routes, the refusal of every other WebSocket path last."""
        return [
            WebSocketRoute("/sub/", self._websocket),
            WebSocketRoute("/{path:path}", _refuse),
            Route("/sub/{path:path}", self._poll, methods=["GET"]),
            Route("/sub/{path:path}", _options, methods=["OPTIONS"]),
        ]

    async def _websocket(self, websocket: WebSocket) -> None:
        if self._faults.is_down:
            self._context.cut([peer_of(websocket)])
            await _refuse(websocket)
        elif self._faults.refused.take():
            await _refuse(websocket, self._faults.refusal, "Refused")
        elif self._broker.closed or not self._settings.websocket:
            await _refuse(websocket)
        elif subscriber := self._context.authentication.subscriber(websocket.query_params):
            await self._take_in(websocket, subscriber)
        else:
            known = self._settings.server_version >= 4
            await _refuse(websocket, 400, "Wrong Channel Id." if known else "Bad Request")

    async def _take_in(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        ready, peer = asyncio.Event(), peer_of(websocket)

        def on_ready(box: Subscription) -> None:
            # A sender that waits for a slow peer cannot see this itself.
            if box.overflowed:
                self._context.cut([peer])
            ready.set()

        # The mailbox before the handshake: whoever is connected misses nothing.
        subscription, backlog = self._subscribe(websocket, subscriber, on_ready)
        conversation = WebSocketConversation(
            self._context, websocket, subscriber, subscription, ready
        )
        self._context.enter(conversation.connection)
        try:
            await websocket.accept()
            await conversation.run(backlog)
        finally:
            self._context.leave(conversation.connection)
            self._broker.unsubscribe(subscription)

    def _subscribe(
        self,
        connection: HTTPConnection,
        subscriber: Subscriber,
        on_ready: Callable[[Subscription], None],
    ) -> tuple[Subscription, Frame]:
        dialect = dialect_for(self._settings.server_version, connection.query_params)
        return self._broker.subscribe(
            subscriber.channels, requested_mid(connection), on_ready, dialect
        )

    async def _poll(self, request: Request) -> Response:
        if self._faults.is_down:
            self._context.cut([peer_of(request)])
        if self._faults.html.take():
            return Response(_PAGE, 200, {**HEADERS, "Content-Type": "text/html; charset=utf-8"})
        subscriber = self._context.authentication.subscriber(request.query_params)
        if subscriber is None:
            return self._no_channel(request)
        poll = Poll(self._context, request, subscriber)
        mid = requested_mid(request)
        subscription, backlog = self._subscribe(request, subscriber, poll.on_ready)
        self._context.enter(poll.connection)
        try:
            return await poll.answer(subscription, backlog, mid)
        finally:
            self._context.leave(poll.connection)
            self._broker.unsubscribe(subscription)

    def _no_channel(self, request: Request) -> Response:
        if self._settings.server_version >= 4:
            return Response(str(PushRefusal(4010)), 400, TEXT_HEADERS)
        missing = not request.query_params.get("CHANNEL_ID")
        return Response("No channel id provided." if missing else "Bad Request", 400, TEXT_HEADERS)


async def _refuse(websocket: WebSocket, status: int = 400, text: str = "Bad Request") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it may have been cut just now
        await websocket.send_denial_response(Response(text, status, _REFUSED))
    # uvicorn logs an error when the handler ends before the refused connection is closed.
    await asyncio.sleep(_CLOSING)


async def _options(_request: Request) -> Response:
    return Response(status_code=200, headers=_OPTIONS)
