"""The only driver: sessions over transports, records to a sink.

One lane, that is one connection, per chosen channel type: protocol 4 does not say by which
channel a message came, only a connection of its own does. The order of things is a law: the sink
first, then the position. A break in between costs a duplicate, which the session drops; never a
loss.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing

import msgspec

from bxpull_nb.codec import codec_for
from bxpull_nb.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.errors import BxPullError, ChannelRefused
from bxpull_nb.models import Arrival, BadFrame, PullConfig, Record
from bxpull_nb.reconnect import is_transient, next_transport, reconnect_delays
from bxpull_nb.session import SeenMids, Session
from bxpull_nb.transport import (
    Answered,
    LongPollingTransport,
    Transport,
    WebSocketTransport,
)

__all__ = ["Listener", "ListenerStats", "Sink"]

Sink = Callable[[Sequence[Record]], None]

_log = logging.getLogger("bxpull_nb")
_TRANSPORTS: dict[str, Callable[[], Transport]] = {
    "websocket": WebSocketTransport,
    "polling": LongPollingTransport,
}
_RENEW_AFTER_END = 0.2  # seconds: the portal hands out the next channel only after the end


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
    last_lag: float | None = None
    """Seconds from the portal's clock to this machine's, for the newest event."""


class _Lane:
    """One channel type's connection: its session, and how it fares."""

    def __init__(self, channel: str, session: Session) -> None:
        self.channel = channel
        self.session = session
        self.state = "connecting"
        self.transport = ""
        self.connections = 0
        self.websocket_failures = 0


