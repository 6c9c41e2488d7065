"""The one HTTP client: the proxy and certificates of each address, and masked logs."""

import logging
import ssl

import httpx

from bxpull_nb.environment import Proxy, proxy_for, trusted_for
from bxpull_nb.http.failures import TIMEOUT, ProxyFailed, is_before_tunnel
from bxpull_nb.masking import mask_url, reason_of

__all__ = ["Route", "http_client", "mask_http_logs"]

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nothing: for addresses without TLS."""


def http_client(url: str, timeout: httpx.Timeout | float = TIMEOUT) -> httpx.AsyncClient:
    """Return a client for that address; it uses the environment's proxy except for this machine.

    Certificates named by SSL_CERT_FILE are trusted (a sandbox with TLS has one of its own).
    Raises NetworkSettingsError for a variable that cannot be used, if the address needs it.
    """
    mask_http_logs()
    transport = _RoutingTransport()
    transport.route(url)  # a variable that cannot be used is found before anything is sent
    return httpx.AsyncClient(timeout=timeout, transport=transport, trust_env=False)


class Route:
    """The connections by one proxy, or without one, that trust the same certificates."""

    def __init__(self, proxy: Proxy | None, trusted: ssl.SSLContext) -> None:
        self._proxy = proxy
        address = proxy and httpx.Proxy(proxy.url, ssl_context=trusted_for(proxy.url))
        self._transport = httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, proxy=address)

    @classmethod
    def to(cls, url: str) -> "Route":
        """Return the route to the address; raises NetworkSettingsError."""
        mask_http_logs()
        return cls(*_needs_of(url))

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, not read yet; a proxy that does not work is a ProxyFailed."""
        try:
            return await self._transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as exc:
            if self._proxy is None or not is_before_tunnel(self._proxy, exc):
                raise
            raise ProxyFailed(self._proxy, reason_of(exc)) from None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def _needs_of(url: str) -> tuple[Proxy | None, ssl.SSLContext]:
    """Return the proxy and the certificates for the address; raises NetworkSettingsError."""
    return proxy_for(url), trusted_for(url) or _NO_TLS


class _RoutingTransport(httpx.AsyncBaseTransport):
    """Sends each request by the route that its address needs."""

    def __init__(self) -> None:
        self._open: dict[tuple[Proxy | None, ssl.SSLContext], Route] = {}

    def route(self, url: str) -> Route:
        """Return the route to the address; raises NetworkSettingsError."""
        needs = _needs_of(url)
        if needs not in self._open:
            self._open[needs] = Route(*needs)
        return self._open[needs]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer; a proxy that does not work is a ProxyFailed."""
        return await self.route(str(request.url)).send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for route in self._open.values():
            await route.aclose()


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_url(record.getMessage()), None
        return True


_MASKING = _Masking()


def mask_http_logs() -> None:
    """Mask webhook secrets, tokens and channel ids in the log of httpx from now on.

    A filter does it, because the libraries write these lines: httpx logs every address at INFO,
    httpcore every redirect at DEBUG. A second call changes nothing.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_MASKING)
