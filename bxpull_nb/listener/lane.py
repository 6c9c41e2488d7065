"""One channel type's connections, one after the other: what is decided elsewhere is done here.

The order of things is a law: the sink first, then the position, then the acknowledgement. A break
in between costs a duplicate, which the session drops; never a loss.
"""

import asyncio
import logging
import math
from collections.abc import Callable
from contextlib import aclosing

from bxpull_nb.errors import BxPullError, ChannelRefused, ConnectionFailed
from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.listener.channel_renewal import ChannelRenewal
from bxpull_nb.listener.ingest import Ingest
from bxpull_nb.listener.rpc_calls import RpcCalls
from bxpull_nb.listener.service_messages import ServiceAction, service_action
from bxpull_nb.listener.shared import LaneSettings
from bxpull_nb.listener.transport import (
    Accepted,
    LongPollingTransport,
    Transport,
    WebSocketTransport,
)
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.retry_policy import is_transient, next_transport
from bxpull_nb.protocol.session import Received, Session

__all__ = ["Lane"]

_log = logging.getLogger("bxpull_nb")
_TRANSPORTS: dict[str, Callable[[], Transport]] = {
    "websocket": WebSocketTransport,
    "polling": LongPollingTransport,
}
_STUCK = 3005  # close code: the heartbeat stopped


