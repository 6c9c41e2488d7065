"""A capture that is killed again and again.

A child process listens and writes a journal; the parent holds the sandbox, publishes all the
while, and kills the child (SIGKILL) at random moments.
"""

import asyncio
import multiprocessing
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec

from bxpull_nb.listener import Listener
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import Journal, read_journal
from tests.faults.site import quick
from tests.support.listening import BOTH
from tests.support.targets import ListTarget

__all__ = ["Killed", "kill_and_resume"]

_RATE = 400.0  # events a second
_SETTLE = 20.0  # seconds


class Killed(msgspec.Struct):
    """The figures of a capture that was killed."""

    times: int
    published: int
    lost: int
    doubled: int
    forgotten: int
    """Records that were in the journal and are missing now."""
    seed: int

    @property
    def is_clean(self) -> bool:
        """Whether the journal holds exactly what was published."""
        return not (self.lost or self.doubled or self.forgotten)

    def __str__(self) -> str:
        return (
            f"killed {self.times} times (seed {self.seed}), {self.published} events: {self.lost} "
            f"lost, {self.doubled} doubled, {self.forgotten} forgotten by the journal"
        )


def kill_and_resume(version: int, transport: str, times: int, seed: int) -> Killed:
    """Kill the capture so many times, let it end, and compare the journal."""
    random, stop = Random(seed), threading.Event()
    mids: list[str] = []
    spawning = multiprocessing.get_context("forkserver")
    spawning.set_forkserver_preload(["tests.faults.killed"])
    forgotten, before = 0, list[str]()
    with TemporaryDirectory() as name, Sandbox(server_version=version) as sandbox:
        folder = Path(name)
        publisher = threading.Thread(target=_publish, args=(sandbox, mids, stop), daemon=True)
        for number in range(times + 1):
            ready = spawning.Event()
            how = (sandbox.url, sandbox.token, transport, folder, ready)
            child = spawning.Process(target=capture, args=how, daemon=True)
            child.start()
            if number == 0:
                assert ready.wait(30)
                publisher.start()
            if number == times:
                stop.set()
                publisher.join()
                _wait_for(folder, mids)
            else:
                time.sleep(random.uniform(0, 0.6))
            child.kill()
            child.join()
            now = _journaled(folder)
            forgotten += now[: len(before)] != before
            before = now
    came = Counter(before)
    lost, doubled = len(set(mids) - came.keys()), sum(n > 1 for n in came.values())
    return Killed(times, len(mids), lost, doubled, forgotten, seed)


def capture(url: str, token: str, transport: str, folder: Path, ready: threading.Event) -> None:
    """Listen until killed; runs in the child process."""

    async def listen() -> None:
        rest = RestClient(AccessToken(url, token))
        with Journal(folder, "frame", rotate_bytes=200_000) as journal:
            listener = Listener(
                rest.fetch_config,
                ListTarget(journal, lambda: ready.set() if listener.ready else None),
                channels=BOTH,
                transport=transport,
                resume=journal.resume(),
                timing=quick(),
            )
            await listener.run()

    asyncio.run(listen())


def _publish(sandbox: Sandbox, mids: list[str], stop: threading.Event) -> None:
    begun = time.monotonic()
    while not stop.wait(0.002):
        while len(mids) < (time.monotonic() - begun) * _RATE:
            mids.append(sandbox.publish("kill", {"n": len(mids)}, channel=BOTH[len(mids) % 2]))


def _wait_for(folder: Path, mids: list[str]) -> None:
    end = time.monotonic() + _SETTLE
    while time.monotonic() < end and set(mids) - set(_journaled(folder)):
        time.sleep(0.2)


def _journaled(folder: Path) -> list[str]:
    try:
        return [r.mid or "" for batch in read_journal(folder) for r in batch.records]
    except FileNotFoundError:
        return []
