"""The gap report: how complete a capture is, its gaps and what refilled them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from bxpull_nb.capture.gaps import Gap, connected_times, gaps_of
from bxpull_nb.listener import ListenerStats
from bxpull_nb.models import LogEntry
from bxpull_nb.models.html import html_table
from bxpull_nb.models.source_stats import SourceStats

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GAP_COLUMNS", "Gap", "Report", "report_of"]

GAP_COLUMNS = {
    "channel": "category",
    "begun": "datetime64[us, UTC]",  # when the break was noticed, by this machine's clock
    "ended": "datetime64[us, UTC]",  # when the channel was connected again; NaT until then
    "seconds": "float64",  # how long it lasted, up to now while it does
    "replayed": "Int64",  # events of the gap that the reconnect brought
    "cause": "str",
}
"""Column -> dtype of a report's DataFrame, in order: one row per gap."""

_STORED_SECONDS = 86_400.0  # a push server keeps an application's events for a day


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a capture, from its first start to now or to its end."""

    seconds: float
    """The time for which the feed was running."""
    connected_seconds: float
    """The time for which all of its channels were connected at once."""
    gaps: tuple[Gap, ...]
    events: int
    replayed: int
    """Events that a reconnect brought."""
    recovered: int
    """Events that only an audit brought."""
    duplicates: int
    bad_frames: int
    renewals: int
    """Channels that ended and were followed by another."""
    transport_changes: int
    resets: int
    """Times the server was found to count its messages from the beginning again."""
    polled_seconds: float = 0.0
    """The time of polling: nothing listens between two polls."""
    stalled_seconds: float = 0.0
    """The time in which nothing ran: the machine slept, or the process stood still."""
    failed_audits: int = 0
    """Audits that a later one repeats."""
    skipped_audits: int = 0
    """Audits whose answer would have been too large: no later one asks for it again."""
    unknown_beginnings: int = 0
    """Channels whose position at the beginning could not be found."""
    checked_us: int | None = None
    """Up to when the history of every channel was found complete: Unix microseconds."""
    covered_us: int | None = None
    """Since when; None for the whole capture. Before that nothing shows that nothing was wiped."""
    unproven_seconds: float = 0.0
    """How long before a check nothing shows that nothing was wiped, although earlier checks did."""
    sources: Mapping[str, SourceStats] = {}
    """State and counters of each source other than the channels."""

    @property
    def risk(self) -> str:
        """The events that may be missing, in sentences. It claims no more than is known."""
        if self.checked_us is None:
            checked = "The server's history was not checked yet."
        else:
            last = _moment(self.checked_us)
            since, before = "", ""
            if self.covered_us is not None:
                since = f"from {_moment(self.covered_us)} "
                before = " Earlier ones could not be checked."
            checked = f"No stored event {since}up to {last}, the last check, is missing.{before}"
            if self._has_uncovered:
                checked = f"The last check of the server's history was at {last}."
        return " ".join([*self._risks(), checked])

    @property
    def _has_uncovered(self) -> bool:
        """Whether a check cannot confirm all: part of the history is gone, or was never asked."""
        has_long = any(gap.seconds >= _STORED_SECONDS for gap in self.gaps)
        unasked = self.skipped_audits or self.unknown_beginnings or self.resets
        has_none = (self.covered_us or 0) >= (self.checked_us or 0)
        return has_long or has_none or unasked > 0

    def _risks(self) -> Iterator[str]:
        yield from self._unheard()
        yield from self._unchecked()
        yield from (_source_risk(name, stats) for name, stats in self.sources.items())

    def _unheard(self) -> Iterator[str]:
        """Yield the risks of times when nothing listened."""
        long = [gap for gap in self.gaps if gap.seconds >= _STORED_SECONDS]
        if long:
            yield (
                f"{len(long)} gaps were longer than the day for which the push server stores "
                f"events: what was sent more than a day before they ended is missing."
            )
        if self.gaps:
            yield (
                f"Messages that the server does not store (presence, typing) are missing for the "
                f"{_covered(_spans_of(self.gaps)):,.1f} s of the gaps."
            )
        if self.polled_seconds:
            yield (
                f"Messages that the server does not store may be missing from "
                f"{self.polled_seconds:,.1f} s of polling: nothing listens between two polls."
            )
        if self.stalled_seconds:
            yield (
                f"Nothing ran for {self.stalled_seconds:,.1f} s: messages of that time that the "
                f"server does not store may be missing."
            )

    def _unchecked(self) -> Iterator[str]:
        """Yield the risks of history that no audit has checked."""
        if self.failed_audits:
            yield f"{self.failed_audits:,} audits failed: only later ones checked their time."
        if self.skipped_audits:
            yield (
                f"{self.skipped_audits:,} audits were too large to take: part of the server's "
                f"history was never checked."
            )
        if self.resets:
            times = "once" if self.resets == 1 else f"{self.resets:,} times"
            yield (
                f"The push server was found {times} with its storage wiped: messages that "
                f"had not come by then may be missing."
            )
        if self.unproven_seconds:
            yield (
                f"Stored messages may be missing from {self.unproven_seconds:,.1f} s: after it no "
                f"known message was stored any more, as after a wipe."
            )
        if self.unknown_beginnings:
            yield (
                "The position at the beginning is unknown: events before the first one may be "
                "missing."
            )

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per gap, with the columns and dtypes of `GAP_COLUMNS`."""
        import pandas as pd

        gaps = self.gaps
        columns = {
            "channel": [gap.channel for gap in gaps],
            "begun": _times([gap.begun_us for gap in gaps]),
            "ended": _times([gap.ended_us for gap in gaps]),
            "seconds": [gap.seconds for gap in gaps],
            "replayed": [gap.replayed for gap in gaps],
            "cause": [gap.cause for gap in gaps],
        }
        return pd.DataFrame(
            {name: pd.Series(columns[name], dtype=dtype) for name, dtype in GAP_COLUMNS.items()}
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the figures as pairs of label and text."""
        share = f" ({self.connected_seconds / self.seconds:.2%})" if self.seconds else ""
        yield "running", f"{self.seconds:,.1f} s"
        yield "connected", f"{self.connected_seconds:,.1f} s{share}"
        yield "events", f"{self.events:,}"
        yield "gaps", f"{len(self.gaps):,}"
        yield "replayed after gaps", f"{self.replayed:,}"
        yield "recovered by audits", f"{self.recovered:,}"
        yield "duplicates dropped", f"{self.duplicates:,}"
        yield "unreadable", f"{self.bad_frames:,}"
        yield "channels renewed", f"{self.renewals:,}"
        yield "transport changes", f"{self.transport_changes:,}"
        yield "server resets", f"{self.resets:,}"
        for name, stats in self.sources.items():
            yield name, str(stats)
        yield "risk", self.risk

    def __repr__(self) -> str:
        return "\n".join(f"{name:20} {value}" for name, value in self.lines())

    def _repr_html_(self) -> str:
        gaps = self.to_frame().to_html(index=False) if self.gaps else ""
        return html_table(self.lines()) + gaps


def _moment(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _source_risk(name: str, stats: SourceStats) -> str:
    """Return what a source may lack, in a sentence."""
    if stats.state == "failed":
        return f"The source {name} does not run: {stats.text}"
    if name != "offline":
        return f"Events of the source {name} that another reader took are missing."
    known = f", as at least {stats.collapsed:,} did" if stats.collapsed else ""
    return (
        f"Offline events show the last state of an object: changes between two readings "
        f"became one{known}."
    )


def _times(at_us: Sequence[int | None]) -> "pd.Series[pd.Timestamp]":
    import pandas as pd

    return pd.to_datetime(pd.Series(pd.array(at_us, dtype="Int64")), unit="us", utc=True)


def report_of(entries: Sequence[LogEntry], stats: ListenerStats, now_us: int) -> Report:
    """Return the report of a capture from its log entries and counters, up to `now_us`."""
    gaps = tuple(gaps_of(entries, now_us))
    kinds = [entry.kind for entry in entries]
    runs = list(_runs(entries, now_us))
    return Report(
        seconds=_length(runs),
        connected_seconds=_length(connected_times(entries, now_us)),
        gaps=gaps,
        events=stats.events,
        replayed=sum(gap.replayed for gap in gaps),
        recovered=stats.recovered,
        duplicates=stats.duplicates,
        bad_frames=stats.bad_frames,
        renewals=kinds.count("renewed"),
        transport_changes=kinds.count("fell_back") + kinds.count("returned"),
        resets=stats.resets,
        polled_seconds=_length(_polled(entries, now_us)),
        stalled_seconds=sum(entry.seconds or 0 for entry in entries if entry.kind == "stalled"),
        failed_audits=kinds.count("audit_failed"),
        skipped_audits=kinds.count("audit_too_large"),
        unknown_beginnings=kinds.count("beginning_unknown"),
        checked_us=_checked(entries, stats),
        covered_us=max(stats.covered_us.values(), default=None),
        unproven_seconds=_covered((a / 1e6, b / 1e6) for a, b in stats.unproven_us),
        sources=deepcopy(stats.sources),
    )


def _checked(entries: Sequence[LogEntry], stats: ListenerStats) -> int | None:
    """Return up to when every channel was checked; None where one never was."""
    channels = {entry.channel for entry in entries if entry.kind == "connected"}
    times = [stats.audited_us.get(channel or "") for channel in channels]
    return min((time for time in times if time), default=None) if all(times) else None


def _polled(entries: Sequence[LogEntry], now_us: int) -> Iterator[tuple[int, int]]:
    """Yield the times when a channel was connected by long polling."""
    since: dict[str | None, int] = {}
    for entry in entries:
        is_end = entry.kind in ("stopped", "failed")
        for channel in list(since) if is_end else [entry.channel] * (entry.channel in since):
            if is_end or entry.kind in ("lost", "connected"):
                yield since.pop(channel), entry.at_us
        if entry.kind == "connected" and entry.transport == "polling":
            since[entry.channel] = entry.at_us
    yield from ((begun, now_us) for begun in since.values())


def _runs(entries: Sequence[LogEntry], now_us: int) -> Iterator[tuple[int, int]]:
    """Yield the times when the feed was running: from each start to the next stop."""
    begun: int | None = None
    for entry in entries:
        if entry.kind == "started" and begun is None:
            begun = entry.at_us
        elif entry.kind in ("stopped", "failed") and begun is not None:
            yield begun, entry.at_us
            begun = None
    if begun is not None:
        yield begun, now_us


def _spans_of(gaps: Sequence[Gap]) -> Iterator[tuple[float, float]]:
    return ((gap.begun_us / 1e6, gap.begun_us / 1e6 + gap.seconds) for gap in gaps)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the seconds within any span; one that is in several counts once."""
    total, reached = 0.0, float("-inf")
    for begun, ended in sorted(spans):
        total += max(ended - max(begun, reached), 0.0)
        reached = max(reached, ended)
    return total


def _length(spans: Sequence[tuple[int, int]] | Iterator[tuple[int, int]]) -> float:
    return sum(end - begin for begin, end in spans) / 1e6
