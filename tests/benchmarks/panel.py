"""The panel in the kernel: processor time and bytes to the page, for each second it is open."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import comm.base_comm
from jupyter_client.session import Session
from msgspec.structs import replace

from bxpull_nb.bridge import LoopThread
from bxpull_nb.capture.feed import Feed
from bxpull_nb.jupyter.widgets import Explorer
from bxpull_nb.models import Arrival, Batch, Event, RecordBatch
from tests.benchmarks.material import events
from tests.benchmarks.measure import Benchmark, Line, Sample, Size, at_most

__all__ = ["BENCHMARKS", "open_panel"]

_RATES = (1, 25, 500)  # events/s
_SECONDS = 20
_REPAINTS = 5  # a second, as the panel does
_BEFORE = 2000  # events that the feed has already
_PARTS: dict[str, Callable[[Explorer], object]] = {
    "panel": Explorer.repaint,
    "table": lambda panel: panel.table.flush(),
    "chart": lambda panel: panel.chart.flush(),
}
_MOST_CPU = {1: 3.0, 25: 8.0, 500: 15.0}  # ms a second
_MOST_BYTES = {1: 5.0, 25: 30.0, 500: 200.0}  # kB a second


class CountingComm(comm.base_comm.BaseComm):
    """A comm that packs and signs each message as a kernel does, and counts its bytes."""

    session = Session(key=b"a key")
    sent = 0

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        """Pack the message."""
        content = {"data": data or {}, "comm_id": self.comm_id, **keys}
        message = self.session.msg(msg_type, content, metadata=metadata)
        parts = [*self.session.serialize(message), *(buffers or [])]
        CountingComm.sent += sum(map(len, parts))


def refresh(rate: int, size: Size) -> Sequence[Line]:
    """A panel that repaints five times a second while events come, and its two views alone."""
    lines = []
    for part, paint in _PARTS.items():
        cpu, sent = [], []
        for _ in range(size.rounds):
            with _filled_panel() as panel:
                spent = _shown(panel, partial(paint, panel), rate, 1 if size.quick else _SECONDS)
            cpu.append(spent[0])
            sent.append(spent[1])
        what = f"{part} at {rate} event{'s' if rate > 1 else ''}/s"
        lines += [
            Line(
                f"{what}: processor", "ms/s", Sample(tuple(cpu)), at_most(_MOST_CPU[rate], "ms/s")
            ),
            Line(f"{what}: sent", "kB/s", Sample(tuple(sent)), at_most(_MOST_BYTES[rate], "kB/s")),
        ]
    return lines


@contextmanager
def open_panel(feed: Feed, repaint: float) -> Iterator[Explorer]:
    """Yield a panel of the feed that a page shows; it repaints every `repaint` seconds."""
    with patch("ipywidgets.widgets.widget.comm.create_comm", CountingComm):
        panel = Explorer(feed, repaint=repaint)
        try:
            panel._expect_page()
            yield panel
        finally:
            panel.close()


@contextmanager
def _filled_panel() -> Iterator[Explorer]:
    """Yield a panel of some events, without a timer: the benchmark repaints it."""
    bridge = LoopThread()
    feed = Feed(_no_driver, bridge)
    feed._hub.store(Batch(RecordBatch.of(events(0, _BEFORE))))
    with open_panel(feed, repaint=3600) as panel:
        panel.paint()
        yield panel
    bridge.stop()


def _no_driver(*_arguments: Any, **_settings: Any) -> Any:
    return SimpleNamespace()


def _shown(
    panel: Explorer, paint: Callable[[], object], rate: int, seconds: int
) -> tuple[float, float]:
    """Return ms of the processor and kB sent, both for a second of the page."""
    arrivals = _arrivals(rate, seconds)
    spent, before = 0.0, CountingComm.sent
    for came in arrivals:
        if came:
            panel.feed._hub.store(Batch(RecordBatch.of(came)))
        begun = time.process_time()
        paint()
        spent += time.process_time() - begun
    return spent / seconds * 1e3, (CountingComm.sent - before) / seconds / 1e3


def _arrivals(rate: int, seconds: int) -> list[list[Event]]:
    """Return the events that come before each repaint, received as time goes on from now."""
    begun, number, parts = time.time(), _BEFORE, []
    for repaint in range(seconds * _REPAINTS):
        due = rate * (repaint + 1) // _REPAINTS - (number - _BEFORE)
        arrival = Arrival(int((begun + repaint / _REPAINTS) * 1e6), "shared", "websocket")
        made = events(number, due)
        parts.append([replace(one, arrival=arrival) for one in made])
        number += due
    return parts


BENCHMARKS = tuple(Benchmark(f"panel-{rate}", partial(refresh, rate)) for rate in _RATES)
