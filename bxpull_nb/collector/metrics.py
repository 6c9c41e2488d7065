"""A collector's counters as Prometheus reads them, on a port of this machine."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bxpull_nb.collector.collector import CollectorStats
from bxpull_nb.errors import SettingsError

__all__ = ["metrics_text", "serving_metrics"]

_STATES = ("idle", "connecting", "connected", "reconnecting", "failed", "stopped")
_Counters = dict[str, tuple[str, Callable[[CollectorStats], float | None]]]
_COUNTERS: _Counters = {
    "events_total": ("Events received.", lambda s: s.feed.events),
    "bad_frames_total": ("Messages that could not be read.", lambda s: s.feed.bad_frames),
    "duplicates_total": ("Copies dropped by message id.", lambda s: s.feed.duplicates),
    "reconnects_total": ("Connections made anew.", lambda s: s.feed.reconnects),
    "audits_total": ("Times the server's history was asked again.", lambda s: s.feed.audits),
    "recovered_total": ("Events that only an audit brought.", lambda s: s.feed.recovered),
    "parts_total": ("Parts written to the dataset.", lambda s: s.parts),
    "written_events_total": ("Events in those parts.", lambda s: s.written_events),
    "written_bytes_total": ("Bytes of those parts.", lambda s: s.written_bytes),
    "write_failures_total": ("Times the dataset took no part.", lambda s: s.write_failures),
    "journal_dropped_total": ("Batches the journal had no room for.", lambda s: s.journal_dropped),
}
_GAUGES: _Counters = {
    "rate": ("Events a second over the last ten.", lambda s: s.feed.rate),
    "lag_seconds": ("Lag of the newest event.", lambda s: s.feed.last_lag),
    "lag_p50_seconds": ("Median lag of the newest thousand.", lambda s: s.feed.lag_p50),
    "lag_p95_seconds": ("95 % of them stayed under this.", lambda s: s.feed.lag_p95),
    "pending_bytes": ("Journal not in the dataset yet.", lambda s: s.pending_bytes),
    "dataset_ok": ("Whether the dataset takes parts.", lambda s: int(s.dataset_error is None)),
}


def metrics_text(stats: CollectorStats) -> str:
    """The counters in the text format of Prometheus (0.0.4); what is unknown is left out."""
    lines: list[str] = []
    for kind, group in (("counter", _COUNTERS), ("gauge", _GAUGES)):
        for name, (text, value) in group.items():
            if (number := value(stats)) is not None:
                lines += _metric(name, kind, text, [(name, number)])
    states = [(f'state{{state="{one}"}}', int(one == stats.feed.state)) for one in _STATES]
    lines += _metric("state", "gauge", "1 for the state it is in.", states)
    return "\n".join(lines) + "\n"


@contextmanager
def serving_metrics(port: int | None, stats: Callable[[], CollectorStats]) -> Iterator[str | None]:
    """Serve `http://127.0.0.1:PORT/metrics` meanwhile, and give that address; None for no port.

    Port 0 takes any free one. Raises SettingsError for a port that is taken.
    """
    if port is None:
        yield None
        return
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _handler(stats))
    except OSError as exc:
        raise SettingsError(
            f"--metrics-port {port} cannot be used ({exc.strerror}). Choose another one."
        ) from exc
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="bxpull-metrics", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _metric(name: str, kind: str, text: str, samples: Sequence[tuple[str, float]]) -> list[str]:
    head = [f"# HELP bxpull_{name} {text}", f"# TYPE bxpull_{name} {kind}"]
    return head + [f"bxpull_{sample} {number}" for sample, number in samples]


def _handler(stats: Callable[[], CollectorStats]) -> type[BaseHTTPRequestHandler]:
    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path.partition("?")[0] == "/metrics"
            body = metrics_text(stats()).encode() if known else b"see /metrics\n"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: Prometheus asks every few seconds."""

    return Metrics
