"""The HTTP face of the REST interface: who calls, with what, and the shape of every answer."""

from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bxpull_nb.sandbox.access import Access, Caller
from bxpull_nb.sandbox.body import BodyTooLarge, read_body
from bxpull_nb.sandbox.clock import OperatingTime
from bxpull_nb.sandbox.methods import Call, Methods
from bxpull_nb.sandbox.params import body_params, query_params
from bxpull_nb.sandbox.refusal import Refusal
from bxpull_nb.sandbox.settings import Settings

__all__ = ["RestInterface"]

_HEADERS = {"Access-Control-Allow-Origin": "*"}
_JSON = {**_HEADERS, "Content-Type": "application/json; charset=utf-8"}
_OPTIONS = {**_HEADERS, "Access-Control-Allow-Headers": "origin, content-type, accept"}


class RestInterface:
    """`/rest/METHOD[.json]` and `/rest/USER/SECRET/METHOD[.json]`, GET or POST (protocol 1.1)."""

    def __init__(self, settings: Settings, access: Access, methods: Methods) -> None:
        self._now = settings.now
        self._access = access
        self._methods = methods
        self._clock = OperatingTime()

    def routes(self) -> list[Route]:
        """The routes; paths are taken apart here, for double slashes are tolerated."""
        paths = ("/rest/{path:path}", "//rest/{path:path}")
        return [
            *(Route(path, self._answer, methods=["GET", "POST"]) for path in paths),
            *(Route(path, _options, methods=["OPTIONS"]) for path in paths),
        ]

    async def _answer(self, request: Request) -> Response:
        start = self._now()
        try:
            body = await read_body(request)
        except BodyTooLarge:
            return Response("Request Entity Too Large", 413, _HEADERS)
        params = _merged(request, body)
        parts = [part for part in request.path_params["path"].split("/") if part]
        method = parts[-1].removesuffix(".json") if parts else ""
        call = None
        try:
            call = Call(self._caller(parts, request, params), params)
            status, answer = 200, {"result": self._methods.result(method, call)}
        except Refusal as exc:
            status, answer = exc.status, {"error": exc.code, "error_description": exc.description}
            method = ""  # names nobody knows must not be counted one by one
        answer["time"] = self._clock.block(method, start, self._now())
        deliver = BackgroundTask(self._deliver, call) if call else None
        return Response(msgspec.json.encode(answer), status, _JSON, background=deliver)

    async def _deliver(self, call: Call) -> None:
        self._methods.deliver(call)

    def _caller(self, parts: list[str], request: Request, params: dict[str, Any]) -> Caller:
        if len(parts) == 3:
            return self._access.webhook_caller(parts[0], parts[1])
        if len(parts) > 1:
            raise Refusal(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        return self._access.token_caller(request.headers.get("Authorization", ""), params)


def _merged(request: Request, body: bytes) -> dict[str, Any]:
    """The parameters of query and body; the body's win."""
    written = body_params(body, request.headers.get("Content-Type", "")) if body else {}
    return {**query_params(request.scope["query_string"].decode("latin-1")), **written}


async def _options(_request: Request) -> Response:
    return Response(status_code=200, headers=_OPTIONS)
