"""Watching for drift: what it costs for each event, in the time of its own thread."""

import time
from collections.abc import Sequence

from bxpull_nb.capture.activity_log import ActivityLog
from bxpull_nb.capture.watch import Watch, WatchSettings
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.measure import Benchmark, Line, Sample, Size, at_most

__all__ = ["BENCHMARKS"]


def watch(size: Size) -> Sequence[Line]:
    """A million events, new to a watch for all kinds of drift: processor time, without waiting."""
    rows = size.of(1_000_000)
    log = filled_log(rows)
    log.df.tail()
    taken = [_processor_time(log) * 1e6 / rows for _ in range(size.long_rounds)]
    what = "feed.watch, all kinds of drift, an event"
    return [Line(what, "µs", Sample(tuple(taken)), at_most(3, "µs"))]


def _processor_time(log: EventLog) -> float:
    settings = WatchSettings(silence="5min", rate_above=1e9)
    one = Watch(log, ActivityLog(), settings, now_us=lambda: 0, rate=lambda: 0.0)
    begun = time.process_time()
    one.look()
    return time.process_time() - begun


BENCHMARKS = (Benchmark("watch", watch),)
