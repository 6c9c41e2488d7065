"""A capture through a proxy, and everything that a fault of the storm may touch."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count, repeat
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.errors import BxPullError
from bxpull_nb.listener import Timing
from bxpull_nb.models import PullConfig
from bxpull_nb.portal import Portal
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal
from tests.faults.clock import SettableClock
from tests.faults.disk import Disk, disk_for
from tests.faults.proxy import FaultProxy
from tests.faults.rival import Rival
from tests.faults.truth import COMMAND, Truth
from tests.support.listening import BOTH

__all__ = ["Site", "open_site", "quick"]

_START_AGAIN = 0.1  # seconds after a start that failed
_QUIET = 200  # events of the busy channel for one of the quiet channel


@dataclass(kw_only=True)
class Site:
    """A running feed, its surroundings, and the truth about what was published."""

    sandbox: Sandbox
    proxy: FaultProxy
    feed: Feed
    transport: str
    folder: Path
    disk: Disk
    rival: Rival
    clock: SettableClock
    seed: int
    random: Random
    truth: Truth = field(default_factory=Truth)
    wrong: list[str] = field(default_factory=list)
    """What should not have happened, in words."""
    quiet: str | None = None
    """The channel that gets hardly any event at present."""
    unstored: int = 0
    """How many of the next events the server does not store."""
    clock_set_at: float = float("-inf")
    """When the clock was set last, by the monotonic clock."""
    resets_before_wipe: int = -1
    """How many resets the report counted when the server was last wiped."""
    ended: dict[str, str] = field(default_factory=dict)
    """The channel of each type that was ended last."""
    _due: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _orders: Iterator[int] = field(default_factory=count)

    def publish(self) -> None:
        """Publish the next event, to one channel or both."""
        with self.truth.lock:
            number, is_stored = len(self.truth.events), self.unstored <= 0
            if not is_stored:
                self.unstored -= 1
                self.sandbox.store_nothing(1)
            channel = self._channel_of(number)
            mid = self.sandbox.publish(COMMAND, {"n": number}, channel=channel)
            self.truth.add(self.clock.now_us(), mid, is_stored=is_stored)

    def publish_hostile(self, body: str, sender: str) -> None:
        """Publish a hostile body."""
        with self.truth.lock:
            mid = self.sandbox.publish_raw(body, channel=self.random.choice(BOTH), sender=sender)
            if '"pull"' not in body:  # else it cannot be distinguished from the push system's
                self.truth.add_hostile(mid)

    def wipe(self) -> None:
        """Wipe the server's storage, between two events."""
        self.resets_before_wipe = self.feed.report().resets
        with self.truth.lock:
            self.truth.wiped()
            self.sandbox.wipe_history()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Have `run_due` run the action after so long."""
        heappush(self._due, (time.monotonic() + seconds, next(self._orders), action))

    def run_due(self, until: float = 0.0) -> None:
        """Run the actions that are due now, or at `until` by the monotonic clock."""
        while self._due and self._due[0][0] <= max(until, time.monotonic()):
            _, _, action = heappop(self._due)
            action()

    def start(self, **how: Any) -> None:
        """Start the feed, maybe in another way; again later where it fails."""
        try:
            self.feed.start(**how, timeout=0.05)
        except BxPullError:
            self.later(_START_AGAIN, lambda: self.start(**how))

    def heal(self) -> None:
        """End every fault that lasts, and let the feed run as it began."""
        self.run_due(time.monotonic() + 10)
        self.disk.is_full, self.quiet = False, None
        self.proxy.heal()
        self.feed.start(BOTH, self.transport, timeout=10)

    def _channel_of(self, number: int) -> str | tuple[str, ...]:
        if self.quiet is not None:
            busy = BOTH[BOTH.index(self.quiet) - 1]
            return busy if number % _QUIET else self.quiet
        return BOTH if number % 7 == 0 else BOTH[number % 2]


@contextmanager
def open_site(version: int, transport: str, seed: int, history: int) -> Iterator[Site]:
    """Open a sandbox that stores `history` messages, a proxy to it, and a feed with a journal."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory()))
        sandbox = opened.enter_context(
            Sandbox(server_version=version, rpc_ping=0.2, poll_hold=2.0, history_limit=history)
        )
        proxy = opened.enter_context(FaultProxy(sandbox.url.split("//")[1]))
        clock = SettableClock()
        auth = AccessToken(sandbox.url, sandbox.token)
        portal = opened.enter_context(Portal(auth, limit=None, timing=quick(clock)))
        portal.rest = _ProxiedRest(auth, proxy)
        disk = opened.enter_context(disk_for(folder))
        rival = opened.enter_context(Rival(folder))
        feed = portal.feed(BOTH, transport)
        site = Site(
            sandbox=sandbox, proxy=proxy, feed=feed, transport=transport, folder=folder, disk=disk,
            rival=rival, clock=clock, seed=seed, random=Random(seed),
        )  # fmt: skip
        opened.enter_context(feed.subscribed(site.truth.receive))
        journal = Journal(folder, "os", rotate_bytes=4 * 1024 * 1024, clock=clock)
        assert bx.listen(portal, BOTH, transport, journal=journal) is feed
        yield site


class _ProxiedRest(RestClient):
    """A REST client whose configs lead through the proxy."""

    def __init__(self, auth: AccessToken, proxy: FaultProxy) -> None:
        super().__init__(auth, limit=None)
        self._proxy = proxy

    async def fetch_config(self, *, cache: bool = True, reopen: bool = True) -> PullConfig:
        """Return the config, with the proxy's address."""
        return self._proxy.through(await super().fetch_config(cache=cache, reopen=reopen))


def quick(clock: Callable[[], int] = time.time_ns) -> Timing:
    """Return timing with short waits, for a storm."""
    return Timing(
        clock=clock,
        delays=_soon,
        restart_pause=(0.05, 0.2),
        websocket_again=(0.3, 0.6),
        heartbeat=5.0,
        audit_every=1.0,
        audit_wait=3.0,
        baseline=0.3,
        renew_after=0.05,
        believe_for=1.0,
    )


def _soon() -> Iterator[float]:
    return repeat(0.02)
