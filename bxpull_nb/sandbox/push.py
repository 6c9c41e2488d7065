"""The push server's routes: `/sub/` to listen, `/pub/` for the trusted side (protocol 2.1-2.11)."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bxpull_nb.sandbox.body import BodyTooLarge, read_body
from bxpull_nb.sandbox.broker import Broker, Mailbox
from bxpull_nb.sandbox.channels import Signer, parse_addresses
from bxpull_nb.sandbox.server import Peer
from bxpull_nb.sandbox.settings import Settings

__all__ = ["PushServer"]

_MID = re.compile(r"[0-9]{26}")
_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Last-Message-Id",
}
_TEXT = {"Content-Type": "text/plain", **_HEADERS}
_NOTHING_NEW = {**_TEXT, "Expires": "Thu, 01 Jan 1973 11:11:01 GMT"}
_REFUSED = {"Content-Type": "text/html", **_HEADERS}
_OPTIONS = {
    **_TEXT,
    "Access-Control-Allow-Methods": "POST, GET, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "If-Modified-Since, If-None-Match",
}
_LONGEST_EXPIRY = 86400
_CLOSING = 0.01


class PushServer:
    """Listeners on one side, the broker on the other."""

    def __init__(
        self,
        settings: Settings,
        signer: Signer,
        broker: Broker,
        cut: Callable[[Iterable[Peer]], None],
    ) -> None:
        self.listeners: set[Peer] = set()
        """Where the live WebSockets and held polls come from."""
        self._settings = settings
        self._signer = signer
        self._broker = broker
        self._cut = cut

    def routes(self) -> list[BaseRoute]:
        """The routes, the refusal of every other WebSocket path last."""
        return [
            WebSocketRoute("/sub/", self._websocket),
            WebSocketRoute("/{path:path}", _refuse),
            Route("/sub/{path:path}", self._poll, methods=["GET"]),
            Route("/sub/{path:path}", _options, methods=["OPTIONS"]),
            Route("/pub/{path:path}", self._publish, methods=["POST"]),
            Route("/pub/{path:path}", self._channel_infos, methods=["GET"]),
            Route("/pub/{path:path}", _not_found, methods=["OPTIONS"]),
        ]

    async def _websocket(self, websocket: WebSocket) -> None:
        channels = self._channels(websocket) if self._settings.websocket else []
        if not channels or self._broker.closed:
            await _refuse(websocket)
            return
        ready, peer = asyncio.Event(), _peer(websocket)

        def on_ready(box: Mailbox) -> None:
            # A sender that waits for a slow peer cannot see this itself.
            if box.overflowed:
                self._cut([peer])
            ready.set()

        # The mailbox before the handshake: whoever is connected misses nothing.
        mailbox, backlog = self._broker.subscribe(channels, _mid(websocket), on_ready)
        self.listeners.add(peer)
        try:
            await websocket.accept()
            await self._converse(websocket, self._send(websocket, mailbox, ready, backlog))
        finally:
            self.listeners.discard(peer)
            self._broker.unsubscribe(mailbox)

    async def _converse(self, websocket: WebSocket, sending: Coroutine[Any, Any, None]) -> None:
        """Send until the listener has gone."""
        task = asyncio.create_task(sending)
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass  # a protocol 3 listener has nothing to say
        finally:
            task.cancel()

    async def _send(
        self, websocket: WebSocket, mailbox: Mailbox, ready: asyncio.Event, backlog: str
    ) -> None:
        """The backlog in one frame, then live: the first of a burst alone, the rest joined."""
        # RuntimeError: the server has closed the socket itself, for a missing pong say.
        with suppress(WebSocketDisconnect, RuntimeError):
            if backlog:
                await websocket.send_text(backlog)
            while True:
                await ready.wait()
                ready.clear()
                frame = mailbox.take(1)
                while frame:
                    await websocket.send_text(frame)
                    await asyncio.sleep(self._settings.buffer)
                    frame = mailbox.take(None if self._settings.buffer else 1)

    async def _poll(self, request: Request) -> Response:
        channels = self._channels(request)
        if not channels:
            missing = not request.query_params.get("CHANNEL_ID")
            return Response("No channel id provided." if missing else "Bad Request", 400, _TEXT)
        ready, peer, mid = asyncio.Event(), _peer(request), _mid(request)
        mailbox, frame = self._broker.subscribe(channels, mid, lambda _box: ready.set())
        self.listeners.add(peer)
        try:
            if not frame and not self._broker.closed:
                await self._wait(request, ready)
            # In this order: a message that is not taken now must be newer than `last`.
            last = mid or self._broker.newest(channels)
            frame = frame or mailbox.take(1)  # the rest of a burst comes with the next poll
        finally:
            self.listeners.discard(peer)
            self._broker.unsubscribe(mailbox)
        if frame:
            return Response(frame, 200, _TEXT)
        return Response(status_code=304, headers={**_NOTHING_NEW, "Last-Message-Id": last})

    async def _wait(self, request: Request, ready: asyncio.Event) -> None:
        """Until there is something to take, the hold is over, or the listener has gone."""
        waiting = {
            asyncio.create_task(ready.wait()),
            asyncio.create_task(_gone(request)),
        }
        try:
            await asyncio.wait(
                waiting, timeout=self._settings.poll_hold, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in waiting:
                task.cancel()

    async def _publish(self, request: Request) -> Response:
        channels = self._channels(request, unsigned=True)
        if not channels:
            return _no_channels()
        try:
            text = (await read_body(request)).decode(errors="replace")
        except BodyTooLarge:
            return Response("Request Entity Too Large", 413, _TEXT)
        expiry = _expiry(request.headers)

        async def deliver() -> None:
            if text:
                self._broker.publish(text, channels, expiry, self._settings.now())

        return Response(status_code=200, headers=_TEXT, background=BackgroundTask(deliver))

    async def _channel_infos(self, request: Request) -> Response:
        channels = self._channels(request, unsigned=True)
        if not channels:
            return _no_channels()
        online = filter(self._broker.is_online, channels)
        infos = [{"channel": channel, "subscribers": 1} for channel in online]
        return JSONResponse({"infos": infos}, headers=_HEADERS)

    def _channels(self, connection: HTTPConnection, *, unsigned: bool = False) -> list[str]:
        """The 32-digit ids the connection names; none at all when one of them is not ours.

        An expired channel is still ours: it is silent, not refused.
        """
        named = connection.query_params.getlist("CHANNEL_ID")
        addresses = parse_addresses(named[0]) if len(named) == 1 else []
        good = all(self._signer.accepts(address, unsigned=unsigned) for address in addresses)
        return [address.id for address in addresses] if good else []


async def _refuse(websocket: WebSocket) -> None:
    await websocket.send_denial_response(Response("Bad Request", 400, _REFUSED))
    # uvicorn logs an error when the handler ends before the refused connection is closed.
    await asyncio.sleep(_CLOSING)


def _no_channels() -> Response:
    return Response("4017: No channels found.", 400, _TEXT)


async def _options(_request: Request) -> Response:
    return Response(status_code=200, headers=_OPTIONS)


async def _not_found(_request: Request) -> Response:
    return Response(status_code=404, headers=_TEXT)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _mid(connection: HTTPConnection) -> str | None:
    """The mid to resume from; what is not 26 digits is ignored."""
    mid = connection.query_params.get("mid", "")
    return mid if _MID.fullmatch(mid) else None


def _peer(connection: HTTPConnection) -> Peer:
    client = connection.client
    return (client.host, client.port) if client else ("", 0)


def _expiry(headers: Mapping[str, str]) -> int:
    """Seconds to store, read the way JavaScript's parseInt does; 0 for what is no number."""
    digits = re.match(r"\s*\+?([0-9]+)", headers.get("Message-Expiry", ""))
    return min(int(digits[1][:9]), _LONGEST_EXPIRY) if digits else 0
