"""The lanes of one capture, and their common state.

Each chosen channel type has one lane, that is one connection: protocol 4 does not say by which
channel a message came, only a connection of its own does (protocol 2.4).
"""

from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bxpull_nb.errors import BxPullError, ConnectionFailed
from bxpull_nb.listener.audit import keep_auditing, watch_for_stalls
from bxpull_nb.listener.awake_clock import AwakeClock
from bxpull_nb.listener.beginning import find_beginning
from bxpull_nb.listener.config_source import ConfigSource
from bxpull_nb.listener.lane import Lane
from bxpull_nb.listener.retry_wait import RetryWait
from bxpull_nb.listener.settings import LaneSettings, ListenerStats, Timing
from bxpull_nb.listener.target import CaptureTarget
from bxpull_nb.models import Batch, LogEntry, PullConfig
from bxpull_nb.protocol.codec import codec_for
from bxpull_nb.protocol.session import Resume, SeenMids, Session

__all__ = ["Listener"]

_JSON_RPC_VERSION = 5


class Listener:
    """Listens until cancelled, and hands every batch of new records to `target`.

    `fetch_config` gives the connection config. `backfill` starts with everything stored instead
    of from now, `resume` where an earlier process stopped; a channel without a position there
    starts at the beginning of that capture.
    """

    def __init__(
        self,
        fetch_config: Callable[[], Awaitable[PullConfig]],
        target: CaptureTarget,
        *,
        channels: Sequence[str],
        transport: str = "auto",
        secure: bool = True,
        backfill: bool = False,
        resume: Resume | None = None,
        stats: ListenerStats | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.stats = stats or ListenerStats()
        self.lanes: list[Lane] = []
        self._timing = timing or Timing()
        self._source = ConfigSource(fetch_config, self._timing, self._config_failed)
        self._config_error: BxPullError | None = None
        self._began_at: float | None = None
        self._target = target
        self._channels = tuple(channels)
        self._transport = transport
        self._secure = secure
        self._backfill = backfill
        self._resume = resume or Resume()

    @property
    def config(self) -> PullConfig | None:
        """The connection config in force."""
        return self._source.current

    @property
    def state(self) -> str:
        """`connecting`, `connected` (the server has accepted every lane) or `reconnecting`."""
        states = {lane.state for lane in self.lanes} or {"connecting"}
        for state in ("reconnecting", "connecting"):
            if state in states:
                return state
        return "connected"

    @property
    def ready(self) -> bool:
        """Whether nothing that is published from now on can be missed."""
        return bool(self.lanes) and all(lane.ready for lane in self.lanes)

    @property
    def error(self) -> BxPullError | None:
        """Why a lane is not connected; None while all are."""
        if self.state == "connected":
            return None
        return next((lane.error for lane in self.lanes if lane.error), self._config_error)

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports in use now, without repetition."""
        return tuple(dict.fromkeys(lane.transport for lane in self.lanes if lane.transport))

    @property
    def next_try(self) -> float | None:
        """Seconds until the next try to connect; None while none is due."""
        return min((wait.left for wait in self._waits if wait.left is not None), default=None)

    def retry_now(self) -> None:
        """Try at once, instead of waiting; on the listener's own loop."""
        for wait in self._waits:
            wait.end()

    @property
    def _waits(self) -> list[RetryWait]:
        return [self._source.retry, *(lane.retry for lane in self.lanes)]

    def clock(self) -> int:
        """Return the time of this machine's clock in Unix nanoseconds."""
        return self._timing.clock()

    def resume_state(self) -> Resume:
        """Return the state in which it stopped, for another listener to continue from."""
        lanes, before = self.lanes, self._resume
        return Resume(
            {**before.seen, **{lane.kind: lane.session.seen for lane in lanes}},
            {**before.last, **{lane.kind: Batch(position=lane.session.position) for lane in lanes}},
            before.since or self._began_at,
            channels={**before.channels, **{lane.kind: lane.renewal.past for lane in lanes}},
        )

    async def run(self) -> None:
        """Listen on every lane until cancelled; raises errors that trying again cannot mend."""
        config = await self._source.first()
        settings = self._settings(config)
        self.lanes = self._open_lanes(config, settings)
        try:
            async with TaskGroup() as tasks:
                for lane in self.lanes:
                    tasks.create_task(lane.run())
                    tasks.create_task(keep_auditing(lane, settings))
                    if lane.history.needs_baseline and self._transport != "polling":
                        tasks.create_task(find_beginning(lane, settings))
                tasks.create_task(settings.awake.run())
                tasks.create_task(watch_for_stalls(self.lanes, settings))
        except* BxPullError as errors:
            raise _first(errors) from None

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method of a JSON-RPC push server (version 5 and later).

        Raises ConnectionFailed without such a connection, CallFailed for the server's refusal.
        """
        config = self.config
        if config is not None and config.server.version < _JSON_RPC_VERSION:
            raise ConnectionFailed(
                f"{method}: the push server's version is {config.server.version}; it answers "
                f"calls from version {_JSON_RPC_VERSION} on."
            )
        for lane in self.lanes:
            if lane.state == "connected" and lane.transport == "websocket":
                return await lane.calls.call(method, params)
        raise ConnectionFailed(
            f"{method}: there is no WebSocket to the push server to call it by. Listen with "
            f"transport='websocket', and wait for feed.state to be 'connected'."
        )

    def _settings(self, config: PullConfig) -> LaneSettings:
        return LaneSettings(
            source=self._source,
            target=self._target,
            stats=self.stats,
            timing=self._timing,
            awake=AwakeClock(self._timing.monotonic),
            transport=self._transport,
            secure=self._secure,
            backfill=self._backfill,
            since=self._since(config),
            resumed=self._resume.since is not None,
            past=self._resume.channels,
        )

    def _since(self, config: PullConfig) -> float:
        """Return when the capture began; it may begin now."""
        if self._resume.since is not None:
            return self._resume.since
        now = self._began_at = config.portal_time.timestamp()
        self._target.began(now)
        return now

    def _open_lanes(self, config: PullConfig, settings: LaneSettings) -> list[Lane]:
        """Return one lane for each channel type, or a single one where a jwt decides."""
        kinds: Sequence[str | None] = self._channels
        if config.jwt is not None and config.server.version >= _JSON_RPC_VERSION:
            kinds = (None,)
        elif not config.channels:
            kinds = (None,)  # nothing to connect with: the lane reports that
        else:
            for kind in self._channels:
                config.channel(kind)
        codec = codec_for(config.server.version)
        resume, family = self._resume, next(iter(self._resume.seen.values()), SeenMids())
        sessions = {
            kind: Session(codec, resume.seen.get(kind) or family.sibling()) for kind in kinds
        }
        for known in sessions.keys() & resume.last.keys():
            sessions[known].restore(resume.last[known])
        lanes = [Lane(one, session, settings) for one, session in sessions.items()]
        if resume.stopped_us is not None:  # the time before is for the earlier process to report
            began_us = min(resume.stopped_us, self.clock() // 1000)
            self.stats.covered_us |= {lane.name: began_us for lane in lanes}
        return lanes

    def _config_failed(self, error: BxPullError) -> None:
        self._config_error = error
        at_us = self._timing.clock() // 1000
        self._target.happened(LogEntry(at_us=at_us, kind="config_failed", text=str(error)))
        self._target.changed()


def _first(errors: BaseExceptionGroup[BxPullError]) -> BxPullError:
    """Return the first error of a group, at any depth."""
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise RuntimeError("an exception group is never empty")