class Listener:
    """Listens until cancelled, and hands every batch of new records to `sink`.

    `fetch_config` gives the connection config, `changed` is called (on the loop's thread) when
    the state changes. `backfill` starts from all that is still stored instead of from now.
    `clock` gives Unix nanoseconds; `sleep` and `delays` are what it waits with.
    """

    def __init__(
        self,
        fetch_config: Callable[[], Awaitable[PullConfig]],
        sink: Sink,
        *,
        channels: Sequence[str],
        transport: str = "auto",
        secure: bool = True,
        backfill: bool = False,
        stats: ListenerStats | None = None,
        changed: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        delays: Callable[[], Iterator[float]] = reconnect_delays,
    ) -> None:
        self.stats = stats or ListenerStats()
        self.error: BxPullError | None = None
        self.config: PullConfig | None = None
        self._fetch_config = fetch_config
        self._sink = sink
        self._channels = tuple(channels)
        self._transport = transport
        self._secure = secure
        self._backfill = backfill
        self._changed = changed
        self._clock = clock
        self._sleep = sleep
        self._delays = delays
        self._lanes: list[_Lane] = []
        self._refetching = asyncio.Lock()

    @property
    def state(self) -> str:
        """`connecting`, `connected` (every lane has had an answer) or `reconnecting`."""
        states = {lane.state for lane in self._lanes} or {"connecting"}
        for state in ("reconnecting", "connecting"):
            if state in states:
                return state
        return "connected"

    @property
    def ready(self) -> bool:
        """Whether nothing that is published from now on can be missed.

        A WebSocket must stand for that. A poll need not be answered yet: it asks for all that
        is stored, and leaves out what is older than this capture.
        """
        lanes = self._lanes
        return bool(lanes) and all(
            lane.state == "connected" or lane.transport == "polling" for lane in lanes
        )

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports in use now, without repetition."""
        return tuple(dict.fromkeys(lane.transport for lane in self._lanes if lane.transport))

    async def run(self) -> None:
        """Listen on every lane until cancelled; raises what trying again cannot mend."""
        self.config = config = await self._fetch_config()
        for channel in self._channels:
            config.channel(channel)
        since = None if self._backfill else config.portal_time.timestamp()
        seen = SeenMids()
        codec = codec_for(config.server.version)
        self._lanes = [_Lane(c, Session(codec, seen, since=since)) for c in self._channels]
        try:
            async with asyncio.TaskGroup() as lanes:
                for lane in self._lanes:
                    lanes.create_task(self._keep_listening(lane))
        except* BxPullError as errors:
            raise _first(errors) from None

    async def _keep_listening(self, lane: _Lane) -> None:
        delays = self._delays()
        while True:
            config = self._known_config()
            connections = lane.connections
            try:
                await self._listen_once(lane, config)
            except BxPullError as exc:
                if not is_transient(exc):
                    raise
                self._lost(lane, exc)
                if lane.connections > connections:
                    delays = self._delays()
                await self._sleep(next(delays))
                if isinstance(exc, ChannelRefused):
                    await self._renew(config)
            else:
                await self._renew(config)

    async def _listen_once(self, lane: _Lane, config: PullConfig) -> None:
        """One connection's life; returns when its channel has ended."""
        kind = next_transport(self._transport, config.server, lane.websocket_failures)
        lane.transport = kind
        self._changed()
        life = _seconds_left(config, lane.channel)
        frames = _TRANSPORTS[kind]().frames(lambda: self._url(lane, config))
        try:
            async with asyncio.timeout(life), aclosing(frames):
                async for frame in frames:
                    if isinstance(frame, Answered):
                        self._answered(lane, frame)
                    else:
                        self._received(lane, frame)
        except TimeoutError:
            _log.info("%s: the channel has ended, fetching the next one", lane.channel)

    def _url(self, lane: _Lane, config: PullConfig) -> str:
        mid = lane.session.resume_point()
        if mid is None and (self._backfill or lane.connections or lane.transport == "polling"):
            mid = FULL_HISTORY  # what is older than this capture, the session leaves out
        return connection_url(
            config,
            transport=lane.transport,
            channel=lane.channel,
            mid=mid,
            secure=self._secure,
        )

    def _answered(self, lane: _Lane, answer: Answered) -> None:
        lane.session.connected()
        lane.session.advance(answer.last_message_id)
        if lane.state == "connected":
            return
        lane.connections += 1
        lane.websocket_failures = 0
        lane.state = "connected"
        if self.state == "connected":
            self.error = None
        _log.info("%s: connected by %s", lane.channel, lane.transport)
        self._changed()

    def _received(self, lane: _Lane, frame: str | bytes) -> None:
        arrival = Arrival(self._clock() // 1000, lane.channel, lane.transport)
        received = lane.session.receive(frame, arrival)
        if received.records:
            self._sink(received.records)
        lane.session.stored(received)
        self._count(frame, received.records, arrival)
        self.stats.duplicates += received.duplicates
        self.stats.old += received.old

    def _count(self, frame: str | bytes, records: Sequence[Record], arrival: Arrival) -> None:
        stats = self.stats
        bad = sum(1 for record in records if type(record) is BadFrame)
        stats.frames += 1
        stats.characters += len(frame)
        stats.bad_frames += bad
        stats.events += len(records) - bad
        sent = records[-1].server_time_unix if records else None
        if sent is not None and arrival.received_us is not None:
            stats.last_lag = arrival.received_us / 1e6 - sent

    def _lost(self, lane: _Lane, error: BxPullError) -> None:
        if lane.state == "connected":
            self.stats.reconnects += 1
        if lane.transport == "websocket":
            lane.websocket_failures += 1
        lane.state = "reconnecting"
        self.error = error
        _log.info("%s: %s", lane.channel, error)
        self._changed()

    async def _renew(self, used: PullConfig) -> None:
        """Fetch the config again, unless another lane has done so since `used`."""
        async with self._refetching:
            if self.config is not used:
                return
            for delay in self._delays():
                try:
                    self.config = await self._fetch_config()
                except BxPullError as exc:
                    if not is_transient(exc):
                        raise
                    self.error = exc
                    self._changed()
                    await self._sleep(delay)
                else:
                    return

    def _known_config(self) -> PullConfig:
        if self.config is None:
            raise RuntimeError("run() fetches the config first")
        return self.config


def _seconds_left(config: PullConfig, kind: str) -> float:
    """How long to listen until the portal has the channel's successor; raises after its end."""
    channel = config.channel(kind)
    left = (channel.end - config.now()).total_seconds()
    if left <= 0:
        raise ChannelRefused(
            f"the {kind} channel of this config ended at {channel.end:%H:%M:%S} UTC. A fresh "
            f"config is fetched; if this stays, the portal's clock is wrong."
        )
    return left + _RENEW_AFTER_END


def _first(errors: BaseExceptionGroup[BxPullError]) -> BxPullError:
    """The first error of a group, however deep it lies."""
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise RuntimeError("an exception group is never empty")
