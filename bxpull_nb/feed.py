"""A capture as a user holds it: a listener on the bridge's thread, and the log it fills."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import msgspec

from bxpull_nb.bridge import LoopThread
from bxpull_nb.errors import ConnectionFailed, SettingsError, WrongThreadError
from bxpull_nb.eventlog import EventLog
from bxpull_nb.export import to_csv
from bxpull_nb.inlet import Inlet
from bxpull_nb.listener import Listener, ListenerStats
from bxpull_nb.models import CHANNEL_TYPES, PullConfig, Record
from bxpull_nb.reconnect import TRANSPORTS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Feed", "FeedStats", "checked_channels", "checked_transport"]

_STOP_TIMEOUT = 0.8  # seconds for the connections to say goodbye


class FeedStats(msgspec.Struct, frozen=True):
    """What a feed has done so far; a snapshot."""

    state: str
    events: int
    bad_frames: int
    duplicates: int
    """Copies dropped because their mid had been seen."""
    reconnects: int
    audits: int
    """Times the server's history was asked again whether anything is missing."""
    recovered: int
    """Events that only an audit brought."""
    rate: float
    """Events per second over the last ten seconds."""
    last_lag: float | None
    """Seconds from the portal's clock to this machine's, for the newest event."""
    transports: tuple[str, ...]
    """What the connections use now."""
    error: str | None

    def __repr__(self) -> str:
        by = f" by {' and '.join(self.transports)}" if self.transports else ""
        return f"FeedStats({self.state}{by}, {self.events:,} events, {self.rate:.1f}/s)"

    def _repr_html_(self) -> str:
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{escape(str(value))}</td></tr>"
            for name, value in told.items()
        )
        return f"<table>{rows}</table>"


