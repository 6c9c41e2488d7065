"""Failed requests: their errors, and sentences about what happened and what to do."""

import ssl
from collections.abc import Iterator

import httpx

from bxpull_nb.environment import Proxy
from bxpull_nb.masking import reason_of

__all__ = [
    "TIMEOUT",
    "AnswerTooSlow",
    "ProxyFailed",
    "is_before_tunnel",
    "is_certificate_error",
    "no_answer",
    "proxy_failure",
    "scrubbed",
    "untrusted",
]

TIMEOUT = 15.0
"""Seconds to wait for an answer, and for each further part of it."""

_CERTIFICATE = "CERTIFICATE_VERIFY_FAILED"
_DEPTH = 10
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


class ProxyFailed(httpx.ProxyError):
    """The proxy did not answer, or did not lead on. The text names it and its variable."""

    def __init__(self, proxy: Proxy, reason: str) -> None:
        super().__init__(proxy_failure(proxy, reason))


class AnswerTooSlow(httpx.ReadTimeout):
    """The whole answer did not come in time; the text names the limit."""


def proxy_failure(proxy: Proxy, reason: str) -> str:
    """Return the words about a proxy that did not lead on, without its password."""
    https = " and that it speaks https, not http:" if proxy.url.startswith("https:") else ","
    return (
        f"the proxy {proxy.shown} that {proxy.variable} names did not lead there ({reason}). Check "
        f"that it runs{https} correct {proxy.variable}, or list the host in NO_PROXY"
    )


def no_answer(who: str, error: Exception, did: str = "answer") -> str:
    """Return the sentences about a failed request to `who`: what happened, and what to do.

    The error of the library is masked. A proxy that failed is named in place of `who`, and a
    certificate that is not trusted leads to SSL_CERT_FILE.

    >>> no_answer("acme.example", httpx.ConnectError("no route"))
    'acme.example did not answer (no route). Check the address and the network, then try again.'
    """
    if isinstance(error, ProxyFailed):
        return f"{who} was not reached: {error}, then try again."
    if is_certificate_error(error):
        return (
            f"{who} did not {did} ({reason_of(error)}): its certificate is not trusted. "
            f"{untrusted(error)}"
        )
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, AnswerTooSlow):
        reason = f"no answer within {TIMEOUT:.0f} s"
    else:
        reason = reason_of(error)
    return f"{who} did not {did} ({reason}). Check the address and the network, then try again."


def untrusted(error: BaseException) -> str:
    """Return the next step for a certificate that is not trusted."""
    words = " ".join(map(str, _chain(error)))
    return next((step for part, step in _CERTIFICATE_STEPS.items() if part in words), _UNTRUSTED)


def is_certificate_error(error: BaseException) -> bool:
    """Whether the error, or one that it came from, is about the server's certificate."""
    return any(
        isinstance(one, ssl.SSLCertVerificationError) or _CERTIFICATE in str(one)
        for one in _chain(error)
    )


def is_before_tunnel(proxy: Proxy, error: BaseException) -> bool:
    """Whether the connection failed at the proxy. TLS errors come from the server after it.

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
