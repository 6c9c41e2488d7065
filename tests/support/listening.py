"""Listeners in a test's own loop, and every way in which they are tested."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import repeat
from typing import Any

from bxpull_nb.listener import Listener, Timing
from bxpull_nb.models import PullConfig, Record
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from tests.support.rows import params
from tests.support.targets import ListTarget

BOTH = ("shared", "private")


class Capture:
    """A listener in a test's own loop, with a list as its target."""

    patience = 20.0  # seconds

    def __init__(self, fetch: Callable[[], Awaitable[PullConfig]], **how: Any) -> None:
        self.waits: list[float] = []
        self.states: list[str] = []  # of the listener, in each wait
        chosen = {"late": 0.0} | how.pop("timing", {})  # faults are for lanes: the poll soon ends
        timing = Timing(delays=no_delays, sleep=self._sleep, **chosen)
        settings: dict[str, Any] = {"channels": BOTH, "timing": timing} | how
        self._moved = asyncio.Event()
        self.target = ListTarget(settings.pop("journal", None), self._moved.set)
        self.listener = Listener(fetch, self.target, **settings)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the condition, 20 s at most."""
        async with asyncio.timeout(self.patience):
            while not reached():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._moved.wait(), 0.02)
                self._moved.clear()

    async def until_alone(self, sandbox: Sandbox) -> None:
        """Wait until the sandbox has one listener a lane: the poll for the beginning has gone.

        Otherwise a fault that was meant for a lane could meet that poll.
        """
        count = len(self.listener.lanes)
        await self.until(lambda: f"listeners {count}" in repr(sandbox))

    async def until_stored(self, count: int) -> None:
        """Wait until so many records are stored."""
        await self.until(lambda: len(self.records) >= count)

    @property
    def records(self) -> list[Record]:
        """Every record so far."""
        return self.target.records

    @property
    def numbers(self) -> list[int]:
        """The number `n` of every event, sorted."""
        return sorted(params(record)["n"] for record in self.records)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.states.append(self.listener.state)
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
