"""The connection config in force, and the one way to another; shared by all lanes."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from bxpull_nb.errors import BxPullError
from bxpull_nb.listener.retry_wait import RetryWait
from bxpull_nb.listener.settings import Timing
from bxpull_nb.models import Channel, PullConfig
from bxpull_nb.protocol.retry_policy import is_transient

__all__ = ["ConfigSource"]


class ConfigSource:
    """Fetches configs and replaces the one in force; `failed` is called with every failed try."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[PullConfig]],
        timing: Timing,
        failed: Callable[[BxPullError], None],
    ) -> None:
        self.known: list[PullConfig] = []
        """Every config that was in force and named other channels than the one before."""
        self.is_believed = False
        """Whether a channel in force is known only from a message of the server."""
        self.retry = RetryWait(timing)
        self._current: PullConfig | None = None
        self._fetched_at = (0.0, 0)  # by the monotonic clock, and by this machine's
        self._fetch = fetch
        self._timing = timing
        self._failed = failed
        self._lock = asyncio.Lock()

    @property
    def current(self) -> PullConfig | None:
        """The config in force; None before the first."""
        return self._current

    @property
    def in_force(self) -> PullConfig:
        """The config in force, for code that runs only when there is one."""
        if self._current is None:
            raise RuntimeError("the listener fetches the config before it runs a lane")
        return self._current

    def portal_now(self) -> float:
        """Return Unix seconds by the portal's clock, carried on since the last config.

        A clock that is set back does not hold it back; a machine that slept does not either.
        """
        monotonic, clock = self._fetched_at
        passed = self._timing.monotonic() - monotonic
        by_clock = (self._timing.clock() - clock) / 1e9
        return self.in_force.portal_time.timestamp() + max(passed, by_clock)

    async def first(self) -> PullConfig:
        """Fetch the first config; raises whatever keeps it from coming."""
        return self._fetched(await self._fetch())

    async def renew(self, used: PullConfig) -> None:
        """Fetch another config, unless another lane has done so since `used`.

        A transient failure is tried again for as long as it takes; another one is raised.
        """
        async with self._lock:
            if self.current is not used:
                return
            for delay in self._timing.delays():
                try:
                    self._fetched(await self._fetch())
                except BxPullError as exc:
                    if not is_transient(exc):
                        raise
                    self._failed(exc)
                    await self.retry.wait(delay)
                else:
                    return

    def take_over(self, channel: Channel) -> None:
        """Replace the channel of its type by a successor that the server announced.

        It counts until the next config, which is fetched soon.
        """
        if self.current is not None:
            self.is_believed = True
            channels = self.current.channels | {channel.type: channel}
            self._put(msgspec.structs.replace(self.current, channels=channels))

    def _fetched(self, config: PullConfig) -> PullConfig:
        self.is_believed = False
        self._fetched_at = self._timing.monotonic(), self._timing.clock()
        return self._put(config)

    def _put(self, config: PullConfig) -> PullConfig:
        self._current = config
        if not self.known or self.known[-1].channels != config.channels:
            self.known.append(config)
        return config
