"""All benchmarks. A new group is a module with `BENCHMARKS`, and a name in this list."""

from tests.benchmarks import (
    dataframe,
    decoding,
    learning,
    params,
    reading,
    surroundings,
    watching,
    way,
)
from tests.benchmarks.measure import Benchmark

__all__ = ["registered"]

_GROUPS = (decoding, dataframe, params, learning, watching, reading, way, surroundings)


def registered(only: str = "") -> list[Benchmark]:
    """The benchmarks whose name contains `only`."""
    return [b for group in _GROUPS for b in group.BENCHMARKS if only in b.name]
