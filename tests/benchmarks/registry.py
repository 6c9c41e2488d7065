"""All benchmarks. A new group is a module with `BENCHMARKS`, and a name in this list."""

from tests.benchmarks import (
    dataframe,
    decoding,
    idle,
    learning,
    panel,
    params,
    polling,
    reading,
    surroundings,
    watching,
    way,
)
from tests.benchmarks.measure import Benchmark

__all__ = ["registered"]

_GROUPS = (
    decoding,
    dataframe,
    params,
    learning,
    panel,
    watching,
    reading,
    way,
    polling,
    idle,
    surroundings,
)


def registered(only: str = "", *, exactly: str = "") -> list[Benchmark]:
    """Return the benchmarks whose name contains `only`; with `exactly` the one of that name."""
    every = [b for group in _GROUPS for b in group.BENCHMARKS]
    return [b for b in every if (b.name == exactly if exactly else only in b.name)]
