"""Logging an application in: the browser asks the portal, and comes back to this machine."""

import asyncio
import logging
import socket
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hmac import compare_digest
from html import escape
from secrets import token_urlsafe
from urllib.parse import parse_qs, urlencode, urlsplit

from bxpull_nb.bridge import LoopThread
from bxpull_nb.errors import LoginDenied, LoginTimeout, SettingsError, WrongState
from bxpull_nb.http import http_client
from bxpull_nb.protocol.endpoint import portal_url
from bxpull_nb.rest.auth import (
    TokenPair,
    TokenStore,
    default_store,
    request_tokens,
    token_server,
)

__all__ = ["authorize_url", "login", "login_async"]

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_AGAIN = "Start the login again."
_LONGEST_HEAD = 64  # lines


def login(
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
    """The tokens of whoever logs in to the portal in the browser; they are stored already.

    From then on `connect(url, client_id=..., client_secret=...)` uses and renews them. The
    application must be registered on the portal with the handler path `http://127.0.0.1:PORT/`,
    so name the `port` it has there (0 = any free one, which only a sandbox accepts). `tell` gets
    the address to open, for people whose browser does not come by itself; `open_browser` may
    be None. `timeout` is in seconds.

    Raises LoginTimeout, LoginDenied, WrongState, GrantRefused for a code that is not accepted,
    TokensNotStored, and SettingsError for arguments that cannot be used.
    """
    bridge = LoopThread("bxpull-login")
    try:
        return bridge.run(
            login_async(
                url,
                client_id,
                client_secret,
                port=port,
                open_browser=open_browser,
                tell=tell,
                timeout=timeout,
                store=store,
                token_url=token_url,
            )
        )
    finally:
        bridge.stop()


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
    """Like `login`, for a coroutine."""
    portal = portal_url(url)
    server = token_server(portal, token_url)
    state = token_urlsafe(32)
    async with _loopback(port, state) as (address, code):
        asked = authorize_url(portal, client_id, state, address)
        _show(asked, open_browser, tell)
        try:
            came = await asyncio.wait_for(code, timeout)
        except TimeoutError:
            raise LoginTimeout(
                f"nobody came back from {portal} within {timeout:g} s. {_AGAIN} If the portal "
                f"says the address is wrong, write {address} as the application's handler path."
            ) from None
        pair = await _exchange(server, client_id, client_secret, came, address)
    kept = default_store() if store is None else store
    await asyncio.to_thread(kept.save, portal, client_id, pair)
    return pair


def authorize_url(portal: str, client_id: str, state: str, redirect: str) -> str:
    """Where the browser asks the portal's user for leave; it comes back to `redirect`."""
    query = {
        "client_id": client_id,
        "response_type": "code",
        "state": state,
        "redirect_uri": redirect,
    }
    return f"{portal}/oauth/authorize/?{urlencode(query)}"


async def _exchange(
    server: str, client_id: str, client_secret: str, code: str, redirect: str
) -> TokenPair:
    """The tokens for the code, at once: it lives 30 s."""
    grant = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "client_secret": client_secret,
        "code": code,
        "redirect_uri": redirect,
    }
    async with http_client(server) as http:
        return await request_tokens(http, server, grant)


def _show(
    address: str,
    open_browser: Callable[[str], object] | None,
    tell: Callable[[str], object] | None,
) -> None:
    if tell is not None:
        tell(address)
    if open_browser is not None:
        # On a thread of its own: some browsers return only when they are closed.
        threading.Thread(target=_open, args=(open_browser, address), daemon=True).start()


def _open(open_browser: Callable[[str], object], address: str) -> None:
    try:
        open_browser(address)
    except Exception as exc:  # noqa: BLE001 - the address can still be opened by hand
        _log.warning("no browser opened (%s); open the address by hand", type(exc).__name__)


@asynccontextmanager
async def _loopback(port: int, state: str) -> AsyncIterator[tuple[str, "asyncio.Future[str]"]]:
    """An address on this machine, and the code that arrives there."""
    visitors = _Visitors(state)
    try:
        server = await asyncio.start_server(visitors.answer, _HOST, port, family=socket.AF_INET)
    except (OSError, OverflowError) as exc:
        raise SettingsError(
            f"port {port} of this machine cannot be used ({exc}). Choose another port, and "
            f"register it as the application's handler path."
        ) from exc
    try:
        chosen = server.sockets[0].getsockname()[1]
        yield f"http://{_HOST}:{chosen}/", visitors.code
    finally:
        server.close()
        visitors.leave()


class _Visitors:
    """Answers whoever comes to the loopback address; one of them brings the code."""

    def __init__(self, state: str) -> None:
        self.code: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._state = state
        self._open: set[asyncio.StreamWriter] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one page."""
        self._open.add(writer)
        try:
            query = await _query(reader)
            outcome = self._outcome(query)
            writer.write(_page(outcome))
            await writer.drain()
            self._settle(outcome)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a browser that opened a connection in advance, or no browser at all
        finally:
            self._open.discard(writer)
            writer.close()

    def leave(self) -> None:
        """Close what is still open: browsers connect in advance and then say nothing."""
        for writer in self._open:
            writer.close()
        if self.code.done() and not self.code.cancelled():
            self.code.exception()

    def _outcome(self, query: dict[str, str]) -> str | Exception | None:
        """The code, why there is none, or None for a visit that is not about it."""
        if "error" not in query and "code" not in query:
            return None
        if not compare_digest(query.get("state", "").encode(), self._state.encode()):
            return WrongState(
                f"the browser came back from a login that was not this one (its state differs); "
                f"nothing was accepted. Close older login pages. {_AGAIN}"
            )
        if "error" in query:
            told = query.get("error_description") or "no description"
            return LoginDenied(
                f"the portal did not let the application in: {query['error']} ({told}). {_AGAIN}",
                code=query["error"],
            )
        return query["code"]

    def _settle(self, outcome: str | Exception | None) -> None:
        if outcome is None or self.code.done():
            return
        if isinstance(outcome, str):
            self.code.set_result(outcome)
        else:
            self.code.set_exception(outcome)


async def _query(reader: asyncio.StreamReader) -> dict[str, str]:
    """The query of a GET request; nothing for any other."""
    method, target, _ = (await reader.readuntil(b"\n")).decode("latin-1").split(" ", 2)
    for _line in range(_LONGEST_HEAD):
        if not (await reader.readline()).strip():
            break
    if method != "GET":
        return {}
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}


def _page(outcome: str | Exception | None) -> bytes:
    """A page that holds no secret: it stays in the browser's history."""
    if outcome is None:
        return _response("404 Not Found", "There is nothing here.")
    if isinstance(outcome, Exception):
        return _response("400 Bad Request", str(outcome))
    return _response("200 OK", "The portal has answered. You may close this window.")


def _response(status: str, text: str) -> bytes:
    body = f"<!doctype html><meta charset=utf-8><title>bxpull</title><p>{escape(text)}".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nReferrer-Policy: no-referrer\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
