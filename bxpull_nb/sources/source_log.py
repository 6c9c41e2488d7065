"""The entries that one source writes into the activity log, and its counters."""

import logging
from collections.abc import Callable

from bxpull_nb.errors import ApiError
from bxpull_nb.listener import CaptureTarget, ListenerStats
from bxpull_nb.models import IS_LOG_ENTRY, LogEntry
from bxpull_nb.models.source_stats import SourceStats

__all__ = ["SourceLog"]

_log = logging.getLogger("bxpull_nb")


class SourceLog:
    """Writes for one source; `clock` gives Unix nanoseconds."""

    def __init__(
        self, name: str, target: CaptureTarget, counters: ListenerStats, clock: Callable[[], int]
    ) -> None:
        self.name = name
        self.stats = counters.sources.setdefault(name, SourceStats())
        self.stats.state, self.stats.text = "starting", ""
        self._counters = counters
        self._target = target
        self._clock = clock
        self._once: set[str] = set()

    def now_us(self) -> int:
        """Return this machine's time in Unix microseconds."""
        return self._clock() // 1000

    def count(self, events: int) -> None:
        """Count stored events: of the source, and of the feed."""
        self.stats.events += events
        self._counters.events += events

    def note(self, kind: str, text: str, seconds: float | None = None) -> None:
        """Log an entry, with a warning."""
        _log.warning("%s: %s", self.name, text, extra=IS_LOG_ENTRY)
        self._write(kind, text, seconds)

    def note_once(self, kind: str, text: str) -> None:
        """Log an entry of this kind, unless one was logged before."""
        if kind not in self._once:
            self._once.add(kind)
            self.note(kind, text)

    def running(self, text: str) -> None:
        """Log that the source runs, once after each time that it did not."""
        if self.stats.state != "running":
            self._write("source_started", text)
            self._change("running", text)

    def limited(self, error: ApiError, seconds: float) -> None:
        """Log that a call waits because the portal limits calls; the rest client warns of it."""
        text = f"{error.method}: the portal answered {error.code}; the call waits {seconds:.0f} s"
        self._write("limited", text, seconds)

    def retrying(self, text: str, seconds: float) -> None:
        """Log that the source tries again later."""
        self.note("source_retried", f"{text} Asking again in {seconds:.0f} s.", seconds)
        self._change("retrying", text)

    def failed(self, text: str) -> None:
        """Log that the source cannot run; the others go on."""
        self.note("source_failed", text)
        self._change("failed", text)

    def stopped(self) -> None:
        """Keep the state of a source that a stop has ended."""
        if self.stats.state != "failed":
            self._change("stopped", "")

    def _write(self, kind: str, text: str, seconds: float | None = None) -> None:
        at_us = self.now_us()
        self._target.happened(
            LogEntry(at_us=at_us, kind=kind, channel=self.name, seconds=seconds, text=text)
        )

    def _change(self, state: str, text: str) -> None:
        self.stats.state, self.stats.text = state, text
        self._target.changed()
