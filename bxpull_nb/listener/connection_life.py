"""How long a connection lives: until its channel ends, or another transport is due."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from bxpull_nb.errors import ChannelRefused
from bxpull_nb.listener.service_messages import ServiceAction
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.models import PullConfig

__all__ = ["ConnectionLife"]


class ConnectionLife:
    """The time limit of a lane's present connection, which may come earlier than first set.

    `begin` sets the limit, `running` raises TimeoutError when it is reached.
    """

    def __init__(self, kind: str | None, settings: LaneSettings) -> None:
        self._kind = kind
        self._set = settings
        self._timing = settings.timing
        self._config: PullConfig | None = None  # others may have renewed the one in force
        self._is_fallback = False
        self._seconds = math.inf
        self._timeout: asyncio.Timeout | None = None

    def begin(self, config: PullConfig, *, is_fallback: bool) -> ServiceAction:
        """Set the limit for a connection with this config, and return the action at its end.

        `is_fallback` is whether it polls where WebSocket worked before. Raises ChannelRefused when
        the channel has ended.
        """
        self._config, self._is_fallback = config, is_fallback
        self._seconds, action = self._limit(config)
        return action

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the connection within the limit."""
        try:
            async with asyncio.timeout(self._seconds) as self._timeout:
                yield
        finally:
            self._timeout = None

    def end(self) -> None:
        """End the connection now, if there is one."""
        self._end_at(asyncio.get_running_loop().time())

    def end_if_expired(self) -> None:
        """End the connection if its channel has ended: the machine slept, or its clock was set."""
        if self._config is None or self._timeout is None:
            return
        try:
            left, _ = self._limit(self._config)
        except ChannelRefused:
            left = 0.0
        at = asyncio.get_running_loop().time() + left
        if at < (self._timeout.when() or math.inf):
            self._end_at(at)

    def _end_at(self, at: float) -> None:
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(at)

    def _limit(self, config: PullConfig) -> tuple[float, ServiceAction]:
        """Return how many seconds to stay connected, and what to do then."""
        timing = self._timing
        left = _seconds_left(config, self._kind, self._set.source.portal_now())
        renewal = left + timing.renew_after * (1 + timing.jitter())
        if self._set.source.is_believed and timing.believe_for < renewal:
            return timing.believe_for, ServiceAction(verify=True)
        if self._is_fallback and self._set.transport == "auto":
            shortest, longest = timing.websocket_again
            until = shortest + (longest - shortest) * timing.jitter()
            if until < renewal:
                return until, ServiceAction()
        return renewal, ServiceAction(refetch=True)


def _seconds_left(config: PullConfig, kind: str | None, now: float) -> float:
    """Return how long the channel, or the jwt and its channels, still live.

    Raises ChannelRefused once one of them has ended.
    """
    channels = [config.channel(kind)] if kind else config.channels.values()
    ends = [channel.end.timestamp() for channel in channels]
    if config.jwt is not None and config.exp:
        ends.append(config.exp)
    if not ends:
        return 3600.0 * 12  # unknown: channels live twelve hours
    left = min(ends) - now
    if left <= 0:
        raise ChannelRefused(
            f"the {kind or 'jwt'} channel of this config has ended. A fresh config is fetched; if "
            f"this stays, the portal's clock is wrong."
        )
    return left
