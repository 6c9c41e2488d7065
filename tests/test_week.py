"""A week in half a minute: tokens and channels end, the server restarts, the clock jumps."""

import asyncio
import gc
import sys
import threading
import time
from itertools import repeat
from pathlib import Path

import psutil
import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.listener import Listener, Timing
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import MemoryStore, OAuthApp
from bxpull_nb.sandbox import Sandbox

pytestmark = pytest.mark.slow

HOUR = 3600.0
HOURS = 7 * 24


class Held(tuple[int, int, int, int]):
    """Threads, tasks of the loop, open files and kilobytes of this process."""

    __slots__ = ()

    @classmethod
    def now(cls, feed: Feed, sandbox: Sandbox) -> "Held":
        """When all ended channels were asked a last time, without what the collector takes."""
        feed.bridge.run(settle(feed, sandbox))
        gc.collect()
        process = psutil.Process()

        async def tasks() -> int:
            return len(asyncio.all_tasks())

        if sys.platform == "win32":
            open_files = process.num_handles()
        else:
            open_files = process.num_fds()
        memory = process.memory_info().rss // 1024
        return cls((threading.active_count(), feed.bridge.run(tasks()), open_files, memory))


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_week_leaves_nothing_behind(transport: str, tmp_path: Path) -> None:
    """Every event is there, once; no task, thread or file more than after the first day."""
    ahead = [0.0]

    def now() -> float:
        return time.time() + ahead[0]

    with Sandbox(
        server_version=4,
        channel_ttl=12 * HOUR,
        token_ttl=HOUR,
        now=now,
    ) as sandbox:
        application = OAuthApp(
            sandbox.url,
            sandbox.client_id,
            sandbox.client_secret,
            refresh_token=sandbox.refresh_token,
            token_url=f"{sandbox.url}/oauth/token/",
            store=MemoryStore(),
        )
        timing = Timing(
            clock=lambda: int(now() * 1e9),
            delays=lambda: repeat(0.05),
            renew_after=0.01,
            audit_wait=0.2,
        )
        with Portal(application, limit=None, timing=timing) as portal:
            feed = bx.listen(portal, transport=transport, journal=tmp_path)
            after_a_day = None
            for hour in range(HOURS):
                live_an_hour(feed, sandbox, hour, ahead)
                if hour == 30:
                    after_a_day = Held.now(feed, sandbox)
            end = Held.now(feed, sandbox)
            numbers = [n for n in feed.df["params"] if n.startswith('{"hour"')]
            report = feed.report()
    assert after_a_day is not None
    assert numbers == ['{"hour":%d}' % hour for hour in range(HOURS)]  # noqa: UP031 - braces
    assert report.renewals >= 2 * 7
    grown = [late - early for late, early in zip(end, after_a_day, strict=True)]
    assert max(grown[:3]) <= 8, grown  # some are at work at any moment; a leak would be dozens
    assert grown[3] < 40_000


async def settle(feed: Feed, sandbox: Sandbox) -> None:
    """Audit until nothing is left to ask; 30 s at most."""
    driver = feed._run.driver
    assert isinstance(driver, Listener)
    sandbox.publish("settle", {"at": time.time()}, channel=["shared", "private"])
    async with asyncio.timeout(30):
        while any(lane.renewal.retired for lane in driver.lanes):
            for lane in driver.lanes:
                lane.audit_due.set()
            await asyncio.sleep(0.05)


def live_an_hour(feed: Feed, sandbox: Sandbox, hour: int, ahead: list[float]) -> None:
    """The clock jumps; the token has ended; every half day the channels, every day the server."""
    ahead[0] += HOUR + 1
    if hour % 12 == 11:
        sandbox.drop_connections()
    if hour % 24 == 23:
        sandbox.restart()
    sandbox.publish("tick", {"hour": hour})
    feed.expect("tick", params={"hour": hour}, within=20)
