"""Offline events under faults: `python -m tests.faults.offline --changes 10000 --kills 100`.

A child process reads the queue into a journal, and is killed (SIGKILL) between two steps, or at any
moment; the next one continues. The parent changes deals all the while, lets doorbells be late,
merged or missing, and expires the token.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from secrets import randbelow
from tempfile import TemporaryDirectory
from typing import Any

import click
import msgspec

from bxpull_nb.listener import Listener, ListenerStats, Timing
from bxpull_nb.models import Batch
from bxpull_nb.rest import RestClient
from bxpull_nb.rest.auth import OAuthApp
from bxpull_nb.rest.auth.store import FileStore
from bxpull_nb.rest.responses import mapping
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.sources import Sources, SourcesDriver
from bxpull_nb.storage.journal import Journal, read_journal
from tests.support.listening import no_delays
from tests.support.rows import params
from tests.support.targets import ListTarget

__all__ = ["Outcome", "kill_readers"]

STEPS = ("answered", "noted", "journaled", "cleared", "moment")
"""Where a reader is killed: after `event.offline.get`, after its note on disk, after the journal
has the records, after `event.offline.clear`, or at any moment."""
_DOORBELLS = ("prompt", "late", "merged", "missing")
_PRELOADED = ["bxpull_nb.portal", "bxpull_nb.sandbox", "tests.support.rows", "websockets"]
_DEALS = 400
_RATE = 300.0  # changes a second
_LONGEST = 3.0  # seconds of a reader that does not reach its step: it is killed then
_SETTLE = 120.0  # seconds


class Outcome(msgspec.Struct):
    """The figures of a run."""

    changes: int
    kills: int
    rows: int
    lost: int
    """Deals whose newest row does not show the portal's last state."""
    doubled: int
    """Rows of a record that another row shows."""
    left: int
    """Records that the queue still has."""
    seconds: float
    seed: int

    @property
    def is_clean(self) -> bool:
        """Whether the journal and the portal agree, and the queue is empty."""
        return not (self.lost or self.doubled or self.left)

    def __str__(self) -> str:
        return (
            f"{self.changes} changes in {self.rows} rows, {self.kills} kills, {self.seconds:.0f} s "
            f"(seed {self.seed}): {self.lost} lost, {self.doubled} doubled, {self.left} left in "
            f"the queue"
        )


class _Access(msgspec.Struct):
    """What a reader needs to connect."""

    url: str
    client_id: str
    client_secret: str
    refresh_token: str
    folder: Path


def kill_readers(changes: int, kills: int, seed: int) -> Outcome:
    """Change deals and kill readers so many times; compare the last journal with the portal."""
    random, begun = Random(seed), time.monotonic()
    spawning = multiprocessing.get_context("forkserver")
    spawning.set_forkserver_preload(_PRELOADED)
    with TemporaryDirectory() as name, Sandbox(doorbell_delay=0.2) as sandbox:
        names = (sandbox.url, sandbox.client_id, sandbox.client_secret, sandbox.refresh_token)
        access = _Access(*names, Path(name))
        changer = _Changer(sandbox, changes, kills + 1, seed)
        for number in range(kills):
            step = STEPS[number % len(STEPS)]
            with _reader(spawning, access, step, random.randint(1, 3)) as child:
                changer.next_share()
                child.join(random.uniform(0, 0.5) if step == "moment" else _LONGEST)
        with _reader(spawning, access, None, 0):
            changer.next_share()
            changer.join()
            _wait_until_empty(sandbox)
        rows, lost, doubled = _compared(sandbox, Path(name) / "journal", changer.changed)
        left = len(sandbox.offline_queue())
    seconds = time.monotonic() - begun
    return Outcome(changes, kills, rows, lost, doubled, left, seconds, seed)


@contextmanager
def _reader(spawning: Any, access: _Access, step: str | None, times: int) -> Iterator[Any]:
    """Run a reader that dies at the step, or is killed at the end."""
    ready = spawning.Event()
    child = spawning.Process(target=read, args=(access, step, times, ready), daemon=True)
    child.start()
    assert ready.wait(60), "the reader did not begin"
    yield child
    child.kill()
    child.join()


def read(access: _Access, step: str | None, times: int, ready: threading.Event) -> None:
    """Read the queue until killed; runs in the child process."""
    asyncio.run(_read(access, _Death(step, times), ready))