class Lane:
    """The connections to one channel type; `kind` None is for a jwt, which names no channel."""

    def __init__(self, kind: str | None, session: Session, settings: LaneSettings) -> None:
        self.kind = kind
        self.session = session
        self.state = "connecting"
        self.transport = ""
        self.error: BxPullError | None = None
        self.calls = RpcCalls()
        self.audit_due = asyncio.Event()
        self.activity = LaneActivity(self.name, settings.tell, settings.timing.clock)
        self.ingest = Ingest(kind, session, settings, self.activity)
        self.renewal = ChannelRenewal(kind, session, settings.source)
        self._used: PullConfig | None = None
        self._set = settings
        self._timing = settings.timing
        self._lifetime: asyncio.Timeout | None = None
        self._pending_action: ServiceAction | None = None
        self._connections = 0
        self._websocket_failures = 0
        self._websocket_worked = False
        self._asked_at: float | None = None
        self._history_from: float | None = None
        self._is_baseline = False
        self._stands = False

    @property
    def name(self) -> str:
        """For people."""
        return self.kind or "jwt"

    @property
    def ready(self) -> bool:
        """Whether nothing that is published from now on can be missed.

        A WebSocket must stand for that. A poll need not be answered yet: it asks for all that
        is stored, and what comes after its first moment is new.
        """
        return self.state == "connected" or (self._polls and self._began())

    def _began(self) -> bool:
        """Whether the capture has begun: a connection stood, or a first poll was left waiting."""
        asked = self._asked_at
        waited = asked is not None and self._timing.monotonic() - asked >= self._timing.baseline
        return self._connections > 0 or waited or self._set.resumed

    async def run(self) -> None:
        """Listen until cancelled; raises what trying again cannot mend."""
        delays = self._timing.delays()
        while True:
            config = self._set.source.in_force
            self.renewal.leave_older(polls=self._polls)
            connections = self._connections
            try:
                action = await self._listen_once(config)
                config = self.renewal.outdated(config)
            except BxPullError as exc:
                if not is_transient(exc):
                    raise
                self._lost(exc)
                if self._connections > connections:
                    delays = self._timing.delays()
                await self._timing.sleep(next(delays))
                action = ServiceAction(refetch=isinstance(exc, ChannelRefused))
            if self._pending_action is not None:  # said before the connection ended, however it did
                action, config, self._pending_action = (
                    self._pending_action,
                    self.renewal.outdated(config),
                    None,
                )
            await self._apply_action(action, config)

    async def _apply_action(self, action: ServiceAction, config: PullConfig) -> None:
        if action.pause:
            shortest, longest = self._timing.restart_pause
            pause = shortest + (longest - shortest) * self._timing.jitter()
            self.activity.restarting(pause)
            await self._timing.sleep(pause)
        if action.channel is not None:
            self._set.source.take_over(action.channel)
        elif action.refetch:
            await self._set.source.renew(config)
        if action.channel is not None or action.refetch:
            self.activity.renewed()

    async def _listen_once(self, config: PullConfig) -> ServiceAction:
        """One connection's life; what to do after its orderly end."""
        if self._pending_action is not None:
            return self._pending_action
        kind = next_transport(self._set.transport, config.server, self._websocket_failures)
        self.transport = kind
        self.activity.trying(kind)
        self._stands = False
        transport = _TRANSPORTS[kind]()
        life, end = self._life(config)
        self._used = config  # others may have renewed the one in force
        frames = transport.frames(lambda: self._url(config))
        try:
            async with (
                asyncio.timeout(life) as self._lifetime,
                asyncio.timeout(None) as watchdog,
                aclosing(frames),
            ):
                async for frame in frames:
                    if isinstance(frame, Accepted):
                        self._answered(transport, frame)
                        continue
                    if frame == "ping":
                        loop = asyncio.get_running_loop()
                        watchdog.reschedule(loop.time() + self._timing.heartbeat)
                        await transport.send("pong")
                        continue
                    if await self._received(transport, frame, config):
                        return end
        except TimeoutError:
            if watchdog.expired():
                raise await self._stuck(transport) from None
        finally:
            self._lifetime = None
            self.calls.connection_lost()
        if not end.refetch:
            self._websocket_failures = 0  # polled long enough: WebSocket gets another chance
        return end

    def look_at_the_clock(self) -> None:
        """The machine slept, or its clock was set: the channel may have ended meanwhile."""
        living, used = self._lifetime, self._used
        if living is None or used is None:
            return
        try:
            left, _ = self._life(used)
        except ChannelRefused:
            left = 0.0
        loop = asyncio.get_running_loop()
        if not living.expired() and left < (living.when() or math.inf) - loop.time():
            living.reschedule(loop.time() + left)

    def _life(self, config: PullConfig) -> tuple[float, ServiceAction]:
        """How long to stay connected, and what to do then; raises when the channel has ended."""
        left = _seconds_left(config, self.kind, self._portal_now(config))
        renewal = left + self._timing.renew_after * (1 + self._timing.jitter())
        if self.transport == "polling" and self._set.transport == "auto" and self._websocket_worked:
            shortest, longest = self._timing.websocket_again
            until = shortest + (longest - shortest) * self._timing.jitter()
            if until < renewal:
                return until, ServiceAction()
        return renewal, ServiceAction(refetch=True)

    def _url(self, config: PullConfig) -> str:
        mid = self.session.resume_point()
        began = self._began()
        if mid is None and (self._set.backfill or self._polls or began):
            mid = FULL_HISTORY
            if not self._set.backfill:
                self._is_baseline = not began
                is_all_new = self._stands and self.session.newest is None  # nothing was stored
                self._history_from = self._set.since if began and not is_all_new else None
        if not began:
            self._asked_at = self._timing.monotonic()
            asyncio.get_running_loop().call_later(self._timing.baseline, self._set.changed)
        return connection_url(
            config, transport=self.transport, channel=self.kind, mid=mid, secure=self._set.secure
        )

    def _answered(self, transport: Transport, answer: Accepted) -> None:
        self._is_baseline = self._is_baseline and not self._began()
        self.session.connected()
        self.renewal.note_point(self._timing.monotonic())
        self.session.advance(answer.last_message_id)
        if not self._stands:
            self._stands = True
            self._connection_made(transport)

    def _connection_made(self, transport: Transport) -> None:
        again = self._connections > 0 or self._set.resumed
        self.activity.connected(self._portal_now(self._set.source.in_force), again=again)
        if again:
            self.audit_due.set()
        self._connections += 1
        self._websocket_failures = 0
        self._websocket_worked |= not self._polls
        self.state, self.error = "connected", None
        self.calls.connection_made(transport.send)
        _log.info("%s: connected by %s", self.name, self.transport)
        self._set.changed()

    async def _received(self, transport: Transport, frame: str | bytes, config: PullConfig) -> bool:
        """Whether the frame asks to leave the connection."""
        received = self._take(frame)
        acknowledgements = self.session.stored(received)
        self._note(received, config)
        self.calls.answered(received.answers)
        for acknowledgement in acknowledgements:
            await transport.send(acknowledgement)
        if received.is_torn:
            self._mend()
        return self._pending_action is not None

    def _mend(self) -> None:
        """Ask again for what was torn, but not as fast as a broken line can answer."""
        if self._polls:
            raise ConnectionFailed(
                "the answer to a poll broke off, or is none of a push server. It is asked for "
                "again by itself."
            )
        self.audit_due.set()

    def _note(self, received: Received, config: PullConfig) -> None:
        self._pending_action = self._service_action(received, config) or self._pending_action
        if received.was_reset:
            self.audit_due.set()

    def _service_action(self, received: Received, config: PullConfig) -> ServiceAction | None:
        """What the push system says; of old, what it said about the channel that is in use."""
        actions = (service_action(event, config, self.kind) for event in received.services)
        return next(filter(None, actions), None)

    def handle_service(self, received: Received) -> None:
        """Leave the channel when an audit finds that it has ended: its announcement was missed."""
        self._note(received, self._set.source.in_force)
        living = self._lifetime
        if self._pending_action is not None and living is not None and not living.expired():
            living.reschedule(asyncio.get_running_loop().time())

    def _take(self, frame: str | bytes) -> Received:
        """The frame, in the sink, unless it is what was stored before the capture."""
        if self._is_baseline:
            self._is_baseline = False
            return self.ingest.pass_over(frame, self.transport)
        since, self._history_from = self._history_from, None
        received = self.ingest.keep(frame, self.transport, since=since)
        self.activity.received(received.records)
        return received

    def _lost(self, error: BxPullError) -> None:
        stood = self.state == "connected"
        self.activity.lost(error, stood=stood)
        if stood:
            self._set.stats.reconnects += 1
        if self.transport == "websocket":
            self._websocket_failures += 1
        self.state, self.error = "reconnecting", error
        _log.info("%s: %s", self.name, error)
        self._set.changed()

    async def _stuck(self, transport: Transport) -> ConnectionFailed:
        await transport.close(_STUCK, "stuck")
        return ConnectionFailed(
            f"the push server sent no further ping for {self._timing.heartbeat:g} s: the "
            f"connection hangs. It is opened again by itself."
        )

    def _portal_now(self, config: PullConfig) -> float:
        """Unix seconds by the portal's clock."""
        return self._timing.clock() / 1e9 + config.clock_offset.total_seconds()

    @property
    def _polls(self) -> bool:
        return self.transport == "polling"


def _seconds_left(config: PullConfig, kind: str | None, now: float) -> float:
    """How long the channel, or the jwt and its channels, still live; raises once one has ended."""
    channels = [config.channel(kind)] if kind else config.channels.values()
    ends = [channel.end.timestamp() for channel in channels]
    if config.jwt is not None and config.exp:
        ends.append(config.exp)
    if not ends:
        return 3600.0 * 12  # nobody told: channels live twelve hours
    left = min(ends) - now
    if left <= 0:
        raise ChannelRefused(
            f"the {kind or 'jwt'} channel of this config has ended. A fresh config is fetched; if "
            f"this stays, the portal's clock is wrong."
        )
    return left
