"""The errors of the transports: other libraries' exceptions and refusals, as errors of our tree."""

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus, ProxyError
from websockets.frames import CloseCode

from bxpull_nb.environment import Proxy
from bxpull_nb.errors import ChannelRefused, ConnectionFailed, FrameTooLarge, PushError
from bxpull_nb.http import (
    ProxyFailed,
    is_before_tunnel,
    is_certificate_error,
    proxy_failure,
    untrusted,
)
from bxpull_nb.masking import mask_foreign, reason_of

__all__ = ["MAX_FRAME", "closed", "poll_error", "refused", "too_large", "websocket_error"]

MAX_FRAME = 256 * 1024 * 1024
"""Bytes. High on purpose: a resumed connection brings its whole backlog in one frame."""

_WRONG_CHANNEL, _TOO_MANY = 4010, 4029  # close codes


def poll_error(exc: httpx.HTTPError) -> ConnectionFailed:
    """Return our error for a poll without an answer."""
    if isinstance(exc, ProxyFailed):
        return ConnectionFailed(f"the push server was not polled: {exc}.")
    if is_certificate_error(exc):
        return _untrusted(exc)
    return ConnectionFailed(
        f"the push server did not answer a poll ({reason_of(exc)}). It is asked again "
        f"automatically."
    )


def _untrusted(exc: Exception) -> ConnectionFailed:
    return ConnectionFailed(
        f"the push server's certificate is not trusted ({reason_of(exc)}). {untrusted(exc)}"
    )


def websocket_error(exc: Exception, proxy: Proxy | None) -> PushError:
    """Return our error; `proxy` is the one that should have led to a connection."""
    if isinstance(exc, InvalidStatus):
        return refused(exc.response.status_code, "WebSocket handshake")
    if isinstance(exc, ConnectionClosed):
        return closed(exc)
    if is_certificate_error(exc):
        return _untrusted(exc)
    reason = reason_of(exc)
    is_of_network = isinstance(exc, OSError | ProxyError | UnicodeError)
    if proxy is not None and is_of_network and is_before_tunnel(proxy, exc):
        text = proxy_failure(proxy, reason)
        return ConnectionFailed(f"no WebSocket connection to the push server: {text}.")
    return ConnectionFailed(
        f"no WebSocket connection to the push server ({reason}). It is tried again automatically; "
        f"if a proxy or firewall blocks WebSockets, use transport='polling'."
    )


def too_large(limit: int) -> FrameTooLarge:
    """Return the error for a frame over the limit, in bytes."""
    return FrameTooLarge(
        f"the push server sent more in one frame than is taken ({limit >> 20} MB). If it stays so, "
        f"there is too much history to resume from: stop the feed and start it again, it then "
        f"begins from now."
    )


def closed(exc: ConnectionClosed) -> PushError:
    """Return our error for a WebSocket that ended, by its close code."""
    received = exc.rcvd
    if exc.sent is not None and exc.sent.code == CloseCode.MESSAGE_TOO_BIG:
        return too_large(MAX_FRAME)
    if received is None:
        return ConnectionFailed(
            "the WebSocket broke (no close frame). It is opened again automatically."
        )
    what = f"close code {received.code} {mask_foreign(received.reason)}".rstrip()
    if received.code == _WRONG_CHANNEL:
        return ChannelRefused(
            f"the push server ended the connection ({what}): it does not know the channel any "
            f"more. A fresh config is fetched and tried."
        )
    if received.code == _TOO_MANY:
        return ConnectionFailed(
            f"the push server ended the connection ({what}): more than 100 connections listen to "
            f"this channel, and it closes the oldest. Stop feeds and tabs that are not needed."
        )
    return ConnectionFailed(f"the WebSocket broke ({what}). It is opened again automatically.")


def refused(status: int, what: str) -> PushError:
    """Return our error for an HTTP status; `what` was refused."""
    if status in (httpx.codes.BAD_REQUEST, httpx.codes.FORBIDDEN):
        return ChannelRefused(
            f"the push server refused the {what} (HTTP {status}): it does not know the channel, "
            f"which may have ended. A fresh config is fetched and tried."
        )
    return ConnectionFailed(
        f"the push server answered the {what} with HTTP {status}. It is tried again automatically."
    )