async def _read(access: _Access, death: "_Death", ready: threading.Event) -> None:
    auth = OAuthApp(
        access.url,
        access.client_id,
        access.client_secret,
        refresh_token=access.refresh_token,
        store=FileStore(access.folder / "tokens"),
    )
    rest = _MortalClient(auth, death)
    timing = Timing(
        delays=no_delays, source_rate=400.0, offline_every=0.3, adopt_after=0.5, late=0.0
    )
    with Journal(access.folder / "journal", "os") as journal:
        target = _MortalTarget(journal, death)
        driver = SourcesDriver(
            lambda target, **how: Listener(rest.fetch_config, target, timing=timing, **how),
            rest,
            Sources.of("ONCRMDEALUPDATE", enrich=True),
            timing,
            target,
            channels=("shared",),
            transport="websocket",
            backfill=False,
            resume=journal.resume(),
            stats=ListenerStats(),
        )
        target.on_change = lambda: ready.set() if driver.ready else None
        await driver.run()


class _Death:
    """Kills its own process when a step is reached the n-th time."""

    def __init__(self, step: str | None, times: int) -> None:
        self._step, self._left = step, times

    def at(self, step: str) -> None:
        """Die here if it is time."""
        if step == self._step:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class _MortalClient(RestClient):
    """Dies after the portal has done what was asked."""

    def __init__(self, auth: OAuthApp, death: _Death) -> None:
        super().__init__(auth, limit=None)
        self._death = death

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call, and perhaps die before the answer is used."""
        answer = await super().call(method, params)
        results = mapping(answer["result"]) if method == "batch" else {method: answer}
        if "clear" in results or "event.offline.clear" in results:
            self._death.at("cleared")
        taken = results.get("get") or results.get("event.offline.get")
        if taken and taken["events"]:
            self._death.at("answered")
        return answer


class _MortalTarget(ListTarget):
    """Dies before or after the journal has the records of the queue."""

    def __init__(self, journal: Journal, death: _Death) -> None:
        super().__init__(journal, lambda: self.on_change())
        self.on_change: Callable[[], object] = lambda: None
        self._death = death

    def store(self, batch: Batch) -> None:
        """Store the batch."""
        is_offline = bool(batch.records) and batch.arrival.source == "offline"
        if is_offline:
            self._death.at("noted")
        super().store(batch)
        if is_offline:
            self._death.at("journaled")


class _Changer(threading.Thread):
    """Changes deals, a share for each reader; doorbells and tokens suffer meanwhile."""

    def __init__(self, sandbox: Sandbox, changes: int, shares: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.changed: dict[int, str] = {}
        """The newest title of each deal."""
        self._sandbox = sandbox
        self._changes = changes
        self._share = changes / shares
        self._random = Random(seed)
        self._allowed = threading.Semaphore(0)
        self.start()

    def next_share(self) -> None:
        """Make the next share of changes."""
        self._allowed.release()

    def run(self) -> None:
        """Make all changes."""
        allowed = 0.0
        for number in range(self._changes):
            while number >= round(allowed):
                self._allowed.acquire()
                allowed += self._share
            self._change(number)
            time.sleep(1 / _RATE)

    def _change(self, number: int) -> None:
        sandbox, random = self._sandbox, self._random
        deal, title = random.randint(1, _DEALS), f"change {number}"
        sandbox.change_deal(deal, TITLE=title)
        self.changed[deal] = title
        if number % 50 == 0:
            sandbox.doorbell = random.choice(_DOORBELLS)
        if random.random() < 0.001:
            sandbox.expire_token()


def _wait_until_empty(sandbox: Sandbox) -> None:
    end = time.monotonic() + _SETTLE
    while sandbox.offline_queue() and time.monotonic() < end:
        time.sleep(0.05)


def _compared(sandbox: Sandbox, folder: Path, changed: dict[int, str]) -> tuple[int, int, int]:
    """Return the number of rows, of deals without their last state, and of doubled rows."""
    rows = [one for batch in read_journal(folder) for one in batch.records]
    offline = [one for one in rows if one.source == "offline"]
    read = [params(one) for one in offline]
    newest = {int(one["FIELDS"]["ID"]): one["object"]["TITLE"] for one in read}
    lost = [deal for deal, title in changed.items() if newest.get(deal) != title]
    assert changed
    assert all(sandbox.deals[deal]["TITLE"] == title for deal, title in changed.items())
    return len(offline), len(lost), len(offline) - len({one.mid for one in offline})


@click.command()
@click.option("--changes", default=10_000, show_default=True)
@click.option("--kills", default=100, show_default=True)
@click.option("--seed", type=int, help="A printed one, to draw the same changes again.")
def main(changes: int, kills: int, seed: int | None) -> None:
    """Change deals, kill readers, and print one line of figures."""
    outcome = kill_readers(changes, kills, randbelow(2**31) if seed is None else seed)
    click.echo(outcome)
    sys.exit(0 if outcome.is_clean else 1)


if __name__ == "__main__":
    main()
