"""Sources in a test's own loop, on a sandbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bxpull_nb.errors import PortalUnreachable
from bxpull_nb.listener import Listener, ListenerStats, Timing
from bxpull_nb.models import Record
from bxpull_nb.models.source_stats import SourceStats
from bxpull_nb.protocol.session import Resume
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken, OAuthApp
from bxpull_nb.rest.auth.store import MemoryStore
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.sources import Sources, SourcesDriver
from bxpull_nb.storage.journal import Journal
from tests.support.listening import no_delays
from tests.support.targets import ListTarget

__all__ = ["Call", "LossyClient", "SourcesRun", "renewing", "running"]

Call = tuple[str, Mapping[str, Any]]
QUICK: dict[str, Any] = {
    "source_rate": 1000.0,
    "offline_every": 1000.0,
    "adopt_after": 0.05,
    "chat_every": 0.02,
    "late": 0.0,
}


class LossyClient(RestClient):
    """A client whose calls fail on demand: before the portal has them, or after.

    `fails` names methods and `before` or `after`; each is used once. `calls` is what was called.
    """

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        self.fails: list[tuple[str, str]] = []
        self.calls: list[Call] = []

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call the method, and fail where that was asked for."""
        self.calls.append((method, params or {}))
        if (method, "before") in self.fails:
            self.fails.remove((method, "before"))
            raise PortalUnreachable("the question is lost", method=method)
        answer = await super().call(method, params)
        if (method, "after") in self.fails:
            self.fails.remove((method, "after"))
            raise PortalUnreachable("the answer is lost", method=method)
        return answer

    def count(self, method: str) -> int:
        """Return how often the method was called."""
        return sum(name == method for name, _ in self.calls)


class SourcesRun:
    """A driver with its sources, and a list as its target."""

    def __init__(
        self,
        rest: LossyClient,
        options: Sources,
        *,
        resume: Resume | None = None,
        journal: Journal | None = None,
        backfill: bool = False,
        **timing: Any,
    ) -> None:
        self.rest = rest
        self._moved = asyncio.Event()
        self.target = ListTarget(journal, self._moved.set)
        self.counters = ListenerStats()
        chosen = Timing(delays=no_delays, **{**QUICK, **timing})
        listener = partial(Listener, rest.fetch_config, timing=chosen)
        self.driver = SourcesDriver(
            listener,
            rest,
            options,
            chosen,
            self.target,
            backfill=backfill,
            resume=resume,
            stats=self.counters,
            channels=("shared",),
            transport="websocket",
        )

    @property
    def rows(self) -> list[Record]:
        """The records of the sources, without those of the channels."""
        return [record for record in self.target.records if record.source != "channel"]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the sources' log entries."""
        entries = self.target.entries
        return [entry.kind for entry in entries if entry.channel in ("offline", "chat")]

    def text(self, kind: str) -> str:
        """Return the text of the first log entry of this kind."""
        return next(entry.text for entry in self.target.entries if entry.kind == kind)

    def stats(self, name: str = "offline") -> SourceStats:
        """Return the counters of a source."""
        return self.counters.sources[name]

    async def until_rows(self, count: int) -> None:
        """Wait until the sources have brought so many rows."""
        await self.until(lambda: len(self.rows) >= count)
        assert len(self.rows) == count

    async def until(self, reached: Callable[[], object]) -> None:
        """Wait for the condition, 60 s at most."""
        async with asyncio.timeout(60):
            while not reached():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), 0.01)
                self._moved.clear()


@contextlib.asynccontextmanager
async def running(
    sandbox: Sandbox,
    events: str | list[str] | None = "crm",
    *,
    folder: Path | None = None,
    auth: Any = None,
    sleep: Any = asyncio.sleep,
    fails: tuple[tuple[str, str], ...] = (),
    options: Mapping[str, Any] | None = None,
    **how: Any,
) -> AsyncIterator[SourcesRun]:
    """Run sources on the sandbox meanwhile; wait until they have begun, or failed."""
    rest = LossyClient(auth or AccessToken(sandbox.url, sandbox.token), limit=None, sleep=sleep)
    rest.fails = list(fails)
    journal = None if folder is None else Journal(folder, "frame").open()
    if journal is not None:
        how["resume"] = journal.resume()
    run = SourcesRun(rest, Sources.of(events, **(options or {})), journal=journal, **how)
    task = asyncio.create_task(run.driver.run())
    try:
        await run.until(lambda: run.driver.ready or task.done())
        yield run
    finally:
        task.cancel()
        await asyncio.wait([task])
        await rest.aclose()
        if journal is not None:
            journal.close()


def renewing(sandbox: Sandbox) -> OAuthApp:
    """Return the authorization of an application that renews its token."""
    return OAuthApp(
        sandbox.url,
        sandbox.client_id,
        sandbox.client_secret,
        token=sandbox.token,
        refresh_token=sandbox.refresh_token,
        store=MemoryStore(),
    )
