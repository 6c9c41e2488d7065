"""What the lanes of a listener share: counters, the ways to wait, the config in force."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from random import random

import msgspec

from bxpull_nb.errors import BxPullError
from bxpull_nb.models import Batch, Channel, OnEntry, PullConfig
from bxpull_nb.protocol.retry_policy import is_transient, reconnect_delays

__all__ = ["ConfigSource", "LaneSettings", "ListenerStats", "RetiredChannel", "Sink", "Timing"]

Sink = Callable[[Batch], None]


class ListenerStats(msgspec.Struct):
    """Counters; the listener writes them. Handed to the next listener, they go on."""

    events: int = 0
    bad_frames: int = 0
    """Messages that could not be read; each is a row with its `error`."""
    duplicates: int = 0
    """Copies dropped because their mid had been seen."""
    old: int = 0
    """Stored messages from before the capture, left out."""
    frames: int = 0
    characters: int = 0
    """Size of all frames: characters of text ones, bytes of binary ones."""
    reconnects: int = 0
    """Connections that broke after they had stood."""
    audits: int = 0
    """Times the server's history was asked again whether anything is missing."""
    recovered: int = 0
    """Events that only an audit brought."""
    resets: int = 0
    """Times the server was found to count its messages anew."""
    last_lag: float | None = None
    """Seconds from the portal's clock to this machine's, for the newest event."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Everything a listener waits with or measures by; all of it can be replaced in a test."""

    clock: Callable[[], int] = time.time_ns
    """Unix nanoseconds."""
    monotonic: Callable[[], float] = time.monotonic
    """Seconds."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    delays: Callable[[], Iterator[float]] = reconnect_delays
    """Seconds after the 1st, 2nd, … failure in a row."""
    jitter: Callable[[], float] = random
    """From 0 to 1, for every random delay."""
    renew_after: float = 0.2
    """Seconds after a channel's end, and up to twice that: the portal has its successor then."""
    restart_pause: tuple[float, float] = (10.0, 120.0)
    """Seconds to stay away, at random, when the server announces that it restarts."""
    websocket_again: tuple[float, float] = (600.0, 1800.0)
    """Seconds of polling, at random, before WebSocket is tried again where it once worked."""
    heartbeat: float = 20.0
    """Seconds between two pings of a JSON-RPC server after which it counts as stuck."""
    audit_every: float = 300.0
    """Seconds between two audits of a connection."""
    audit_wait: float = 3.0
    """Seconds an audit's poll is given: a server that has nothing holds it."""
    stall: float = 2.0
    """Seconds the loop may be held up before its connections are audited."""
    baseline: float = 0.75
    """Seconds within which a first poll's answer is history, and after which it is new."""


class ConfigSource:
    """The connection config in force, and the one way to another; shared by all lanes.

    `failed` is told of every failed try.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[PullConfig]],
        timing: Timing,
        failed: Callable[[BxPullError], None],
    ) -> None:
        self.known: list[PullConfig] = []
        """Every config that has been in force and named other channels than the one before."""
        self._current: PullConfig | None = None
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
        """The config in force, for what runs only when there is one."""
        if self._current is None:
            raise RuntimeError("the listener fetches the config before it runs a lane")
        return self._current

    def _put(self, config: PullConfig) -> PullConfig:
        self._current = config
        if not self.known or self.known[-1].channels != config.channels:
            self.known.append(config)
        return config

    async def first(self) -> PullConfig:
        """The config to begin with; raises whatever keeps it from coming."""
        return self._put(await self._fetch())

    async def renew(self, used: PullConfig) -> None:
        """Fetch another config, unless another lane has done so since `used`.

        A failure that may pass is tried again for as long as it takes; another one is raised.
        """
        async with self._lock:
            if self.current is not used:
                return
            for delay in self._timing.delays():
                try:
                    self._put(await self._fetch())
                except BxPullError as exc:
                    if not is_transient(exc):
                        raise
                    self._failed(exc)
                    await self._timing.sleep(delay)
                else:
                    return

    def take_over(self, channel: Channel) -> None:
        """Put a successor that the server announced in the place of the channel of its type."""
        if self.current is not None:
            channels = self.current.channels | {channel.type: channel}
            self._put(msgspec.structs.replace(self.current, channels=channels))


@dataclass(frozen=True, kw_only=True)
class LaneSettings:
    """What the lanes of one listener have in common."""

    source: ConfigSource
    sink: Sink
    stats: ListenerStats
    timing: Timing
    changed: Callable[[], None]
    tell: OnEntry
    transport: str
    """`auto`, `websocket` or `polling`."""
    secure: bool
    backfill: bool
    since: float
    """When the capture began: Unix seconds by the portal's clock."""
    resumed: bool = False
    """Whether that was in an earlier process: nothing since then may be missing."""


@dataclass(eq=False)
class RetiredChannel:
    """A channel that was left for its successor."""

    config: PullConfig
    kind: str
    """Its type; it is asked by its id, for a token that named it has ended with it."""
    point: str | None
    """The mid to ask from."""
    tries: int = 0
