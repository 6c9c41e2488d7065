"""Demo events of the sandbox as a log, with the truth about them, without a server."""

from itertools import islice

import msgspec

from bxpull_nb.models import Arrival, Event
from bxpull_nb.sandbox.demo_traffic import demo_events
from bxpull_nb.sandbox.demo_truth import DemoRecord, Truth
from bxpull_nb.storage.eventlog import EventLog

__all__ = ["START", "demo_day"]

START = 1_790_000_000
"""Unix seconds of the first event."""


def demo_day(count: int, seed: int = 0, drift_after: int | None = None) -> tuple[EventLog, Truth]:
    """Return so many demo events, 25 in a second, and the truth about them."""
    log, record = EventLog(), DemoRecord(seed, drift_after)
    for number, event in enumerate(islice(demo_events(seed, drift_after), count)):
        mid, moment = f"1795447844{number:016}", START + number / 25
        arrival = Arrival(round(moment * 1e6) + 1000, event.channel, "websocket")
        params = msgspec.json.encode(event.params)
        log.extend([Event(mid, event.module_id, event.command, params, moment, None, arrival)])
        record.add(mid, moment)
    return log, record.truth()
