"""Decisions about retries: how long to wait, with which transport, and whether at all."""

from collections.abc import Callable, Iterator
from random import random

from bxpull_nb.errors import (
    AccessRefused,
    ApiError,
    ChannelMissing,
    MissingField,
    PortalDeleted,
    PushServerNotConfigured,
    SettingsError,
    TokenRefused,
    TransportUnavailable,
    WrongAuthType,
)
from bxpull_nb.models import PullServer

__all__ = ["is_transient", "next_transport", "reconnect_delays"]

_DELAYS = (0.5, 5.0, 25.0, 45.0, 60.0)
_WEBSOCKET_TRIES = 4

_FATAL = (
    AccessRefused,
    ChannelMissing,
    MissingField,
    PortalDeleted,
    PushServerNotConfigured,
    SettingsError,
    TokenRefused,
    TransportUnavailable,
    WrongAuthType,
)


def reconnect_delays(jitter: Callable[[], float] = random) -> Iterator[float]:
    """Yield the seconds to wait after the 1st, 2nd, … failure in a row, without end.

    The steps are the official client's, capped at a minute for the person at the notebook,
    plus 0-20 % so that many clients do not return together. The first wait is short: a server that
    restarts closes every connection at once.
    """
    step = 0
    while True:
        yield _DELAYS[min(step, len(_DELAYS) - 1)] * (1 + 0.2 * jitter())
        step += 1


def is_transient(error: Exception) -> bool:
    """Whether trying again later can help; False for errors that only a person can fix."""
    if isinstance(error, ApiError) and error.code.upper() == "OVERLOAD_LIMIT":
        return False
    return not isinstance(error, _FATAL)


def next_transport(
    chosen: str, server: PullServer, websocket_failures: int, *, worked: bool = True
) -> str:
    """Return `websocket` or `polling` for the next try.

    `auto` takes WebSocket where the server has it. Once it `worked`, polling steps in after more
    than four failures in a row; before, after the first: a proxy may refuse every upgrade.
    """
    if chosen != "auto":
        return chosen
    addressed = server.websocket_secure or server.websocket
    usable = bool(server.websocket_enabled and addressed)
    tries = _WEBSOCKET_TRIES if worked else 0
    return "websocket" if usable and websocket_failures <= tries else "polling"
