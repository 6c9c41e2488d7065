"""The HTTP client of every module that sends secrets."""

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
    """Return a client for that address; it uses the environment's proxy except for this machine.

    Certificates named by SSL_CERT_FILE are trusted (a sandbox with TLS has one of its own).
    """
    mask_http_logs()
    trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    return httpx.AsyncClient(timeout=timeout, trust_env=not is_loopback(url), verify=trusted)


@lru_cache(maxsize=4)
def _trusted(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    """Return the trusted certificates, cached: reading them blocks the loop for 0.1 s."""
    return httpx.create_ssl_context()


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
