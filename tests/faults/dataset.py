"""Three collectors, killed at random, on a sandbox with faults; the dataset must have every event.

`python -m tests.faults.dataset --seconds 600` prints how many events were published, and how many
of them are missing from, doubled in, or strange to the dataset: 0 of each is right.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import click

import bxpull_nb as bx
from bxpull_nb.sandbox import Sandbox
from tests.support.paths import PROJECT

__all__ = ["Outcome", "run"]

COLLECTORS = 3
_CHANNELS = (["shared"], ["private"], ["shared", "private"])


class Outcome(NamedTuple):
    """The figures of a run."""

    published: int
    missing: int
    doubled: int
    strange: int
    """Rows that equal no published event."""
    kills: int
    copies: int
    """Rows in the files beyond one per event: duplicates that the collectors wrote."""

    def __str__(self) -> str:
        return (
            f"published {self.published:,}  missing {self.missing}  doubled {self.doubled}  "
            f"strange {self.strange}  (kills {self.kills}, copies dropped {self.copies:,})"
        )


class Collector:
    """A process of `bxpull listen --dataset`, that can be killed and started again."""

    def __init__(
        self, sandbox: Sandbox, folder: Path, number: int, url: str, *, every: float = 0.7
    ) -> None:
        self._journal, self._url = folder / f"journal-{number}", url
        self._every = str(every)
        known = {"BXPULL_URL": sandbox.url, "BXPULL_TOKEN": sandbox.token}
        project = str(PROJECT)
        self._environment = {**os.environ, **known, "PYTHONPATH": project}
        self._log = folder / f"log-{number}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process, the first time or again."""
        command = [sys.executable, "-m", "bxpull_nb.cli", "listen", "--log-json"]
        where = ["--dataset", self._url, "--journal", str(self._journal), "--every", self._every]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *where], env=self._environment, stdout=log, stderr=log
            )

    def stop(self, number: int) -> int:
        """Send the signal; return the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(60)

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def connected(self) -> bool:
        """Whether it has logged that it is connected since it was started."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return any(json.loads(line)["event"] == "collecting" for line in lines if line[:1] == "{")

    @property
    def said(self) -> str:
        """Return its log since it was started."""
        return self._log.read_text(encoding="utf-8")

    def kill(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def run(seconds: float, rate: float, seed: int, url: str | None = None) -> Outcome:
    """Publish for so long at that rate, with faults and kills; then let all of them catch up."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(Sandbox())
        dataset = url or str(folder / "dataset")
        collectors = [stack.enter_context(_held(sandbox, folder, n, dataset)) for n in range(3)]
        _start(collectors)
        published, kills = _trouble(sandbox, collectors, seconds, rate, chance)
        for collector in collectors:
            collector.stop(signal.SIGTERM)
        _start(collectors)  # resuming brings what was stored and never delivered
        _until(lambda: _mids(dataset) >= set(published), 60)
        codes = [collector.stop(signal.SIGTERM) for collector in collectors]
        assert codes == [0] * COLLECTORS, collectors[0].said
        return _outcome(dataset, published, kills)


@contextmanager
def _held(sandbox: Sandbox, folder: Path, number: int, url: str) -> Iterator[Collector]:
    collector = Collector(sandbox, folder, number, url)
    try:
        yield collector
    finally:
        collector.kill()


def _start(collectors: list[Collector]) -> None:
    for collector in collectors:
        collector.start()
    for collector in collectors:
        _until(lambda: collector.connected, 60)


def _trouble(
    sandbox: Sandbox,
    collectors: list[Collector],
    seconds: float,
    rate: float,
    chance: random.Random,
) -> tuple[dict[str, int], int]:
    """Return what was published, by mid, and how often a collector was killed."""
    published: dict[str, int] = {}
    faults = [
        lambda: sandbox.duplicate(20),
        lambda: sandbox.reorder(15),
        lambda: sandbox.lose(5),
        lambda: sandbox.garbage(1),
        sandbox.drop_connections,
    ]
    begun, kills, next_fault, next_kill = time.monotonic(), 0, 0.5, 1.5
    while (passed := time.monotonic() - begun) < seconds:
        while len(published) < passed * rate:
            n = len(published)
            published[sandbox.publish("numbered", {"n": n}, channel=chance.choice(_CHANNELS))] = n
        if passed >= next_fault:
            chance.choice(faults)()
            next_fault += chance.uniform(0.2, 1.0)
        if passed >= next_kill:
            victim = chance.choice(collectors)
            victim.stop(chance.choice([signal.SIGKILL, signal.SIGTERM]))
            victim.start()
            kills, next_kill = kills + 1, next_kill + chance.uniform(1.0, 4.0)
        time.sleep(0.005)
    return published, kills


def _mids(url: str) -> set[str]:
    try:
        return set(bx.read_events(url, columns=["mid"])["mid"].dropna())
    except FileNotFoundError:
        return set()


def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Return when the condition holds, or after so long: the outcome shows what is missing."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)


def _outcome(url: str, published: dict[str, int], kills: int) -> Outcome:
    from bxpull_nb.storage.dataset.part_names import folders
    from bxpull_nb.storage.dataset.part_reading import fragments
    from bxpull_nb.storage.dataset.storage import Storage

    events = bx.read_events(url, where=[("command", "==", "numbered")])
    found = dict(zip(events["mid"], events["params"], strict=True))
    right = {mid: f'{{"n":{n}}}' for mid, n in published.items()}
    storage = Storage(url)
    parts = [part for some in folders(storage.list(), url).values() for part in some]
    rows = sum(fragment.count_rows() for _, fragment in fragments(storage, parts))
    return Outcome(
        len(published),
        sum(mid not in found for mid in right),
        len(events) - len(found),
        sum(right.get(mid) != params for mid, params in found.items()),
        kills,
        rows - len(bx.read_events(url, columns=["mid"])),
    )


@click.command()
@click.option("--seconds", default=120.0, show_default=True)
@click.option("--rate", default=200.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--dataset", default=None, help="Another place for it; a new folder if left out.")
def main(seconds: float, rate: float, seed: int, dataset: str | None) -> None:
    """Print the figures."""
    outcome = run(seconds, rate, seed, dataset)
    click.echo(str(outcome))
    sys.exit(outcome.missing + outcome.doubled + outcome.strange > 0)


if __name__ == "__main__":
    main()
