"""Routes of the push server for publishing: `/pub/`, `/pubweb/`, `/server-stat/` (2.11)."""

import re
from collections.abc import Mapping

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bxpull_nb.sandbox.body import BodyTooLarge, read_body
from bxpull_nb.sandbox.push.binary_codec import LIMITS, Publication
from bxpull_nb.sandbox.push.binary_requests import BinaryAnswer
from bxpull_nb.sandbox.push.context import (
    HEADERS,
    OTHER_METHODS,
    TEXT_HEADERS,
    PushContext,
    not_found,
)
from bxpull_nb.sandbox.push.error import PushRefusal

__all__ = ["PublishRoutes"]

_BINARY = {**HEADERS, "Content-Type": "application/octet-stream"}


class PublishRoutes:
    """Takes messages of the trusted back end, and from version 4 on of clients."""

    def __init__(self, context: PushContext) -> None:
        self._context = context
        self._requests = context.requests
        self._version = context.settings.server_version

    def routes(self) -> list[BaseRoute]:
        """Return the routes; other methods give a 404 that a browser may read."""
        newer: list[BaseRoute] = [
            Route("/pubweb/{path:path}", self._from_client, methods=["POST"]),
            Route("/server-stat/{path:path}", self._statistics, methods=["GET"]),
        ]
        return [
            Route("/pub/{path:path}", self._from_backend, methods=["POST"]),
            Route("/pub/{path:path}", self._channel_infos, methods=["GET"]),
            *(newer if self._version >= 4 else []),
            *(Route(f"/{name}/{{path:path}}", not_found, methods=OTHER_METHODS) for name in _PATHS),
        ]

    async def _from_backend(self, request: Request) -> Response:
        try:
            body = await read_body(request)
            if self._version >= 4 and request.query_params.get("binaryMode") == "true":
                return self._answer(self._requests.from_backend(body), None)
            return self._publish_text(request, body)
        except BodyTooLarge:
            return _too_large()
        except PushRefusal as exc:
            return _refused(exc)

    def _publish_text(self, request: Request, body: bytes) -> Response:
        """Publish the body as one message to all channels of the query.

        Version 3 refuses an empty body and channels that are not valid, later versions ignore them.
        """
        channels = self._channels(request)
        if self._version < 4 and not channels:
            return _no_channels(request)
        if self._version < 4 and not body:
            return Response("Empty post requests are not allowed.", 400, TEXT_HEADERS)
        message = Publication(body.decode(errors="replace"), channels, _expiry(request.headers))
        messages = [message] if channels and body else []
        return self._answer(BinaryAnswer(publications=messages), None)

    async def _from_client(self, request: Request) -> Response:
        try:
            body = await read_body(request)
            subscriber = self._context.authentication.subscriber(request.query_params)
            public = subscriber.public if subscriber else None
            return self._answer(self._requests.from_client(body, public), public)
        except BodyTooLarge:
            return _too_large()
        except PushRefusal as exc:
            return _refused(exc)

    def _answer(self, answer: BinaryAnswer, public: str | None) -> Response:
        """Return the response; messages are published after it is sent."""

        async def publish() -> None:
            self._requests.publish(answer.publications, public)

        if answer.binary:
            return Response(answer.binary, 200, _BINARY)
        return Response("", 200, TEXT_HEADERS, background=BackgroundTask(publish))

    async def _channel_infos(self, request: Request) -> Response:
        channels = self._channels(request)
        if self._version < 4 and not channels:
            return _no_channels(request)
        if self._version >= 4 and len(channels) > LIMITS["maxChannelsPerRequest"]:
            return _refused(PushRefusal(4018))
        if not channels:
            return _refused(PushRefusal(4017))
        return Response(self._requests.infos(channels), 200, TEXT_HEADERS)

    async def _statistics(self, _request: Request) -> Response:
        return Response(msgspec.json.encode(self._requests.statistics()), 200, TEXT_HEADERS)

    def _channels(self, request: Request) -> list[str]:
        """Return the channels of the query, with repetitions; none if one is not valid."""
        addresses = self._context.authentication.addresses(request.query_params, unsigned=True)
        return [address.id for address in addresses]


_PATHS = ("pub", "pubweb", "server-stat")


def _no_channels(request: Request) -> Response:
    """Return the refusal of version 3, which has no codes."""
    is_missing = not request.query_params.get("CHANNEL_ID")
    text = "No channel id provided." if is_missing else "Channel id is not correct."
    return Response(text, 400, TEXT_HEADERS)


def _refused(refusal: PushRefusal) -> Response:
    return Response(str(refusal), refusal.status, TEXT_HEADERS)


def _too_large() -> Response:
    return Response("Request Entity Too Large", 413, TEXT_HEADERS)


def _expiry(headers: Mapping[str, str]) -> int:
    """Return the seconds to store, read as by JavaScript's parseInt; 0 if not above 0."""
    digits = re.match(r"\s*\+?([0-9]+)", headers.get("Message-Expiry", ""))
    return int(digits[1][:9]) if digits else 0
