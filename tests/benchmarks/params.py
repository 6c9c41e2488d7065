"""Inside `params`: its JSON as columns, and questions about it."""

from collections.abc import Sequence
from functools import partial

import duckdb
import pyarrow as pa

import bxpull_nb as bx
from tests.benchmarks.dataframe import filled_log
from tests.benchmarks.measure import Benchmark, Line, Size, at_most, in_turn, within

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


def group_by(size: Size) -> Sequence[Line]:
    """A million live rows grouped by a JSON path, and DuckDB on a table of its own of the same."""
    log = filled_log(size.of(1_000_000))
    query = "select params->>'$.stage' as stage, count(*) as n from events group by 1 order by 1"
    with duckdb.connect() as connection:
        connection.register("live", pa.table(log))
        connection.execute("create table events as select * from live").fetchall()
        assert bx.sql(log, query)["n"].tolist() == connection.sql(query).df()["n"].tolist()
        mine, other = in_turn(
            size.rounds, lambda: bx.sql(log, query), lambda: connection.sql(query).df(), unit=1
        )
    what = "bx.sql: 1 000 000 live rows by a JSON path"
    return [
        Line(what, "s", mine, at_most(0.6, "s")),
        Line(what, "s", mine, within(1.2), "DuckDB on its own table", other),
    ]


BENCHMARKS = (Benchmark("expand-params", columns), Benchmark("sql-group-by", group_by))
