"""Log an application in: the browser asks the portal, then comes back to this machine."""

import asyncio
import logging
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from hmac import compare_digest
from html import escape
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlencode

from bxpull_nb.bridge import LoopThread
from bxpull_nb.errors import LoginDenied, LoginTimeout, SettingsError, WrongState
from bxpull_nb.http import http_client
from bxpull_nb.masking import mask_foreign, quoted, reason_of, scrub
from bxpull_nb.protocol.portal_address import portal_url
from bxpull_nb.rest.auth import (
    TokenPair,
    TokenStore,
    default_store,
    request_tokens,
    token_server,
)
from bxpull_nb.rest.auth.credentials import stripped

if TYPE_CHECKING:
    import httpx
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

__all__ = ["authorize_url", "login", "login_async"]

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_AGAIN = "Start the login again."
_HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


async def login_async(
    url: str,
    client_id: str,
    client_secret: str,
    *,
    port: int = 0,
    open_browser: Callable[[str], object] | None = webbrowser.open,
    tell: Callable[[str], object] | None = None,
    timeout: float = 300,
    store: TokenStore | None = None,
    token_url: str | None = None,
) -> TokenPair:
    """Store and return the tokens of the user who logs in with the browser.

    From then on `connect(url, client_id=..., client_secret=...)` uses and renews them. The
    application must be registered on the portal with the handler path `http://127.0.0.1:PORT/`,
    so name the `port` it has there (0 = any free one, which only a sandbox accepts). `tell` gets
    the address to open, for people whose browser does not open; `open_browser` may be None.
    `timeout` is in seconds.

    Raises LoginTimeout, LoginDenied, WrongState, GrantRefused for a code that is not accepted,
    TokensNotStored, and SettingsError for arguments that cannot be used.
    """
    portal = portal_url(url)
    client_id = stripped(client_id, "client_id")
    client_secret = stripped(client_secret, "client_secret")
    server = token_server(portal, token_url)
    state = token_urlsafe(32)
    async with (
        http_client(server) as http,  # first: it may find a proxy that cannot be used
        _redirect_server(port, state) as (address, code_future),
    ):
        _show(authorize_url(portal, client_id, state, address), open_browser, tell)
        try:
            code = await asyncio.wait_for(code_future, timeout)
        except TimeoutError:
            raise LoginTimeout(
                f"no browser came back from {portal} within {timeout:g} s. {_AGAIN} If the portal "
                f"says the address is wrong, write {address} as the application's handler path."
            ) from None
        token_pair = await _exchange(http, server, client_id, client_secret, code, address)
    chosen = default_store() if store is None else store
    await asyncio.to_thread(chosen.save, portal, client_id, token_pair)
    return token_pair


def _blocking(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return a function that runs `work` on a loop of its own, and waits."""

    @wraps(work, assigned=("__module__", "__doc__"))
    def login(*args: P.args, **options: P.kwargs) -> T:
        bridge = LoopThread("bxpull-login")
        try:
            return bridge.run(work(*args, **options))
        finally:
            bridge.stop()

    return login


login = _blocking(login_async)


def authorize_url(portal: str, client_id: str, state: str, redirect: str) -> str:
    """Return the page that asks the portal's user for leave, then leads back to `redirect`."""
    query = {
        "client_id": client_id,
        "response_type": "code",
        "state": state,
        "redirect_uri": redirect,
    }
    return f"{portal}/oauth/authorize/?{urlencode(query)}"


async def _exchange(
    http: "httpx.AsyncClient",
    server: str,
    client_id: str,
    client_secret: str,
    code: str,
    redirect: str,
) -> TokenPair:
    """Return the tokens for the code, at once: it lives 30 s."""
    grant = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "code": code,
        "redirect_uri": redirect,
    }
    return await request_tokens(http, server, grant)


def _show(
    address: str,
    open_browser: Callable[[str], object] | None,
    notify: Callable[[str], object] | None,
) -> None:
    if notify is not None:
        notify(address)
    if open_browser is not None:
        # On a thread of its own: some browsers return only when they are closed.
        threading.Thread(target=_open, args=(open_browser, address), daemon=True).start()


def _open(open_browser: Callable[[str], object], address: str) -> None:
    try:
        open_browser(address)
    except Exception as exc:  # noqa: BLE001 - the address can still be opened by hand
        _log.warning("no browser opened (%s); open the address by hand", type(exc).__name__)


@asynccontextmanager
async def _redirect_server(
    port: int, state: str
) -> AsyncIterator[tuple[str, "asyncio.Future[str]"]]:
    """Serve an address on this machine; yield it, and the code that arrives there."""
    import uvicorn

    endpoint, listening = _RedirectEndpoint(state), _listening(port)
    config = uvicorn.Config(
        endpoint,
        http="h11",
        ws="none",
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        access_log=False,  # its lines would hold the code
        log_config=None,
        log_level=None,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])  # serve() would take the program's signals
    try:
        yield f"http://{_HOST}:{listening.getsockname()[1]}/", endpoint.code
    finally:
        await server.shutdown(sockets=[listening])  # also cuts connections that sent no request


def _listening(port: int) -> socket.socket:
    try:
        if not isinstance(port, int):
            raise OverflowError("it is not a number")
        return socket.create_server((_HOST, port))
    except (OSError, OverflowError) as exc:
        raise SettingsError(
            f"port {quoted(port)} of this machine cannot be used ({reason_of(exc)}). Choose "
            f"another port, and register it as the application's handler path."
        ) from scrub(exc)


class _RedirectEndpoint:
    """An ASGI application that answers every visit; one of them brings the code."""

    def __init__(self, state: str) -> None:
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._state = state

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        from starlette.requests import Request

        request = Request(scope)
        outcome = self._outcome(request.query_params) if request.method == "GET" else None
        await _page(outcome)(scope, receive, send)
        self._settle(outcome)

    def _outcome(self, query: Mapping[str, str]) -> str | Exception | None:
        """Return the code, the error in its place, or None for any other visit."""
        error, code = query.get("error"), query.get("code")
        if not error and not code:
            return None
        if not compare_digest(query.get("state", "").encode(), self._state.encode()):
            return WrongState(
                f"the browser came back from a login that was not this one (its state differs); "
                f"nothing was accepted. Close older login pages. {_AGAIN}"
            )
        if error:
            reason = mask_foreign(query.get("error_description") or "no description")
            code = mask_foreign(error)
            return LoginDenied(
                f"the portal did not let the application in: {code} ({reason}). {_AGAIN}",
                code=code,
            )
        return code

    def _settle(self, outcome: str | Exception | None) -> None:
        if outcome is None or self.code.done():
            return
        if isinstance(outcome, str):
            self.code.set_result(outcome)
        else:
            self.code.set_exception(outcome)


def _page(outcome: str | Exception | None) -> "Response":
    """Return a page that holds no secret: it stays in the browser's history."""
    from starlette.responses import HTMLResponse

    status, text = 200, "The portal has answered. You may close this window."
    if outcome is None:
        status, text = 404, "There is nothing here."
    elif isinstance(outcome, Exception):
        status, text = 400, str(outcome)
    body = f"<!doctype html><meta charset=utf-8><title>bxpull</title><p>{escape(text)}"
    return HTMLResponse(body, status, _HEADERS)
