"""Drives a listener together with the other sources of a feed."""

import asyncio
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from bxpull_nb.errors import ApiError, BxPullError
from bxpull_nb.listener import CaptureTarget, Listener, ListenerStats, Timing
from bxpull_nb.models import PullConfig
from bxpull_nb.protocol.session import Resume, SeenMids
from bxpull_nb.rest import RestClient
from bxpull_nb.sources.chat import ChatSource
from bxpull_nb.sources.doorbell import Doorbell, DoorbellTarget
from bxpull_nb.sources.keep_running import keep_running
from bxpull_nb.sources.noted import ProcessNote
from bxpull_nb.sources.offline import OfflineSource
from bxpull_nb.sources.options import Sources
from bxpull_nb.sources.paced import PacedClient
from bxpull_nb.sources.source_log import SourceLog

__all__ = ["SourcesDriver"]


class OpenListener(Protocol):
    """Makes the listener of a feed's channels; nothing runs yet."""

    def __call__(self, target: CaptureTarget, **how: Any) -> Listener:
        """Return the listener that hands its batches to `target`."""
        ...


class SourcesDriver:
    """A listener and the sources of `options`, as one driver of a feed.

    The listener decides on the state of the feed; a source that cannot run is logged, and the
    others go on. The other arguments are those of a `Listener`.
    """

    def __init__(
        self,
        open_listener: OpenListener,
        rest: RestClient,
        options: Sources,
        timing: Timing,
        target: CaptureTarget,
        *,
        backfill: bool,
        resume: Resume | None,
        stats: ListenerStats,
        **how: Any,
    ) -> None:
        self.options = options
        self._resume = resume or Resume()
        self._rest = rest
        self._timing = timing
        self._target = target
        self._backfill = backfill
        self._stats = stats
        self._client = PacedClient(
            rest, timing.source_rate, monotonic=timing.monotonic, sleep=timing.sleep
        )
        self._bell = Doorbell(options.auth_connector)
        self.sources = list[OfflineSource | ChatSource]()
        if options.events:
            self.sources.append(self._offline())
        if options.chat:
            self.sources.append(self._chat())
        self._listener = open_listener(
            DoorbellTarget(target, self._bell),
            backfill=backfill,
            resume=resume,
            stats=stats,
            **how,
        )

    @property
    def state(self) -> str:
        """`connecting`, `connected` or `reconnecting`: the listener's."""
        return self._listener.state

    @property
    def ready(self) -> bool:
        """Whether nothing that happens from now on can be missed."""
        has_begun = all(source.log.stats.state != "starting" for source in self.sources)
        return has_begun and self._listener.ready

    @property
    def error(self) -> BxPullError | None:
        """Why a channel is not connected; None while all are."""
        return self._listener.error

    @property
    def config(self) -> PullConfig | None:
        """The connection config in force."""
        return self._listener.config

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports in use now."""
        return self._listener.transports

    def resume_state(self) -> Resume:
        """Return the state in which it stopped, for another one to continue from."""
        seen = {source.log.name: source.seen for source in self.sources}
        sources = {**self._resume.sources, **seen}
        return msgspec.structs.replace(
            self._listener.resume_state(), sources=sources, folder=self._resume.folder
        )

    def clock(self) -> int:
        """Return the time of this machine's clock in Unix nanoseconds."""
        return self._listener.clock()

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method of the push server; see `Listener.call`."""
        return await self._listener.call(method, params)

    async def unbind(self) -> None:
        """End the bindings and the subscription; raises the portal's refusal."""
        for source in self.sources:
            if source.log.stats.state != "failed":
                await source.unbind()
                source.log.note("unbound", "unbound: the portal queues nothing more for this feed.")

    async def run(self) -> None:
        """Listen and read until cancelled; raises the errors of the listener."""
        self._rest.on_wait.append(self._waited)
        tasks = [asyncio.create_task(keep_running(one, self._timing)) for one in self.sources]
        try:
            await self._listener.run()
        finally:
            self._rest.on_wait.remove(self._waited)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end()

    async def _end(self) -> None:
        """End the bindings if that was asked for; the portal may not answer any more."""
        if self.options.unbind:
            with suppress(BxPullError):
                await self.unbind()
        for source in self.sources:
            source.log.stopped()

    def _waited(self, error: ApiError, seconds: float) -> None:
        """Log that a call waits because of the portal's limits."""
        for source in self.sources[:1]:
            source.log.limited(error, seconds)

    def _offline(self) -> OfflineSource:
        name, options = "offline", self.options
        return OfflineSource(
            self._client,
            options,
            self._target,
            self._log(name),
            self._timing,
            bell=self._bell,
            seen=self._resume.sources.get(name) or SeenMids(),
            note=ProcessNote(self._resume.folder, options.auth_connector),
        )

    def _chat(self) -> ChatSource:
        return ChatSource(
            self._client,
            self._target,
            self._log("chat"),
            self._timing,
            seen=self._resume.sources.get("chat") or SeenMids(),
            backfill=self._backfill,
            since=self._resume.since,
        )

    def _log(self, name: str) -> SourceLog:
        return SourceLog(name, self._target, self._stats, self._timing.clock)
