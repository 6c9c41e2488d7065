"""Routes of OAuth: the start of a login, and the token endpoint (protocol 1.5)."""

from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bxpull_nb.sandbox.body import BodyTooLarge, read_body
from bxpull_nb.sandbox.rest.application import Application, GrantRefusal, Tokens
from bxpull_nb.sandbox.rest.faults import RestFaults
from bxpull_nb.sandbox.rest.routes import html_page, merged_params
from bxpull_nb.sandbox.settings import USER_ID

__all__ = ["OAuthRoutes"]

_HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "no-store",
    "Content-Type": "application/json; charset=utf-8",
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GRANTS = {"authorization_code": "code", "refresh_token": "refresh_token"}


class OAuthRoutes:
    """`/oauth/authorize/` and `/oauth/token/` of the portal at `url`.

    There is no login page: every client counts as the sandbox's user, who consents. A
    `redirect_uri` in the query is used if it is on this machine, else the application's own.
    """

    def __init__(
        self, application: Application, faults: RestFaults, url: str, redirect_uri: str | None
    ) -> None:
        self._application = application
        self._faults = faults
        self._url = url
        self._redirect_uri = redirect_uri

    def routes(self) -> list[Route]:
        """Return the routes, with and without the last slash."""
        methods = ["GET", "POST"]
        authorize, token = self._authorize, self._token
        return [
            *(Route(f"/oauth/authorize{end}", authorize, methods=methods) for end in ("", "/")),
            *(Route(f"/oauth/token{end}", token, methods=methods) for end in ("", "/")),
        ]

    async def _authorize(self, request: Request) -> Response:
        query = request.query_params
        if query.get("client_id") != self._application.client_id:
            return html_page("Bitrix24", "Unknown application: wrong client_id.", 400)
        target = query.get("redirect_uri") or self._redirect_uri
        if target is None or not _may_redirect(target, self._redirect_uri):
            return html_page(
                "Bitrix24",
                "The application has no redirect_uri on this machine: "
                "Sandbox(redirect_uri=...), or redirect_uri in the query.",
                400,
            )
        values = {**self._login_result(), "state": query.get("state", "")}
        separator = "&" if urlsplit(target).query else "?"
        return RedirectResponse(f"{target}{separator}{urlencode(values)}", 302)

    def _login_result(self) -> dict[str, str]:
        """Return the query for the application: a code, or the error of a denied login."""
        if self._faults.take_denied_login():
            return {"error": "access_denied", "error_description": "The user denied the request"}
        return {
            "code": self._application.new_code(),
            "domain": self._domain,
            "member_id": self._application.member_id,
            "scope": ",".join(self._application.scope),
            "server_domain": self._domain,
        }

    async def _token(self, request: Request) -> Response:
        try:
            params = merged_params(request, await read_body(request))
            status, answer = 200, self._answer(self._granted(params))
        except BodyTooLarge:
            return Response("Request Entity Too Large", 413)
        except GrantRefusal as exc:
            status = exc.status
            answer = {"error": exc.code, "error_description": exc.description}
        return Response(msgspec.json.encode(answer), status, _HEADERS)

    def _granted(self, params: dict[str, Any]) -> Tokens:
        grant = _GRANTS.get(str(params.get("grant_type", "")))
        if grant is None:
            raise GrantRefusal(400, "unsupported_grant_type", "Unknown grant_type")
        application = self._application
        application.check_client(
            str(params.get("client_id", "")), str(params.get("client_secret", ""))
        )
        given = str(params.get(grant) or "")
        if not given:
            raise GrantRefusal(400, "invalid_request", f'No "{grant}" parameter found')
        return application.redeem_code(given) if grant == "code" else application.refresh(given)

    def _answer(self, tokens: Tokens) -> dict[str, Any]:
        return {
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "expires": tokens.expires,
            "expires_in": tokens.expires_in,
            "client_endpoint": f"{self._url}/rest/",
            "server_endpoint": f"{self._url}/rest/",
            "domain": self._domain,
            "member_id": self._application.member_id,
            "scope": ",".join(self._application.scope),
            "status": "L",
            "user_id": USER_ID,
        }

    @property
    def _domain(self) -> str:
        return self._url.partition("//")[2]


def _may_redirect(target: str, own: str | None) -> bool:
    try:
        parts = urlsplit(target)
    except ValueError:
        return False
    local = parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK
    return local or target == own
