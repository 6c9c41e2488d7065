"""A collector's counters for Prometheus, on a port of this machine; needs the extra `metrics`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from bxpull_nb.collector.collector import CollectorStats
from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import scrub

__all__ = ["metrics_text", "serving_metrics"]

_STATES = ("idle", "connecting", "connected", "reconnecting", "failed", "stopped")
_Values = dict[str, tuple[str, Callable[[CollectorStats], float | None]]]
_COUNTERS: _Values = {
    "events_total": ("Events received.", lambda s: s.feed.events),
    "bad_frames_total": ("Messages that could not be read.", lambda s: s.feed.bad_frames),
    "duplicates_total": ("Copies dropped by message id.", lambda s: s.feed.duplicates),
    "reconnects_total": ("Connections made again.", lambda s: s.feed.reconnects),
    "audits_total": ("Times the server's history was asked again.", lambda s: s.feed.audits),
    "recovered_total": ("Events that only an audit brought.", lambda s: s.feed.recovered),
    "parts_total": ("Parts written to the dataset.", lambda s: s.parts),
    "written_events_total": ("Events in those parts.", lambda s: s.written_events),
    "written_bytes_total": ("Bytes of those parts.", lambda s: s.written_bytes),
    "write_failures_total": ("Times the dataset took no part.", lambda s: s.write_failures),
    "journal_dropped_total": ("Batches the journal had no room for.", lambda s: s.journal_dropped),
    "lost_events_total": ("Events in those batches.", lambda s: s.lost_events),
}
_GAUGES: _Values = {
    "rate": ("Events a second over the last ten.", lambda s: s.feed.rate),
    "lag_seconds": ("Lag of the newest event.", lambda s: s.feed.last_lag),
    "lag_p50_seconds": ("Median lag of the newest thousand.", lambda s: s.feed.lag_p50),
    "lag_p95_seconds": ("95 % of them stayed under this.", lambda s: s.feed.lag_p95),
    "pending_bytes": ("Journal not in the dataset yet.", lambda s: s.pending_bytes),
    "dataset_ok": ("Whether the dataset takes parts.", lambda s: int(s.dataset_error is None)),
}


class _StatsMetrics:
    """Reads the counters whenever Prometheus asks; a value that is unknown is left out."""

    def __init__(self, stats: Callable[[], CollectorStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield each metric with its value."""
        stats = self._stats()
        for name, (text, value) in _COUNTERS.items():
            yield CounterMetricFamily(f"bxpull_{name}", text, value=value(stats))
        for name, (text, value) in _GAUGES.items():
            if (number := value(stats)) is not None:
                yield GaugeMetricFamily(f"bxpull_{name}", text, value=number)
        state = GaugeMetricFamily("bxpull_state", "1 for the state it is in.", labels=["state"])
        for name in _STATES:
            state.add_metric([name], int(name == stats.feed.state))
        yield state


def metrics_text(stats: CollectorStats) -> str:
    """Return the counters in the text format of Prometheus (0.0.4)."""
    return generate_latest(_registry(lambda: stats)).decode()


@contextmanager
def serving_metrics(port: int, stats: Callable[[], CollectorStats]) -> Iterator[str]:
    """Serve `http://127.0.0.1:PORT/metrics` within the block, and yield that address.

    Port 0 takes any free one. Raises SettingsError for a port that is taken.
    """
    try:
        server, _ = start_http_server(port, "127.0.0.1", _registry(stats))
    except OSError as exc:
        raise SettingsError(
            f"--metrics-port {port} cannot be used ({exc.strerror}). Choose another one."
        ) from scrub(exc)
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _registry(stats: Callable[[], CollectorStats]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_StatsMetrics(stats))
    return registry
