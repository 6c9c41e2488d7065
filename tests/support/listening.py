"""Listeners in a test's own loop, and every way in which they are tested."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import repeat
from typing import Any

from bxpull_nb.listener import Listener, Timing
from bxpull_nb.models import Batch, PullConfig, Record
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.rows import params

BOTH = ("shared", "private")


class Capture:
    """A listener in a test's own loop, with a list as its sink."""

    patience = 20.0  # seconds

    def __init__(self, fetch: Callable[[], Awaitable[PullConfig]], **how: Any) -> None:
        self.records: list[Record] = []
        self.waits: list[float] = []
        self.failure: Exception | None = None
        timing = Timing(delays=no_delays, sleep=self._sleep, **how.pop("timing", {}))
        journal = how.pop("journal", None)
        sink = journal.taking(self._store) if journal else self._store
        settings: dict[str, Any] = {"channels": BOTH, "timing": timing} | how
        self.listener = Listener(fetch, sink, changed=self._changed, **settings)
        self._moved = asyncio.Event()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the condition, 20 s at most."""
        async with asyncio.timeout(self.patience):
            while not reached():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), 0.02)
                self._moved.clear()

    async def until_stored(self, count: int) -> None:
        """Wait until so many records are stored."""
        await self.until(lambda: len(self.records) >= count)

    @property
    def numbers(self) -> list[int]:
        """The number `n` of every event, sorted."""
        return sorted(params(record)["n"] for record in self.records)

    def _store(self, batch: Batch) -> None:
        if self.failure:
            raise self.failure
        self.records.extend(batch.records)
        self._moved.set()

    def _changed(self) -> None:
        self._moved.set()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)


def no_delays() -> Iterator[float]:
    """Reconnect at once."""
    return repeat(0.0)


Fetch = Callable[[], Awaitable[PullConfig]]


def run(
    sandbox: Sandbox,
    scenario: Callable[[Capture, asyncio.Task[None]], Awaitable[None]],
    *,
    altered: Callable[[RestClient], Fetch] | None = None,
    **how: Any,
) -> Capture:
    """Play the scenario with a running listener on the sandbox; return its capture.

    `altered` makes the listener's config function from the REST client.
    """

    async def play() -> Capture:
        rest = RestClient(AccessToken(sandbox.url, sandbox.token))
        fetch = altered(rest) if altered else rest.fetch_config
        capture = Capture(fetch, **how)
        task = asyncio.create_task(capture.listener.run())
        task.add_done_callback(lambda _: capture._moved.set())
        try:
            await scenario(capture, task)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await rest.aclose()
        return capture

    return asyncio.run(play())


VERSIONS = [3, 4, 5]
EVERYWHERE = [(version, how) for version in VERSIONS for how in ("websocket", "polling")]
QUICK_AUDIT: dict[str, Any] = {"audit_wait": 0.3}


def mine(capture: Capture) -> list[Any]:
    """Return the test's own events, without those of the push system."""
    return [record for record in capture.records if record.command == "a"]
