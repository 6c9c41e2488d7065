"""Running both sides in turn, and what came out: samples, lines of the table, goals."""

import gc
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from multiprocessing import get_context
from statistics import median

__all__ = [
    "Benchmark",
    "Goal",
    "Line",
    "Sample",
    "Size",
    "at_least",
    "at_most",
    "clock",
    "faster",
    "in_a_process",
    "in_turn",
    "resident",
    "seconds",
    "smaller",
    "within",
]


@dataclass(frozen=True)
class Size:
    """How much to do: all of it, or just enough to see that a benchmark runs."""

    quick: bool = False
    asked_rounds: int | None = None
    """How often each side runs, where that was asked for."""

    @property
    def rounds(self) -> int:
        """How often each side runs."""
        return self.asked_rounds or (1 if self.quick else 7)

    @property
    def long_rounds(self) -> int:
        """The same for what takes many seconds."""
        return self.asked_rounds or (1 if self.quick else 5)

    def of(self, full: int) -> int:
        """The number of rows to use where `full` is meant."""
        return max(min(full, 200), full // 1000) if self.quick else full


@dataclass(frozen=True)
class Sample:
    """What the rounds gave, in their order."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """Half the way from the least to the greatest, as a part of the median: the noise."""
        return (max(self.values) - min(self.values)) / 2 / self.median if self.median else 0.0

    def times(self, factor: float) -> "Sample":
        """The same in another unit."""
        return Sample(tuple(value * factor for value in self.values))

    def over(self, other: "Sample") -> "Sample":
        """The ratios, round by round: both of a round saw the same machine."""
        return Sample(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))


@dataclass(frozen=True)
class Goal:
    """What a line has to reach, and which of its figures that is about."""

    text: str
    kind: str
    """`faster`: theirs / ours; `within`: ours / theirs; `at_most`, `at_least`: ours alone."""
    limit: float

    def figure(self, ours: Sample, theirs: Sample | None) -> Sample:
        """What the limit is compared with."""
        if theirs is None or self.kind in ("at_most", "at_least"):
            return ours
        return theirs.over(ours) if self.kind == "faster" else ours.over(theirs)

    def is_met(self, figure: Sample) -> bool:
        """Whether the median reaches the limit."""
        reached = figure.median
        return (
            reached >= self.limit if self.kind in ("faster", "at_least") else reached <= self.limit
        )


def faster(times: float) -> Goal:
    """So many times less than the other side."""
    return Goal(f"≥ {times:,g} times faster", "faster", times)


def smaller(times: float) -> Goal:
    """So many times less memory than the other side."""
    return Goal(f"≥ {times:,g} times smaller", "faster", times)


def within(times: float) -> Goal:
    """At most so many times the other side."""
    return Goal(f"≤ {times:g} times", "within", times)


def at_most(limit: float, unit: str) -> Goal:
    """No more than this."""
    return Goal(f"≤ {limit:,g} {unit}", "at_most", limit)


def at_least(limit: float, unit: str) -> Goal:
    """No less than this."""
    return Goal(f"≥ {limit:,g} {unit}", "at_least", limit)


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    what: str
    unit: str
    ours: Sample
    goal: Goal
    against: str = "-"
    theirs: Sample | None = None

    @property
    def figure(self) -> Sample:
        """What the goal is about."""
        return self.goal.figure(self.ours, self.theirs)

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.is_met(self.figure)


@dataclass(frozen=True)
class Benchmark:
    """One thing to measure, and the lines it gives."""

    name: str
    run: Callable[[Size], Sequence[Line]]


clock: ContextVar[Callable[[], float]] = ContextVar("clock", default=time.perf_counter)
"""What measures the time: on a busy machine `time.process_time`, the CPU time of this process."""


def seconds(work: Callable[[], object]) -> float:
    """How long it takes once, with the garbage of before out of the way.

    The collector stays on, unlike in `timeit`: where rows are kept as objects, it is part of
    what they cost.
    """
    gc.collect()
    now = clock.get()
    begun = now()
    result = work()
    taken = now() - begun
    del result
    return taken


def in_turn(
    rounds: int, *sides: Callable[[], object], per: int = 1, unit: float = 1e6
) -> list[Sample]:
    """What each side takes per item, in microseconds unless told otherwise.

    Every round runs all sides, and begins with another one: what disturbs the machine for a
    while, or warms it up, meets them alike. A round before the first is not counted. The garbage
    collector does not walk over what was there before: the material is no side's burden.
    """
    taken: list[list[float]] = [[] for _ in sides]
    gc.collect()
    gc.freeze()
    for turn in range(rounds + 1):
        for place in range(len(sides)):
            side = (place + turn) % len(sides)
            taken[side].append(seconds(sides[side]) * unit / per)
    gc.unfreeze()
    return [Sample(tuple(values[1:])) for values in taken]


def in_a_process(measure: Callable[[int], float], rows: int) -> float:
    """What the function gives in a fresh process: memory that was used before hides what is."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, rows).result()


def resident() -> int:
    """Bytes of memory that this process has now."""
    import psutil

    gc.collect()
    return int(psutil.Process().memory_info().rss)
