"""A feed's counters at one moment."""

from collections.abc import Mapping
from copy import deepcopy

import msgspec

from bxpull_nb.capture.run import CaptureRun
from bxpull_nb.models.counted import counted
from bxpull_nb.models.html import html_table
from bxpull_nb.models.source_stats import SourceStats
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["FeedStats", "feed_stats"]

_LAGS = 1000  # of the newest events


class FeedStats(msgspec.Struct, frozen=True):
    """The counters of a feed so far; a snapshot."""

    state: str
    events: int
    bad_frames: int
    duplicates: int
    """Messages dropped because their mid had been seen."""
    reconnects: int
    audits: int
    """Times the server's history was asked again whether anything is missing."""
    recovered: int
    """Events that only an audit brought."""
    rate: float
    """Events per second over the last ten seconds."""
    last_lag: float | None
    """Lag of the newest event in seconds: see `Event.lag_us`."""
    lag_p50: float | None
    """Median lag in seconds, newest 1 000 events."""
    lag_p95: float | None
    """95th percentile of lag in seconds, newest 1 000 events."""
    transports: tuple[str, ...]
    """The transports in use now."""
    error: str | None
    sources: Mapping[str, SourceStats] = {}
    """The counters of each source besides the channels, as they were at this moment."""

    def __repr__(self) -> str:
        by = f" by {' and '.join(self.transports)}" if self.transports else ""
        return f"FeedStats({self.state}{by}, {counted(self.events, 'event')}, {self.rate:.1f}/s)"

    def _repr_html_(self) -> str:
        return html_table((name, getattr(self, name)) for name in self.__struct_fields__)


def feed_stats(run: CaptureRun, log: EventLog, rate: float) -> FeedStats:
    """Return the counters of the run at this moment."""
    counters, error = run.counters, run.error
    shared = set(FeedStats.__struct_fields__) & set(counters.__struct_fields__)
    p50, p95 = _lag_quantiles(log)
    return FeedStats(
        **{name: deepcopy(getattr(counters, name)) for name in shared},
        state=run.state,
        rate=rate,
        lag_p50=p50,
        lag_p95=p95,
        transports=run.transports,
        error=None if error is None else str(error),
    )


def _lag_quantiles(log: EventLog) -> tuple[float | None, float | None]:
    """Return the median and the 95th percentile of the newest lags, in seconds."""
    lags = log.recent_lags(_LAGS)
    if not len(lags):
        return None, None
    lags.sort()
    return float(lags[len(lags) // 2]) / 1e6, float(lags[len(lags) * 95 // 100]) / 1e6
