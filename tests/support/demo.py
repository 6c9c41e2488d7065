"""The demo traffic of the sandbox, without a server: as a log with the truth, or as a DataFrame."""

import json
from collections.abc import Iterator
from itertools import islice
from random import Random

import msgspec
import pandas as pd

from bxpull_nb.models import Arrival, Event
from bxpull_nb.sandbox.demo_traffic import demo_events
from bxpull_nb.sandbox.demo_truth import DemoRecord, Truth
from bxpull_nb.storage.eventlog import EventLog
from tests.support.rows import frame

__all__ = ["START", "START_US", "demo_day", "demo_frame", "demo_records"]

START = 1_790_000_000
"""Unix seconds of the first event."""


def demo_day(count: int, seed: int = 0, drift_after: int | None = None) -> tuple[EventLog, Truth]:
    """Return so many demo events, 25 in a second, and the truth about them."""
    log, record = EventLog(), DemoRecord(seed, drift_after)
    for number, event in enumerate(islice(demo_events(seed, drift_after), count)):
        mid, moment = f"1795447844{number:016}", START + number / 25
        late = 1000 if event.channel == "shared" else 3000 + number % 97
        arrival = Arrival(round(moment * 1e6) + late, event.channel, "websocket")
        params = msgspec.json.encode(event.params)
        log.extend([Event(mid, event.module_id, event.command, params, moment, None, arrival)])
        record.add(mid, moment)
    return log, record.truth()


START_US = 1_790_000_000_000_000


def demo_records(seed: int = 0, drift_after: int | None = None) -> Iterator[Event]:
    """Yield demo events without end, twenty a second on average, as they would arrive."""
    rng, now = Random(seed), float(START_US)
    for number, one in enumerate(demo_events(seed, drift_after)):
        now += rng.expovariate(20) * 1e6
        text = json.dumps(one.params, ensure_ascii=False).encode()
        arrival = Arrival(int(now), one.channel, "websocket")
        yield Event(f"{number:026}", one.module_id, one.command, text, now / 1e6, None, arrival)


def demo_frame(count: int, seed: int = 0, drift_after: int | None = None) -> pd.DataFrame:
    """Return so many of them as a DataFrame."""
    return frame(*islice(demo_records(seed, drift_after), count))
