"""Inside `params`: its JSON as columns."""

from collections.abc import Sequence
from functools import partial

import bxpull_nb as bx
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.measure import Benchmark, Line, Size, at_most, in_turn

__all__ = ["BENCHMARKS"]


def columns(size: Size) -> Sequence[Line]:
    """100 000 rows of six keys each: all of them as columns, and two chosen paths."""
    df = filled_log(size.of(100_000)).df
    every, two = in_turn(
        size.rounds,
        partial(bx.expand_params, df),
        partial(bx.expand_params, df, paths=["stage", "id"]),
        unit=1,
    )
    return [
        Line("expand_params of 100 000 rows", "s", every, at_most(0.4, "s")),
        Line("the same, paths=[two of them]", "s", two, at_most(0.1, "s")),
    ]


BENCHMARKS = (Benchmark("expand-params", columns),)
