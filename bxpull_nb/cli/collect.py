"""`bxpull listen --dataset`: a collector watched from a terminal, or from a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import click
import msgspec

from bxpull_nb.cli.exit_codes import INCOMPLETE
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.signals import two_signals
from bxpull_nb.cli.storage_options import StorageOptions
from bxpull_nb.collector import Collector, CollectorStats, serving_metrics
from bxpull_nb.errors import BxPullError
from bxpull_nb.storage.dataset import Written, shown_url

if TYPE_CHECKING:
    from pathlib import Path

    from bxpull_nb.portal import Portal

__all__ = ["collect"]

_TICK = 0.2  # seconds
_STATUS_EVERY = 60.0  # seconds between two lines of a log in which nothing happened
_EVERY = 300.0  # seconds; what --help says


class _Reporter(Protocol):
    """Tells how it goes."""

    def say(self, event: str, **facts: Any) -> None:
        """Something happened."""
        ...

    def status(self, stats: CollectorStats) -> None:
        """How it stands; called a few times a second."""
        ...


def collect(
    portal: "Portal",
    storage: StorageOptions,
    journal: "Path",
    how: tuple[str, str],
    count: int | None,
    seconds: float | None,
) -> int:
    """The exit code, when `count` events have come, `seconds` have passed, or it was asked to end.

    `how` is channels and transport. Raises what ended the feed for good, when what was captured
    is written.
    """
    channels, transport = how
    with _reporter(storage) as reporter, two_signals() as asked:
        collector = Collector(
            portal,
            storage.dataset or "",
            journal,
            channels=channels,
            transport=transport,
            every=storage.every or _EVERY,
            written=lambda part: reporter.say("part", **_facts(part)),
        )
        with serving_metrics(storage.metrics_port, lambda: collector.stats) as metrics:
            collector.start()
            said = {"portal": portal.name, "dataset": shown_url(storage.dataset or "")}
            reporter.say("collecting", **said, journal=str(journal), metrics=metrics)
            try:
                _watch(collector, reporter, asked.wait, count, seconds)
            finally:
                complete = collector.finish()
        return _ended(collector, reporter, complete=complete)


def _watch(
    collector: Collector,
    reporter: _Reporter,
    wait: Callable[[float], bool],
    count: int | None,
    seconds: float | None,
) -> None:
    begun, told, failing = time.monotonic(), 0, False
    feed = collector.feed
    while not wait(_TICK):
        collector.step()
        for happening in feed.logbook.recent(told):
            told += 1
            reporter.say(happening.kind, channel=happening.channel, text=happening.text)
        if failing != (collector.error is not None):
            failing = not failing
            kind = "dataset_failed" if failing else "dataset_recovered"
            reporter.say(kind, text=str(collector.error or "the dataset has caught up"))
        reporter.status(collector.stats)
        if (count is not None and len(feed) >= count) or (
            seconds is not None and time.monotonic() - begun >= seconds
        ):
            return
        if not feed.running:
            raise feed.error or BxPullError("the feed was stopped.")


def _ended(collector: Collector, reporter: _Reporter, *, complete: bool) -> int:
    stats = collector.stats
    reporter.say(
        "ended",
        events=stats.feed.events,
        written=stats.written_events,
        parts=stats.parts,
        pending_bytes=stats.pending_bytes,
    )
    if complete:
        return 0
    click.echo(
        f"bxpull: {collector.error} What is not there yet ({stats.pending_bytes:,} bytes) is in "
        f"the journal; run the same command again to send it.",
        err=True,
    )
    return INCOMPLETE


def _facts(part: Written) -> dict[str, Any]:
    return {"name": part.name, "events": part.events, "bytes": part.bytes}


@contextmanager
def _reporter(storage: StorageOptions) -> Iterator[_Reporter]:
    """The one that was asked for; it tells what the package warns of, too."""
    with (
        _chosen(storage) as reporter,
        showing_warnings(lambda text: reporter.say("warning", text=text), skip_entries=True),
    ):
        yield reporter


@contextmanager
def _chosen(storage: StorageOptions) -> Iterator[_Reporter]:
    if storage.log_json:
        yield _JsonLines()
    elif sys.stderr.isatty():
        from tqdm import tqdm  # type: ignore[import-untyped]

        with tqdm(unit=" events", mininterval=_TICK, dynamic_ncols=True) as bar:
            yield _Bar(bar)
    else:
        yield _Lines()


class _JsonLines:
    """One JSON object a line on stdout: for a log."""

    def __init__(self) -> None:
        self._next = time.monotonic()

    def say(self, event: str, **facts: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        known = {name: value for name, value in facts.items() if value not in (None, "")}
        line = msgspec.json.encode({"at": now, "event": event, **known})
        click.echo(line.decode())

    def status(self, stats: CollectorStats) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _STATUS_EVERY
            self.say("status", **msgspec.to_builtins(stats))


class _Lines:
    """What happens, in words on stderr: for a log that people read."""

    def say(self, event: str, **facts: Any) -> None:
        known = {name: value for name, value in facts.items() if value not in (None, "")}
        if "text" in known:
            words = ": ".join(str(known[name]) for name in ("channel", "text") if name in known)
        else:
            words = f"{event} " + ", ".join(f"{name} {value}" for name, value in known.items())
        click.echo(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} {words}".rstrip(), err=True)

    def status(self, stats: CollectorStats) -> None:
        """Nothing: a line that says nothing new is noise."""


_TROUBLE = ("dataset_failed", "dataset_recovered", "journal_failed", "journal_recovered", "warning")


class _Bar:
    """A bar on the terminal."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def say(self, event: str, **facts: Any) -> None:
        if event == "collecting":
            self._bar.write(f"{facts['portal']} -> {facts['dataset']}", file=sys.stderr)
            if facts["metrics"]:
                self._bar.write(f"metrics at {facts['metrics']}", file=sys.stderr)
        elif event in _TROUBLE:
            self._bar.write(facts["text"], file=sys.stderr)

    def status(self, stats: CollectorStats) -> None:
        waiting = f"{stats.pending_bytes / 1e6:,.1f} MB waiting"
        words = (stats.feed.state, *stats.feed.transports, f"{stats.parts:,} parts", waiting)
        self._bar.set_postfix_str(" · ".join(words), refresh=False)
        self._bar.update(stats.feed.events - self._bar.n)
        self._bar.refresh()
