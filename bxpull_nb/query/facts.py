"""How many events have each path, type and value: what two groups of events are compared by."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import offer, opened
from bxpull_nb.params.levels import ARRAY, Level
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.path_stats import types_of
from bxpull_nb.query.source import Source
from bxpull_nb.query.walked import Part, parts

if TYPE_CHECKING:
    import duckdb

__all__ = ["MOST_VALUES", "Facts", "gathered"]

MOST_VALUES = 10_000
"""Different values of one path that are counted; a path with more is an open one."""
_COUNTED = """
    SELECT path, type, text, {events}::BIGINT AS events, min("row")::BIGINT AS first,
        sum(fresh)::BIGINT AS runs
    FROM found GROUP BY GROUPING SETS ((path, type, text), (path, type), (path))
    HAVING grouping(text) = 1 OR text IS NOT NULL
"""
_MERGED = """
    SELECT path, type, text, sum(events)::BIGINT AS events, min(first)::BIGINT AS first,
        sum(runs)::BIGINT AS runs
    FROM counted GROUP BY ALL
"""


@dataclass
class Facts:
    """Counts of one group of events; numbers of paths are those of the walk."""

    total: int = 0
    roots: Counter[int] = field(default_factory=Counter)
    """Events of each module and command."""
    columns: dict[str, Counter[str]] = field(default_factory=dict)
    """Events with each value of these columns."""
    times: np.ndarray = field(default_factory=lambda: np.empty(0, "int64"))
    """Arrivals in microseconds since 1970, where they are known."""
    time_roots: np.ndarray = field(default_factory=lambda: np.empty(0, "int64"))
    """Root of each of these."""
    paths: dict[int, int] = field(default_factory=dict)
    """Events that have the path."""
    runs: dict[int, int] = field(default_factory=dict)
    """Times the path has another value than in the event before; the first one counts."""
    types: dict[tuple[int, int], int] = field(default_factory=dict)
    """Events that have the path with a value of this type."""
    values: dict[tuple[int, int, str], tuple[int, int]] = field(default_factory=dict)
    """Events that have the path with this type and text, and the number of the first one."""
    open_paths: set[int] = field(default_factory=set)
    """Paths with too many values to count each."""


def gathered(sources: Sequence[Source], columns: Sequence[str] = ()) -> tuple[Walk, list[Facts]]:
    """Return what is known of each group of events, with the paths of all together."""
    walk = Walk()
    while True:
        found = [_of_source(source, walk, columns) for source in sources]
        if not walk.must_repeat:
            return walk, found
        walk = walk.again()


def _of_source(source: Source, walk: Walk, columns: Sequence[str]) -> Facts:
    facts, counted = Facts(), None
    times, roots = [facts.times], [facts.time_roots]
    with opened() as connection:
        for part in parts(connection, source, walk, ["received_at", *columns]):
            facts.total += part.table.num_rows
            facts.roots.update(part.events_of_roots())
            _add_columns(facts, part, columns)
            known, moments = _moments(part.table)
            times.append(moments)
            roots.append(part.roots[known])
            for level in part.levels:
                more = _counted(connection, level, part, walk)
                counted = _merged(connection, facts, counted, more)
    facts.times, facts.time_roots = np.concatenate(times), np.concatenate(roots)
    _sort_out(facts, counted)
    return facts


def _add_columns(facts: Facts, part: Part, columns: Sequence[str]) -> None:
    for name in columns:
        if name in part.table.column_names:
            texts = pc.cast(part.table[name], pa.large_string()).drop_null()
            found = {row["values"]: row["counts"] for row in texts.value_counts().to_pylist()}
            facts.columns.setdefault(name, Counter()).update(found)


def _moments(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows have a time, and the times."""
    if "received_at" not in table.column_names:
        return np.zeros(table.num_rows, bool), np.empty(0, "int64")
    times = pc.cast(pc.cast(table["received_at"], pa.timestamp("us", "UTC")), pa.int64())
    known: np.ndarray = pc.is_valid(times).to_numpy()
    return known, times.drop_null().to_numpy()


def _counted(
    connection: "duckdb.DuckDBPyConnection", level: Level, part: Part, walk: Walk
) -> pa.Table | None:
    """Return how many events have each path, type and value of the level; the others are null."""
    if not len(level.rows):
        return None
    scalar = pa.array(level.kinds < ARRAY)
    texts = pc.if_else(scalar, level.texts, pa.scalar(None, pa.large_string()))
    types = types_of(level)
    columns = {
        "path": level.paths,
        "type": types,
        "text": texts,
        "fresh": _fresh(level, types, texts),
    }
    offer(connection, "found", pa.table({**columns, "row": level.rows + part.first}))
    many = any(walk.paths[path].is_many for path in np.unique(level.paths).tolist())
    events = 'count(DISTINCT "row")' if many else "count(*)"
    return connection.sql(_COUNTED.format(events=events)).to_arrow_table()


def _fresh(level: Level, types: np.ndarray, texts: pa.LargeStringArray) -> np.ndarray:
    """Return 1 for each value that is not the same as the one before it on its path, else 0."""
    codes = texts.dictionary_encode().indices.fill_null(-1).to_numpy()
    order = np.argsort(level.paths, kind="stable")
    fresh = np.ones(len(order), "int64")
    same = [part[order][1:] == part[order][:-1] for part in (level.paths, types, codes)]
    fresh[order[1:]] = ~np.logical_and.reduce(same)
    return fresh


def _merged(
    connection: "duckdb.DuckDBPyConnection",
    facts: Facts,
    before: pa.Table | None,
    more: pa.Table | None,
) -> pa.Table | None:
    """Return the counts together, without the values of paths that have too many."""
    if more is None or before is None:
        return before if more is None else _bounded(facts, more)
    offer(connection, "counted", pa.concat_tables([before, more]))
    return _bounded(facts, connection.sql(_MERGED).to_arrow_table())


def _bounded(facts: Facts, table: pa.Table) -> pa.Table:
    is_value = pc.is_valid(table["text"])
    counts = table.filter(is_value)["path"].value_counts()
    fresh = counts.filter(pc.greater(counts.field("counts"), MOST_VALUES)).field("values")
    facts.open_paths |= set(fresh.to_pylist())
    if not facts.open_paths:
        return table
    many = pc.is_in(table["path"], pa.array(sorted(facts.open_paths), table["path"].type))
    return table.filter(pc.invert(pc.and_(is_value, many)))


def _sort_out(facts: Facts, counted: pa.Table | None) -> None:
    """Put the counts of paths, types and values in their places."""
    if counted is None:
        return
    columns = (
        counted[name].to_pylist() for name in ("path", "type", "text", "events", "first", "runs")
    )
    for path, kind, text, events, first, runs in zip(*columns, strict=True):
        if kind is None:
            facts.paths[path], facts.runs[path] = events, runs
        elif text is None:
            facts.types[path, kind] = events
        else:
            facts.values[path, kind, text] = (events, first)
