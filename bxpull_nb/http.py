"""The HTTP client of every module that sends secrets, the limits of an answer, and its errors."""

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bxpull_nb.environment import Proxy, proxy_for, trusted_for
from bxpull_nb.masking import mask_url, quoted, reason_of

__all__ = [
    "ANSWER_BYTES",
    "ANSWER_SECONDS",
    "TIMEOUT",
    "AnswerTooLarge",
    "AnswerTooSlow",
    "ProxyFailed",
    "Route",
    "UnreadableAnswer",
    "http_client",
    "is_before_tunnel",
    "is_certificate_error",
    "mask_http_logs",
    "no_answer",
    "post",
    "proxy_failure",
    "scrubbed",
    "unpacked",
    "untrusted",
    "whole_within",
]

TIMEOUT = 15.0
"""Seconds to wait for an answer, and for each further part of it."""

ANSWER_BYTES = 64 * 1024 * 1024
"""Bytes of an answer, unpacked; the largest batches of a portal have some 25 MB."""

ANSWER_SECONDS = 60.0
"""Seconds until the whole answer is there."""

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")


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


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nothing: for addresses without TLS."""


class ProxyFailed(httpx.ProxyError):
    """The proxy did not answer, or did not lead on; the text names it and its variable."""

    def __init__(self, proxy: Proxy, reason: str) -> None:
        super().__init__(proxy_failure(proxy, reason))


class UnreadableAnswer(httpx.DecodingError):
    """An answer came that is too large, or packed in a way that is not read; the text is why."""


class AnswerTooLarge(UnreadableAnswer):
    """An answer came that is larger than its limit, unpacked."""


class AnswerTooSlow(httpx.ReadTimeout):
    """The whole answer did not come in time; the text names the limit."""


async def post(
    http: httpx.AsyncClient,
    url: str | httpx.URL,
    *,
    content: bytes | None = None,
    data: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = ANSWER_BYTES,
) -> httpx.Response:
    """Return the answer to a POST, read whole, within the limits of size and time.

    Packed answers are unpacked within the limit too; only gzip is asked for, and read. Raises
    UnreadableAnswer, AnswerTooSlow, and the other errors of httpx.
    """
    sent = {**(headers or {}), "Accept-Encoding": "gzip"}
    body = bytearray()
    try:
        async with (
            whole_within(ANSWER_SECONDS),
            http.stream("POST", url, content=content, data=data, headers=sent) as response,
        ):
            async for part in unpacked(response, max_bytes):
                body += part
    except httpx.InvalidURL:  # no HTTPError; httpx reads a Location even where it follows none
        raise UnreadableAnswer("it leads to another address, which is none") from None
    kept = [one for one in response.headers.raw if one[0].lower() not in _OF_THE_BODY]
    return httpx.Response(
        response.status_code, headers=kept, content=bytes(body), request=response.request
    )


@asynccontextmanager
async def whole_within(seconds: float) -> AsyncIterator[None]:
    """Raise AnswerTooSlow when the block, which reads an answer, takes longer.

    Every byte that comes in time begins the time-out of httpx again, so it may never end.
    """
    try:
        async with asyncio.timeout(seconds) as limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AnswerTooSlow(f"no whole answer within {seconds:g} s") from None


_OF_THE_BODY = (b"content-encoding", b"content-length", b"transfer-encoding")


async def unpacked(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the parts of the body, up to `max_bytes`; only gzip is unpacked.

    httpx would unpack any number of bytes in one step. Raises AnswerTooLarge and UnreadableAnswer.
    """
    room = max_bytes
    async for part in _parts(response, max_bytes):
        yield part[:room]
        room -= len(part)
        if room < 0:
            limit = max_bytes / (1024 * 1024)
            raise AnswerTooLarge(f"it is larger than {limit:g} MB unpacked, the limit of an answer")


