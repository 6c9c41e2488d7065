"""Runs one channel's connections, applying decisions from `session` and `retry_policy`.

The order is a law: the target first, then the position, then the acknowledgement. A break in
between costs a duplicate, which the session drops; never a loss.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing

from bxpull_nb.errors import BxPullError, ChannelRefused, ConnectionFailed
from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.listener.audit_pace import AuditPace
from bxpull_nb.listener.channel_renewal import ChannelRenewal
from bxpull_nb.listener.connection_life import ConnectionLife
from bxpull_nb.listener.ingest import Ingest
from bxpull_nb.listener.poll_pace import PollPace
from bxpull_nb.listener.retry_wait import RetryWait
from bxpull_nb.listener.rpc_calls import RpcCalls
from bxpull_nb.listener.service_messages import ServiceAction, service_action
from bxpull_nb.listener.settings import LaneSettings
from bxpull_nb.listener.transport import Accepted, Transport
from bxpull_nb.listener.transport_choice import TransportChoice
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.endpoint import FULL_HISTORY, connection_url
from bxpull_nb.protocol.retry_policy import is_transient
from bxpull_nb.protocol.session import HistoryPolicy, Received, Session

__all__ = ["Lane"]

_log = logging.getLogger("bxpull_nb")
_STUCK = 3005  # close code: the heartbeat stopped


class Lane:
    """The connections to one channel type; `kind` None is for a jwt, which names no channel."""

    def __init__(self, kind: str | None, session: Session, settings: LaneSettings) -> None:
        timing, target = settings.timing, settings.target
        self.kind = kind
        self.session = session
        self.state = "connecting"
        self.transport = ""
        self.error: BxPullError | None = None
        self.calls = RpcCalls()
        self.audit_due = asyncio.Event()
        self.audit_pace = AuditPace(timing.monotonic)
        self.activity = LaneActivity(self.name, target, timing.clock)
        self.renewal = ChannelRenewal(kind, session, settings.source, settings.past.get(kind))
        if session.seen.is_behind:  # the process before ended before it followed a reset
            self.renewal.ask_again(FULL_HISTORY)
        self.history = HistoryPolicy(
            session,
            since=settings.since,
            resumed=settings.resumed,
            backfill=settings.backfill,
        )
        self.retry = RetryWait(timing)
        self.ingest = Ingest(kind, self.history, settings, self.activity)
        self.life = ConnectionLife(kind, settings)
        self._poll_pace = PollPace(timing.sleep)
        self._choice = TransportChoice(settings.transport, timing.baseline)
        self._set = settings
        self._timing = timing
        self._pending_action: ServiceAction | None = None
        self._noted_beginning: str | None = None
        self._connections = 0
        self._is_up = False  # the server has accepted the present connection

    @property
    def name(self) -> str:
        """The channel's type, for people."""
        return self.kind or "jwt"

    @property
    def ready(self) -> bool:
        """Whether no stored message that is published from now on can be missed.

        The server has accepted the connection, or holds the poll, and it is known after which
        message the capture began.
        """
        history = self.history
        return self.state == "connected" and (history.seems_empty or not history.needs_baseline)

    @property
    def is_settled(self) -> bool:
        """Whether an audit of its channel covers all: no other channel has messages for it."""
        return self._pending_action is None and self.renewal.is_settled

    @property
    def can_audit(self) -> bool:
        """Whether it is known what an audit should ask for; polls find the beginning themselves."""
        return not self._polls or not self.history.needs_baseline

    def note_beginning(self) -> None:
        """Have the target note after which message the capture began, once that is known.

        That the server seems to store nothing is noted too: the process may be killed.
        """
        began = self.session.beginning or (FULL_HISTORY if self.history.seems_empty else None)
        if not self._set.resumed and began not in (None, self._noted_beginning):
            self._noted_beginning = began
            self._set.target.began(self._set.since, [(self.kind, began)])

    async def run(self) -> None:
        """Listen until cancelled; raises errors that trying again cannot mend."""
        if self._set.resumed and not self.session.has_begun:
            self.activity.beginning_not_stored()
        delays = self._timing.delays()
        while True:
            config = self._set.source.in_force
            self.renewal.retire_older(polls=self._polls)
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
                await self.retry.wait(next(delays))
                action = ServiceAction(refetch=isinstance(exc, ChannelRefused))
            if self._pending_action is not None:  # announced before the connection ended
                action, self._pending_action = self._pending_action, None
                config = self.renewal.outdated(config)
            await self._apply_action(action, config)

    def follow_siblings(self) -> None:
        """Start over after a reset that another lane noticed; call it before each request."""
        if self.ingest.follow_siblings():
            self.renewal.ask_again(FULL_HISTORY)

    def handle_service(self, received: Received) -> None:
        """Leave the channel when an audit finds that it has ended: its announcement was missed."""
        self._note(received, self._set.source.in_force)
        if self._pending_action is not None:
            self.life.end()

    def leave_outdated(self) -> None:
        """Leave the channel when the config that another lane fetched has its successor."""
        if self.state == "connected" and self._pending_action is None and self.renewal.is_behind:
            self._pending_action = ServiceAction(refetch=True)
            self.life.end()

    async def _apply_action(self, action: ServiceAction, config: PullConfig) -> None:
        if action.pause:
            shortest, longest = self._timing.restart_pause
            pause = shortest + (longest - shortest) * self._timing.jitter()
            self.activity.restarting(pause)
            self.state = "reconnecting"
            self._set.target.changed()
            await self._timing.sleep(pause)
        if action.refetch or action.verify:
            await self._set.source.renew(config)
        if action.channel is not None or action.refetch:
            self.activity.renewed()

    async def _listen_once(self, config: PullConfig) -> ServiceAction:
        """Run one connection; returns what to do after its orderly end."""
        if self._pending_action is not None:
            return self._pending_action
        transport = self._choice.next(config.server)
        self.transport = transport.name
        self.activity.trying(self.transport)
        self._is_up = False
        end = self.life.begin(config, is_fallback=self._polls and self._choice.websocket_worked)
        try:
            async with self.life.running(), asyncio.timeout(None) as watchdog:
                if await self._read_frames(transport, config, watchdog):
                    return end
        except TimeoutError:
            if watchdog.expired():
                raise await self._stuck(transport) from None
        finally:
            self.calls.connection_lost()
            self._choice.ended(transport)
        return end

    async def _read_frames(
        self, transport: Transport, config: PullConfig, watchdog: asyncio.Timeout
    ) -> bool:
        """Whether a frame asked to leave the connection."""
        async with aclosing(transport.frames(lambda: self._url(config))) as frames:
            async for came in frames:
                if isinstance(came, Accepted):
                    self._accepted(transport, came)
                    if came.is_empty:
                        await self._poll_pace.answered(0)
                    continue
                if "ping" in came:
                    now = asyncio.get_running_loop().time()
                    watchdog.reschedule(now + self._timing.heartbeat)
                    await transport.send("pong")
                    came = [frame for frame in came if frame != "ping"]
                if came and await self._received(transport, came, config):
                    return True
        return False

    def _url(self, config: PullConfig) -> str:
        self.follow_siblings()
        mid = self.history.next_mid(polls=self._polls)
        return connection_url(
            config, transport=self.transport, channel=self.kind, mid=mid, secure=self._set.secure
        )

    def _accepted(self, transport: Transport, answer: Accepted) -> None:
        if answer.is_held:
            self._poll_pace.held()
            self.history.begin_held()
        elif answer.is_empty:
            self.history.begin(None)
        if not answer.is_held:
            self.history.accepted(self._set.awake())
            self.renewal.note_point(self._timing.monotonic())
            self.session.advance(answer.last_message_id)
        self.history.note_position(self._set.awake())
        self.note_beginning()
        if not self._is_up:
            self._is_up = True
            self._connection_made(transport)

    def _connection_made(self, transport: Transport) -> None:
        again = self._connections > 0 or self._set.resumed
        self.activity.connected(self._set.source.portal_now(), again=again)
        if again:
            self.audit_due.set()
        self._connections += 1
        self._choice.connected(self.transport)
        self.state, self.error = "connected", None
        self.calls.connection_made(transport.send)
        _log.info("%s: connected by %s", self.name, self.transport)
        self._set.target.changed()

    async def _received(
        self, transport: Transport, frames: Sequence[str | bytes], config: PullConfig
    ) -> bool:
        """Whether one of the frames asks to leave the connection."""
        is_torn, new = False, 0
        for received in self.ingest.keep(frames, self.transport):
            acknowledgements = self.session.stored(received)
            self.note_beginning()
            self._note(received, config)
            self.calls.received(received.batch.frame)
            if acknowledgements:
                await transport.send(*acknowledgements)
            is_torn |= received.is_torn
            new += len(received.batch.records)
        if is_torn:
            self._ask_torn_again()
        if self._polls:
            await self._poll_pace.answered(new)
        if self.audit_pace.add(sum(map(len, frames))):
            self.audit_due.set()
        return self._pending_action is not None

    def _ask_torn_again(self) -> None:
        """Ask again for torn messages, but not as fast as a broken server can answer."""
        if self._polls:
            raise ConnectionFailed(
                "the answer to a poll broke off, or is none of a push server. It is asked for "
                "again automatically."
            )
        self.audit_due.set()

    def _note(self, received: Received, config: PullConfig) -> None:
        """Note what the push system asks for, and that a reset needs an audit.

        `config` is the one in use: an old message may speak of an older channel.
        """
        if received.service_messages:
            actions = (service_action(one, config, self.kind) for one in received.service_messages)
            if (action := next(filter(None, actions), None)) is not None:
                self._pending_action = action
                if action.channel is not None:  # a lane that stops now knows it, too
                    self._set.source.take_over(action.channel)
        if received.was_reset:
            self.renewal.ask_again(FULL_HISTORY)
            self.audit_due.set()

    def _lost(self, error: BxPullError) -> None:
        stood = self.state == "connected"
        self.activity.lost(error, stood=stood)
        if stood:
            self._set.stats.reconnects += 1
        self._choice.failed(self.transport)
        self.state, self.error = "reconnecting", error
        _log.info("%s: %s", self.name, error)
        self._set.target.changed()

    async def _stuck(self, transport: Transport) -> ConnectionFailed:
        await transport.close(_STUCK, "stuck")
        return ConnectionFailed(
            f"the push server sent no further ping for {self._timing.heartbeat:g} s: the "
            f"connection hangs. It is opened again automatically."
        )

    @property
    def _polls(self) -> bool:
        return self.transport == "polling"
