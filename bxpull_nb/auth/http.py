"""The HTTP client of every room that sends something secret."""

import logging
import os
import ssl
from functools import lru_cache

import httpx

from bxpull_nb.endpoint import is_loopback
from bxpull_nb.masking import mask_url

__all__ = ["TIMEOUT", "http_client", "mask_http_logs"]

TIMEOUT = 15.0
"""Seconds to wait for an answer."""

_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


def http_client(url: str, timeout: httpx.Timeout | float = TIMEOUT) -> httpx.AsyncClient:
    """A client for that address: a proxy from the environment, but never for this machine itself.

    Certificates named by SSL_CERT_FILE are trusted (a sandbox with TLS has one of its own).
    """
    mask_http_logs()
    trusted = _trusted(*map(os.environ.get, _TRUST))
    return httpx.AsyncClient(timeout=timeout, trust_env=not is_loopback(url), verify=trusted)


@lru_cache(maxsize=4)
def _trusted(*_named: str | None) -> ssl.SSLContext:
    """The certificates that the environment names, read once.

    Reading them holds the loop for 25 ms, and every audit and every poll has a client of its own.
    """
    return httpx.create_ssl_context()


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask_url(record.getMessage()), None
        return True


_MASKING = _Masking()


def mask_http_logs() -> None:
    """From now on no line of httpx shows a webhook's secret, a token or a channel id.

    A filter, because the lines come from within the libraries: httpx tells every address at
    INFO, httpcore every redirect at DEBUG. Done again, it changes nothing.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_MASKING)
