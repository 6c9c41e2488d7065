"""A flood with a handler that sleeps: `python -m tests.faults.flood --seconds 60 --megabytes 10`.

Memory must stay bounded, the stream connected, and what was dropped where must be told.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import click
import psutil

import bxpull_nb as bx
from bxpull_nb.portal import Portal
from bxpull_nb.rest.auth import AccessToken
from bxpull_nb.sandbox import Sandbox
from bxpull_nb.storage.journal import read_journal

__all__ = ["Flood", "flood"]

_PARAMS = 10_000  # bytes an event
_ROWS = 20_000  # kept in memory


class Flood(NamedTuple):
    """The figures of a run."""

    published: int
    received: int
    journaled: int
    """Rows that the journal gives back."""
    dropped: int
    """Events that the sleeping handler never saw."""
    reconnects: int
    grown: int
    """Megabytes of this process, sandbox included, from a fifth of the flood to its end."""

    def __str__(self) -> str:
        return (
            f"{self.published:,} published, {self.received:,} received, {self.journaled:,} in the "
            f"journal, {self.dropped:,} dropped by the slow handler, {self.reconnects} reconnects, "
            f"memory grew by {self.grown:,} MB"
        )


def flood(folder: Path, seconds: float, megabytes: float) -> Flood:
    """Publish so many megabytes a second for so long; return the figures."""
    with (
        Sandbox(history_limit=2_000) as sandbox,
        Portal(AccessToken(sandbox.url, sandbox.token), limit=None) as portal,
    ):
        feed = bx.listen(portal, "shared", journal=folder, max_rows=_ROWS)
        feed.on()(lambda _event: time.sleep(0.05))
        published, early = 0, 0
        text, begun = "x" * _PARAMS, time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            if not early and passed > seconds / 5:
                early = psutil.Process().memory_info().rss
            while published < passed * megabytes * 1e6 / _PARAMS:
                sandbox.publish("flood", {"n": published, "text": text})
                published += 1
            time.sleep(0.001)
        feed.expect("flood", params={"n": published - 1}, within=60)
        grown = psutil.Process().memory_info().rss - early
        [handler] = feed.handlers.stats
        received, reconnects = len(feed), feed.stats.reconnects
    journaled = sum(len(batch.records) for batch in read_journal(folder))
    return Flood(published, received, journaled, handler.dropped, reconnects, grown // 2**20)


@click.command()
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--megabytes", default=10.0, show_default=True, help="A second.")
def main(seconds: float, megabytes: float) -> None:
    """Print one line."""
    with tempfile.TemporaryDirectory() as folder:
        click.echo(flood(Path(folder), seconds, megabytes))


if __name__ == "__main__":
    main()
