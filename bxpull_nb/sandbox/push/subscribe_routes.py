"""Route of the push server for listening, `/sub/`: WebSocket and polling (protocol 2.1-2.8)."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bxpull_nb.sandbox.push.connections import Subscriber
from bxpull_nb.sandbox.push.context import (
    HEADERS,
    OTHER_METHODS,
    TEXT_HEADERS,
    PushContext,
    not_found,
    peer_of,
)
from bxpull_nb.sandbox.push.dialects import Frame, dialect_for
from bxpull_nb.sandbox.push.error import PushRefusal
from bxpull_nb.sandbox.push.polling import PollHandler, requested_mid
from bxpull_nb.sandbox.push.subscription import Subscription
from bxpull_nb.sandbox.push.websocket import WebSocketHandler

__all__ = ["SubscribeRoutes"]

_REFUSED = {"Content-Type": "text/html", **HEADERS}
_OPTIONS = {
    **TEXT_HEADERS,
    "Access-Control-Allow-Methods": "POST, GET, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "If-Modified-Since, If-None-Match",
}
_PAGE = "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Back soon.</body></html>"
_CLOSING = 0.01


class SubscribeRoutes:
    """Accepts listeners, by WebSocket and by polling."""

    def __init__(self, context: PushContext) -> None:
        self._context = context
        self._settings = context.settings
        self._broker = context.broker
        self._faults = context.faults

    def routes(self) -> list[BaseRoute]:
        """Return the routes, with the refusal of every other WebSocket path."""
        return [
            WebSocketRoute("/sub/", self._websocket),
            WebSocketRoute("/{path:path}", _refuse),
            Route("/sub/{path:path}", not_found, methods=["HEAD"]),
            Route("/sub/{path:path}", self._poll, methods=["GET"]),
            Route("/sub/{path:path}", _options, methods=["OPTIONS"]),
            Route("/sub/{path:path}", not_found, methods=OTHER_METHODS),
        ]

    async def _websocket(self, websocket: WebSocket) -> None:
        if self._faults.is_down:
            self._context.cut([peer_of(websocket)])
            await _refuse(websocket)
        elif self._faults.refuse.take():
            await _refuse(websocket, self._faults.refusal_status, "Refused")
        elif self._broker.closed or not self._settings.websocket:
            await _refuse(websocket)
        elif subscriber := self._context.authentication.subscriber(websocket.query_params):
            await self._serve(websocket, subscriber)
        else:
            has_codes = self._settings.server_version >= 4
            await _refuse(websocket, 400, "Wrong Channel Id." if has_codes else "Bad Request")

    async def _serve(self, websocket: WebSocket, subscriber: Subscriber) -> None:
        ready, peer = asyncio.Event(), peer_of(websocket)

        def on_ready(subscription: Subscription) -> None:
            # A sender that waits for a slow peer cannot check this.
            if subscription.overflowed:
                self._context.cut([peer])
            ready.set()

        # Subscribed before the handshake, so that a connected client misses nothing.
        subscription, backlog = self._subscribe(websocket, subscriber, on_ready)
        handler = WebSocketHandler(self._context, websocket, subscriber, subscription, ready)
        self._context.register(handler.connection)
        try:
            await websocket.accept()
            await handler.run(backlog)
        finally:
            self._context.unregister(handler.connection)
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
        handler = PollHandler(self._context, request, subscriber)
        mid = requested_mid(request)
        subscription, backlog = self._subscribe(request, subscriber, handler.on_ready)
        self._context.register(handler.connection)
        try:
            return await handler.answer(subscription, backlog, mid)
        finally:
            self._context.unregister(handler.connection)
            self._broker.unsubscribe(subscription)

    def _no_channel(self, request: Request) -> Response:
        if self._settings.server_version >= 4:
            return Response(str(PushRefusal(4010)), 400, TEXT_HEADERS)
        missing = not request.query_params.get("CHANNEL_ID")
        return Response("No channel id provided." if missing else "Bad Request", 400, TEXT_HEADERS)


async def _refuse(websocket: WebSocket, status: int = 400, text: str = "Bad Request") -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # it may be cut at any moment
        await websocket.send_denial_response(Response(text, status, _REFUSED))
    # uvicorn logs an error when the handler ends before the refused connection is closed.
    await asyncio.sleep(_CLOSING)


async def _options(_request: Request) -> Response:
    return Response(status_code=200, headers=_OPTIONS)
