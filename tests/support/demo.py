"""The demo traffic as a DataFrame, at random times, without a server."""

import json
from collections.abc import Iterator
from itertools import islice
from random import Random

import pandas as pd

from bxpull_nb.models import Arrival, Event
from bxpull_nb.sandbox.demo_traffic import demo_events
from tests.support.rows import frame

__all__ = ["START_US", "demo_frame", "demo_records"]

START_US = 1_790_000_000_000_000


def demo_records(
    seed: int = 0, drift_after: int | None = None, rate: float = 20.0
) -> Iterator[Event]:
    """Yield demo events without end, `rate` a second on average, as they would arrive."""
    rng, now = Random(seed), float(START_US)
    for number, one in enumerate(demo_events(seed, drift_after)):
        now += rng.expovariate(rate) * 1e6
        text = json.dumps(one.params, ensure_ascii=False).encode()
        arrival = Arrival(int(now), one.channel, "websocket")
        yield Event(f"{number:026}", one.module_id, one.command, text, now / 1e6, None, arrival)


def demo_frame(count: int, seed: int = 0, drift_after: int | None = None) -> pd.DataFrame:
    """Return so many of them as a DataFrame."""
    return frame(*islice(demo_records(seed, drift_after), count))
