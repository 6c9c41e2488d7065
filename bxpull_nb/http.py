"""The HTTP client of every room that sends something secret."""

import logging
import os
import ssl
from functools import lru_cache

import httpx

from bxpull_nb.masking import mask_url
from bxpull_nb.protocol.endpoint import is_loopback

__all__ = ["TIMEOUT", "http_client", "mask_http_logs"]

TIMEOUT = 15.0
"""Seconds to wait for an answer."""

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")


def http_client(url: str, timeout: httpx.Timeout | float = TIMEOUT) -> httpx.AsyncClient:
    """A client for that address: a proxy from the environment, but never for this machine itself.

    Certificates named by SSL_CERT_FILE are trusted (a sandbox with TLS has one of its own).
    """
    mask_http_logs()
    trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return httpx.AsyncClient(timeout=timeout, trust_env=not is_loopback(url), verify=trusted)


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    """What is trusted as the environment stands; reading it anew holds up the loop for 0.1 s."""
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
