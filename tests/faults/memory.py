"""The memory of `bxpull listen --dataset` under load: it must not grow after the first minutes.

`python -m tests.faults.memory --seconds 600 --rate 2500` prints the most memory after the warm-up,
and how much of it came since, in MB a minute. The warm-up lasts until every bounded part is full:
the newest 200 000 message ids of each channel are the last, at 2 500 events/s after three minutes.
"""

import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from bxpull_nb.sandbox import Sandbox
from tests.faults.dataset import Collector

__all__ = ["Growth", "growth_of", "run"]

_CHANNELS = ("shared", "private")
_COMMANDS = ("dealUpdate", "dealAdd", "message", "task_update")
_MOST = 1.0  # MB a minute; less is noise


class Growth(NamedTuple):
    """The memory of one process after the warm-up, in MB."""

    most: float
    per_minute: float
    """The slope of a straight line through all samples."""

    def __str__(self) -> str:
        return f"{self.most:,.0f} MB at most, {self.per_minute:+.2f} MB a minute"


def run(seconds: float, rate: float, warm_up: float) -> Growth:
    """Publish for so long at that rate; return the memory of a collector after the warm-up."""
    samples: list[tuple[float, float]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sandbox = stack.enter_context(Sandbox())
        collector = Collector(sandbox, folder, 0, str(folder / "dataset"), every=300)
        stack.callback(collector.kill)
        collector.start()
        while not collector.connected:
            time.sleep(0.1)
        begun, number = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while number < passed * rate:
                _publish(sandbox, number)
                number += 1
            if len(samples) < passed:
                samples.append((passed, _resident(collector.pid)))
            time.sleep(0.005)
    return growth_of([sample for sample in samples if sample[0] >= warm_up])


def growth_of(samples: list[tuple[float, float]]) -> Growth:
    """Return the growth of samples: seconds, and MB."""
    seconds, megabytes = np.array(samples).T
    slope = np.polyfit(seconds, megabytes, 1)[0]
    return Growth(float(megabytes.max()), float(slope * 60))


def _publish(sandbox: Sandbox, number: int) -> None:
    params = {"id": number, "title": "two pumps and a service contract", "user": number % 40}
    sandbox.publish(_COMMANDS[number % 4], params, channel=_CHANNELS[number % 2])


def _resident(pid: int) -> float:
    """Return the resident memory of a process in MB; on Linux only."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@click.command()
@click.option("--seconds", default=600.0, show_default=True)
@click.option("--rate", default=2500.0, show_default=True)
@click.option("--warm-up", default=200.0, show_default=True, help="Seconds that do not count.")
def main(seconds: float, rate: float, warm_up: float) -> None:
    """Print the figures; the exit code is 1 for memory that grows."""
    growth = run(seconds, rate, warm_up)
    click.echo(str(growth))
    sys.exit(growth.per_minute > _MOST)


if __name__ == "__main__":
    main()