class Feed:
    """A live capture: `df` grows while it runs, and stays when it is stopped.

    Made by `listen()`; any thread may use it. `fetch_config` gives the connection config,
    `name` is what the repr shows of the portal, `secure` prefers wss/https addresses.
    """

    def __init__(
        self,
        fetch_config: Callable[[], Awaitable[PullConfig]],
        bridge: LoopThread,
        *,
        name: str = "portal",
        secure: bool = True,
    ) -> None:
        self.log = EventLog()
        self.name = name
        self.channels: tuple[str, ...] = CHANNEL_TYPES
        self.transport = "auto"
        self._fetch_config = fetch_config
        self._bridge = bridge
        self._secure = secure
        self._inlet = Inlet(self.log)
        self._stats = ListenerStats()
        self._switching = asyncio.Lock()
        self._listener: Listener | None = None
        self._task: asyncio.Task[None] | None = None

    def start(
        self,
        channels: Sequence[str] | str | None = None,
        transport: str | None = None,
        *,
        backfill: bool = False,
        timeout: float = 15.0,
    ) -> "Feed":
        """Listen, and return once the connections stand; gives the feed itself.

        Starting a running feed the same way again changes nothing; starting it another way
        ends the old connections first. The log goes on in either case. `backfill` begins with
        all that the server still stores. Raises what keeps it from connecting for good; a
        server that does not answer within `timeout` seconds is tried again in the background
        (see `state` and `error`).
        """
        return self._bridge.run(
            self.start_async(channels, transport, backfill=backfill, timeout=timeout)
        )

    async def start_async(
        self,
        channels: Sequence[str] | str | None = None,
        transport: str | None = None,
        *,
        backfill: bool = False,
        timeout: float = 15.0,
    ) -> "Feed":
        """Like `start`, for a coroutine on the bridge's own loop."""
        chosen = checked_channels(self.channels if channels is None else channels)
        by = checked_transport(self.transport if transport is None else transport)
        async with self._switching:
            if not self.running or (chosen, by) != (self.channels, self.transport):
                await self._end()
                self.channels, self.transport = chosen, by
                self._begin(backfill)
        await self._inlet.wait_change(self._settled, timeout)
        if self._inlet.error is not None:
            raise self._inlet.error
        return self

    def stop(self) -> None:
        """End the connections; the events stay. Stopping twice is fine."""
        if self.running:
            self._bridge.run(self.stop_async())

    async def stop_async(self) -> None:
        """Like `stop`, for a coroutine on the bridge's own loop."""
        async with self._switching:
            await self._end()

    @property
    def running(self) -> bool:
        """Whether a listener is at work, connected or trying to be."""
        return self._task is not None and not self._task.done()

    @property
    def state(self) -> str:
        """`idle`, `connecting`, `connected`, `reconnecting`, `failed` or `stopped`."""
        listener = self._listener
        if listener is None:
            return "idle"
        if self.running:
            return listener.state
        return "failed" if self._inlet.error else "stopped"

    @property
    def error(self) -> BaseException | None:
        """Why it failed, or why it is reconnecting; None while all is well."""
        if self._inlet.error is not None:
            return self._inlet.error
        return self._listener.error if self._listener and self.running else None

    @property
    def stats(self) -> FeedStats:
        """Counters, rate and state at this moment."""
        counted, error = self._stats, self.error
        return FeedStats(
            state=self.state,
            events=counted.events,
            bad_frames=counted.bad_frames,
            duplicates=counted.duplicates,
            reconnects=counted.reconnects,
            audits=counted.audits,
            recovered=counted.recovered,
            rate=self._inlet.rate(),
            last_lag=counted.last_lag,
            transports=self._listener.transports if self._listener and self.running else (),
            error=None if error is None else str(error),
        )

    @property
    def config(self) -> PullConfig | None:
        """The connection config in use."""
        return self._listener.config if self._listener else None

    @property
    def df(self) -> "pd.DataFrame":
        """Every event so far, with the columns of `EVENT_COLUMNS`; ask again for newer ones.

        What you hold never changes under you, and may be written to.
        """
        return self.log.df

    def tail(self, n: int = 10) -> "pd.DataFrame":
        """The newest `n` events, oldest first."""
        return self.log.tail(n)

    @overload
    def wait(self, until: int = 1, *, timeout: float | None = None) -> "pd.DataFrame": ...
    @overload
    def wait(self, until: Callable[[Record], bool], *, timeout: float | None = None) -> Record: ...
    def wait(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """`until` further events as a DataFrame, or the event for which `until` says True.

        "Further" means: not passed by an earlier wait, so an event that arrived before the
        call counts. Raises WaitTimeout after `timeout` seconds, and at once when the feed is
        not running; the feed's own error when that ended it.
        """
        if self._bridge.is_current():
            raise WrongThreadError(
                "wait() blocks, and it was called on the listener's own thread: await "
                "wait_async() there."
            )
        return self._wait(until, timeout)

    async def wait_async(
        self, until: int | Callable[[Record], bool] = 1, *, timeout: float | None = None
    ) -> "pd.DataFrame | Record":
        """Like `wait`, without blocking the loop it is awaited on."""
        return await asyncio.to_thread(self._wait, until, timeout)

    def call(self, method: str, /, **params: Any) -> Any:
        """The result of a method of the push server itself, such as `listChannels`.

        Servers of version 5 and later have them: `publish`, `getUsersLastSeen`, `listChannels`,
        `ping`, `subscribeStatusChange`. Raises ConnectionFailed without a WebSocket to such a
        server, CallFailed (with a `code`) for what the server refuses.
        """
        return self._bridge.run(self._call(method, params))

    def to_csv(self, path: str | Path) -> Path:
        """Write all events to a CSV file and give its path; see `export.to_csv`."""
        return to_csv(self.df, path)

    def __len__(self) -> int:
        return len(self.log)

    def __repr__(self) -> str:
        channels = "+".join(self.channels)
        return f"Feed({self.name}, {channels}, {self.state}, {len(self):,} events)"

    def _repr_html_(self) -> str:
        error = self.error
        said = f"<div>{escape(str(error))}</div>" if error else ""
        return f"<div>{escape(repr(self))}</div>{said}{self.tail(5).to_html()}"

    def _wait(
        self, until: int | Callable[[Record], bool], timeout: float | None
    ) -> "pd.DataFrame | Record":
        if callable(until):
            return self._inlet.wait_records(until, timeout, alive=lambda: self.running)[2]
        if until < 1:
            raise SettingsError(f"wait({until!r}): wait for one event or more.")
        missing = iter(range(until - 1, -1, -1))
        first, behind, _ = self._inlet.wait_records(
            lambda _: next(missing) == 0, timeout, alive=lambda: self.running
        )
        return self.df.iloc[first:behind]

    async def _call(self, method: str, params: dict[str, Any]) -> Any:
        if self._listener is None:
            raise ConnectionFailed(f"{method}: the feed was never started. Call feed.start().")
        return await self._listener.call(method, params)

    def _begin(self, backfill: bool) -> None:
        self._inlet.error = None
        self._listener = Listener(
            self._fetch_config,
            self._inlet.store,
            channels=self.channels,
            transport=self.transport,
            secure=self._secure,
            backfill=backfill,
            stats=self._stats,
            changed=self._inlet.changed,
        )
        self._task = asyncio.create_task(self._listener.run())
        self._task.add_done_callback(self._inlet.ended)

    async def _end(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_STOP_TIMEOUT)

    def _settled(self) -> bool:
        return not self.running or (self._listener is not None and self._listener.ready)


def checked_channels(channels: Sequence[str] | str) -> tuple[str, ...]:
    """The channel types as a tuple without repetition; raises SettingsError for an unknown one."""
    chosen = tuple(dict.fromkeys([channels] if isinstance(channels, str) else channels))
    if chosen == ("both",):
        return CHANNEL_TYPES
    unknown = [kind for kind in chosen if kind not in CHANNEL_TYPES]
    if unknown or not chosen:
        what = f"unknown channel type {unknown[0]!r}" if unknown else "no channel type"
        raise SettingsError(f"{what}: choose from 'shared' and 'private', or both.")
    return chosen


def checked_transport(transport: str) -> str:
    """The transport as it is; raises SettingsError for an unknown one."""
    if transport not in TRANSPORTS:
        raise SettingsError(
            f"unknown transport {transport!r}: choose from {', '.join(TRANSPORTS)}."
        )
    return transport
