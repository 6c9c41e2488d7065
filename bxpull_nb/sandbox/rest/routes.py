"""Routes of the REST interface: authentication, parameters, faults, and all answers."""

from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bxpull_nb.sandbox.body import BodyTooLarge, read_body
from bxpull_nb.sandbox.offline.doorbell import Doorbell
from bxpull_nb.sandbox.publisher import Publisher
from bxpull_nb.sandbox.rest.authentication import Caller, CallerAuthentication
from bxpull_nb.sandbox.rest.error import RestRefusal, status_of
from bxpull_nb.sandbox.rest.faults import HTML
from bxpull_nb.sandbox.rest.limits import RequestLimit
from bxpull_nb.sandbox.rest.methods import Call, Methods
from bxpull_nb.sandbox.rest.params import body_params, query_params
from bxpull_nb.sandbox.settings import Settings

__all__ = ["RestRoutes", "html_page", "merged_params", "page_not_found"]

_HEADERS = {"Access-Control-Allow-Origin": "*"}
_JSON = {**_HEADERS, "Content-Type": "application/json; charset=utf-8"}
_OPTIONS = {
    **_HEADERS,
    "Access-Control-Allow-Headers": "origin, content-type, accept",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
}


class RestRoutes:
    """`/rest/METHOD[.json]` and `/rest/USER/SECRET/METHOD[.json]`, GET or POST (protocol 1.1)."""

    def __init__(
        self,
        settings: Settings,
        authentication: CallerAuthentication,
        methods: Methods,
        publisher: Publisher,
        doorbell: Doorbell,
    ) -> None:
        self.faults = methods.faults
        self.methods = methods
        self.now = settings.now
        self._profile = settings.profile
        self._authentication = authentication
        self._publisher = publisher
        self._doorbell = doorbell
        self._limit = RequestLimit(settings.rest_limit, settings.rest_burst, settings.now)

    def routes(self) -> list[Route]:
        """Return the routes; they allow double slashes in paths."""
        paths = ("/rest/{path:path}", "//rest/{path:path}")
        return [
            *(Route(path, self._answer, methods=["GET", "POST"]) for path in paths),
            *(Route(path, _options, methods=["OPTIONS"]) for path in paths),
        ]

    async def _answer(self, request: Request) -> Response:
        start = self.now()
        try:
            body = await read_body(request)
        except BodyTooLarge:
            return Response("Request Entity Too Large", 413, _HEADERS)
        if self.faults.moved_to is not None:
            return _moved(request, self.faults.moved_to)
        fault = self.faults.next()
        if fault is HTML:
            return html_page("Bitrix24", "The portal is being updated.")
        return self._respond(request, merged_params(request, body), start, fault)

    def _respond(
        self, request: Request, params: dict[str, Any], start: float, fault: RestRefusal | None
    ) -> Response:
        parts = [part for part in request.path_params["path"].split("/") if part]
        method = parts[-1].removesuffix(".json") if parts else ""
        call = None
        try:
            self._limit.take()
            if fault is not None:
                raise fault
            call = Call(self._caller(parts, request, params), params)
            status, answer = 200, self.methods.answer(method, call)
        except RestRefusal as exc:
            status = status_of(exc.code, self._profile)
            answer = {**exc.answer(), "time": self._time(method, start)}
        deliver = BackgroundTask(self._deliver, call) if call else None
        return Response(msgspec.json.encode(answer), status, _JSON, background=deliver)

    async def _deliver(self, call: Call) -> None:
        call.pending_events.deliver(self._publisher)
        self._doorbell.ring()

    def _time(self, method: str, start: float) -> dict[str, Any]:
        return self.methods.operating.block(method.lower(), start, self.now())

    def _caller(self, parts: list[str], request: Request, params: dict[str, Any]) -> Caller:
        if len(parts) == 3:
            return self._authentication.webhook_caller(parts[0], parts[1])
        if len(parts) > 1:
            raise RestRefusal("ERROR_METHOD_NOT_FOUND", "Method not found!")
        return self._authentication.token_caller(request.headers.get("Authorization", ""), params)


def merged_params(request: Request, body: bytes) -> dict[str, Any]:
    """Return the parameters of query and body; the body has precedence."""
    in_body = body_params(body, request.headers.get("Content-Type", "")) if body else {}
    return {**query_params(request.scope["query_string"].decode("latin-1")), **in_body}


def html_page(title: str, text: str, status: int = 200) -> Response:
    """Return an HTML page as portals show it."""
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>{text}</body></html>\n"
    return Response(page, status, media_type="text/html; charset=utf-8")


async def page_not_found(_request: Request, _exc: Exception) -> Response:
    """Return the 404 page for unknown paths."""
    return html_page("404 Not Found", "<h1>404 Not Found</h1>", 404)


def _moved(request: Request, origin: str) -> Response:
    query = request.url.query
    location = f"{origin}{request.url.path}{'?' + query if query else ''}"
    page = html_page("302 Found", "<h1>302 Found</h1>", 302)
    page.headers["Location"] = location
    return page


async def _options(_request: Request) -> Response:
    return Response(status_code=200, headers=_OPTIONS)
