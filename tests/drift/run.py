"""Plays demo traffic to a watch, at the times of the events and as fast as it can."""

from itertools import islice

import msgspec

from tests.support.demo import demo_records
from tests.support.watch_bench import Bench

__all__ = ["Outcome", "run"]

_AT_ONCE = 20  # events between two looks: a second of the traffic
_KEPT = 50_000  # rows of the log, which bounds the memory


class Outcome(msgspec.Struct):
    """The figures of a run."""

    seed: int
    events: int
    found: list[str]
    """The text of each entry."""

    def __str__(self) -> str:
        return f"{self.events} events without drift (seed {self.seed}): {len(self.found)} found"


def run(events: int, seed: int) -> Outcome:
    """Watch so many events of this seed for every kind of drift that needs no limit."""
    bench = Bench(silence="1min")
    bench.log.max_rows = _KEPT
    found = bench.play(islice(demo_records(seed), events), every=_AT_ONCE)
    if bench.watch.missed:
        raise AssertionError(f"the watch missed {bench.watch.missed} events")
    return Outcome(seed, len(bench.log), [entry.text for entry in found])