async def _parts(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the parts of the body, each of at most `max_bytes` and one."""
    if response.is_stream_consumed:  # a transport without a network gives it whole
        yield response.content
        return
    unpacker = _unpacker(response.headers.get("content-encoding", ""))
    size = 0
    async for raw in response.stream:  # type: ignore[union-attr]  # that of an asynchronous client
        size += len(raw)
        try:
            yield unpacker.decompress(raw, max_bytes + 1) if unpacker else raw
        except zlib.error:
            raise UnreadableAnswer("its gzip is damaged") from None
    if unpacker and not unpacker.eof and size:
        raise UnreadableAnswer("its gzip is cut off")


def _unpacker(encoding: str) -> Any:
    """Return what unpacks gzip; None for a body that is not packed."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return zlib.decompressobj(zlib.MAX_WBITS | 32)
    raise UnreadableAnswer(f"it is packed as {quoted(name)}, which was not asked for")


def proxy_failure(proxy: Proxy, reason: str) -> str:
    """Return the words about a proxy that did not lead on, without its password."""
    https = " and that it speaks https, not http:" if proxy.url.startswith("https:") else ","
    return (
        f"the proxy {proxy.shown} that {proxy.variable} names did not lead there ({reason}). Check "
        f"that it runs{https} correct {proxy.variable}, or list the host in NO_PROXY"
    )


def no_answer(who: str, error: Exception, did: str = "answer", again: str = "try again") -> str:
    """Return the sentences about a failed request to `who`: what happened, and what to do.

    The error of the library is masked. A proxy that failed is named in place of `who`, and a
    certificate that is not trusted leads to SSL_CERT_FILE.

    >>> no_answer("acme.example", httpx.ConnectError("no route"))
    'acme.example did not answer (no route). Check the address and the network, then try again.'
    """
    if isinstance(error, ProxyFailed):
        return f"{who} was not reached: {error}, then {again}."
    if is_certificate_error(error):
        return (
            f"{who} did not {did} ({reason_of(error)}): its certificate is not trusted. "
            f"{untrusted(error)}"
        )
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, AnswerTooSlow):
        reason = f"no answer within {TIMEOUT:.0f} s"
    else:
        reason = reason_of(error)
    return f"{who} did not {did} ({reason}). Check the address and the network, then {again}."


def untrusted(error: BaseException) -> str:
    """Return the next step for a certificate that is not trusted."""
    words = " ".join(map(str, _chain(error)))
    return next((step for part, step in _CERTIFICATE_STEPS.items() if part in words), _UNTRUSTED)


_UNTRUSTED = (
    "Name the file of its authority's certificate in SSL_CERT_FILE (a company's proxy often has "
    "an authority of its own), then connect again."
)
_CERTIFICATE_STEPS = {
    "ismatch": "It is one for another name: check the address.",
    "has expired": "Check this machine's clock; then the server's owner has to renew it.",
    "not yet valid": "Check this machine's clock.",
}
"""Words of OpenSSL about a certificate that no authority's file makes right."""


def is_certificate_error(error: BaseException) -> bool:
    """Whether the error, or one that it came from, is about the server's certificate."""
    return any(
        isinstance(one, ssl.SSLCertVerificationError) or _CERTIFICATE in str(one)
        for one in _chain(error)
    )


def is_before_tunnel(proxy: Proxy, error: BaseException) -> bool:
    """Whether the connection failed at the proxy: an error of TLS comes from the server after it.

    With a proxy of https both have TLS. An error that is not about a certificate is its own then:
    most such proxies speak http.
    """
    is_tls = any(isinstance(one, ssl.SSLError) for one in _chain(error))
    return not is_tls or (proxy.url.startswith("https:") and not is_certificate_error(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and those that it came from."""
    seen = 0
    while error is not None and seen < _DEPTH:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1


def scrubbed(error: httpx.HTTPError, request: httpx.Request) -> httpx.HTTPError:
    """Return the library's error with another request and a masked text, for a traceback."""
    error.request = request
    error.args = (reason_of(error),)
    error.__cause__ = error.__context__ = None
    return error


_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
_DEPTH = 10


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
