"""Run the collector of `bxpull listen --dataset`, and report how it goes."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bxpull_nb.cli.exit_codes import DONE, INCOMPLETE
from bxpull_nb.cli.log_warnings import showing_warnings
from bxpull_nb.cli.output import Output, stamped, whole_text
from bxpull_nb.cli.progress import Progress
from bxpull_nb.cli.signals import two_signals
from bxpull_nb.cli.source_options import failed_sources
from bxpull_nb.cli.storage_options import StorageOptions
from bxpull_nb.collector import Collector, CollectorStats
from bxpull_nb.errors import BxPullError, SettingsError
from bxpull_nb.storage.dataset import Written, shown_url

if TYPE_CHECKING:
    from pathlib import Path

    from bxpull_nb.portal import Portal

__all__ = ["collect"]

_TICK = 0.2  # seconds
_STATUS_EVERY = 60.0  # seconds between two lines of a log in which nothing happened
_EVERY = 300.0  # seconds; --help names it too


class Reporter(Protocol):
    """Shows a person or a log how the collector goes."""

    def report(self, event: str, **facts: Any) -> None:
        """Show one thing that happened."""
        ...

    def status(self, stats: CollectorStats) -> None:
        """Show the counters; called a few times a second."""
        ...


def collect(
    output: Output,
    portal: "Portal",
    storage: StorageOptions,
    journal: "Path",
    how: Mapping[str, Any],
    count: int | None,
    seconds: float | None,
) -> int:
    """Collect until `count` events, `seconds` or a signal; return the exit code.

    `how` are the channels, transport, sources and privacy of the collector's feed. Writes the
    captured events first, then raises the error that ended the feed for good.
    """
    with _warning_reporter(output, storage) as reporter, two_signals(output) as stop_asked:
        collector = Collector(
            portal,
            storage.dataset or "",
            journal,
            every=storage.every or _EVERY,
            written=lambda part: reporter.report("part", **_facts(part)),
            **how,
        )
        with _metrics(storage.metrics_port, lambda: collector.stats) as metrics:
            collector.start()
            reporter.report(
                "collecting",
                portal=portal.name,
                dataset=shown_url(storage.dataset or ""),
                journal=str(journal),
                metrics=metrics,
            )
            try:
                _watch(collector, reporter, stop_asked.wait, count, seconds)
            finally:
                complete = collector.finish()
                if collector.lost:
                    reporter.report("journal_lost", text=collector.lost)
        return _ended(output, collector, reporter, complete=complete)


def _metrics(
    port: int | None, stats: Callable[[], CollectorStats]
) -> AbstractContextManager[str | None]:
    """Serve the metrics within the block, if a port was given; yields their address."""
    if port is None:
        return nullcontext()
    try:
        from bxpull_nb.collector.metrics import serving_metrics
    except ModuleNotFoundError:
        raise SettingsError(
            "--metrics-port needs prometheus-client: pip install 'bxpull-nb[metrics]'"
        ) from None
    return serving_metrics(port, stats)


def _watch(
    collector: Collector,
    reporter: Reporter,
    wait: Callable[[float], bool],
    count: int | None,
    seconds: float | None,
) -> None:
    begun, shown, failing = time.monotonic(), 0, False
    feed = collector.feed
    while not wait(_TICK):
        collector.step()
        for entry in feed.logbook.recent(shown):
            shown += 1
            reporter.report(entry.kind, channel=entry.channel, text=entry.text)
        if failing != (collector.error is not None):
            failing = not failing
            kind = "dataset_failed" if failing else "dataset_recovered"
            reporter.report(kind, text=str(collector.error or "the dataset has caught up"))
        reporter.status(collector.stats)
        if (count is not None and len(feed) >= count) or (
            seconds is not None and time.monotonic() - begun >= seconds
        ):
            return
        if not feed.running:
            raise feed.error or BxPullError("the feed was stopped.")


def _ended(output: Output, collector: Collector, reporter: Reporter, *, complete: bool) -> int:
    stats = collector.stats
    reporter.report(
        "ended",
        events=stats.feed.events,
        written=stats.written_events,
        parts=stats.parts,
        pending_bytes=stats.pending_bytes,
        lost_events=stats.lost_events or None,
    )
    if complete:
        return INCOMPLETE if failed_sources(collector.feed) else DONE
    lines = [collector.lost] if collector.lost else []
    if collector.error is not None:
        lines.insert(
            0,
            f"{collector.error} What is not there yet ({stats.pending_bytes:,} bytes) is in the "
            f"journal; run the same command again to send it.",
        )
    output.note(f"bxpull: {' '.join(lines)}")
    return INCOMPLETE


def _facts(part: Written) -> dict[str, Any]:
    return {"name": part.name, "events": part.events, "bytes": part.bytes}


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without those that have no value, their texts fit for UTF-8."""
    return {
        name: whole_text(value) if isinstance(value, str) else value
        for name, value in facts.items()
        if value not in (None, "")
    }


@contextmanager
def _warning_reporter(output: Output, storage: StorageOptions) -> Iterator[Reporter]:
    """Yield the chosen reporter, which shows the package's warnings too."""
    with (
        _reporter(output, storage) as reporter,
        showing_warnings(lambda text: reporter.report("warning", text=text), skip_entries=True),
    ):
        yield reporter


@contextmanager
def _reporter(output: Output, storage: StorageOptions) -> Iterator[Reporter]:
    if storage.log_json:
        yield _JsonReporter(output)
    elif output.on_terminal:
        with output.progress(None) as progress:
            yield _BarReporter(output, progress)
    else:
        yield _TextReporter(output)


class _JsonReporter:
    """Writes one JSON object a line to stdout: for a log."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._next = time.monotonic()

    def report(self, event: str, **facts: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._output.log(msgspec.json.encode({"at": now, "event": event, **_known(facts)}))

    def status(self, stats: CollectorStats) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _STATUS_EVERY
            self.report("status", **msgspec.to_builtins(stats))


class _TextReporter:
    """Writes a line of text to stderr: for a log that people read."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def report(self, event: str, **facts: Any) -> None:
        known = _known(facts)
        if "text" in known:
            words = ": ".join(str(known[name]) for name in ("channel", "text") if name in known)
        else:
            words = f"{event} " + ", ".join(f"{name} {value}" for name, value in known.items())
        self._output.note(stamped(words))

    def status(self, stats: CollectorStats) -> None:
        """Show nothing: a line without news is noise."""


_TROUBLE = (
    "dataset_failed",
    "dataset_recovered",
    "journal_failed",
    "journal_lost",
    "journal_recovered",
    "warning",
)


class _BarReporter:
    """Keeps a progress bar on the terminal, and writes troubles above it."""

    def __init__(self, output: Output, progress: Progress) -> None:
        self._output, self._progress = output, progress

    def report(self, event: str, **facts: Any) -> None:
        if event == "collecting":
            self._output.note(f"{facts['portal']} -> {facts['dataset']}")
            if facts["metrics"]:
                self._output.note(f"metrics at {facts['metrics']}")
        elif event in _TROUBLE:
            self._output.note(facts["text"])

    def status(self, stats: CollectorStats) -> None:
        waiting = f"{stats.pending_bytes / 1e6:,.1f} MB waiting"
        words = (stats.feed.state, *stats.feed.transports, f"{stats.parts:,} parts", waiting)
        self._progress.show(stats.feed.events, " · ".join(words))
