"""What is inside the params of each command: a catalogue of paths, learned from events."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.errors import SettingsError
from bxpull_nb.params.engine import opened
from bxpull_nb.params.texts import readable
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.path_stats import PathStats, add_level
from bxpull_nb.query.source import Source, resolved

if TYPE_CHECKING:
    import duckdb

    from bxpull_nb.query.schema_table import SchemaTable

__all__ = ["schema"]

_ROWS = 100_000  # looked at together, which bounds the memory
_NEEDED = ("received_at", "module_id", "command", "params", "error")


def schema(source: Any) -> "SchemaTable":
    """Return a row for each module, command and path in `params`, as the events have them.

    `source` is a feed, a DataFrame (of pandas, Dask or another library that speaks Arrow), a
    file, a journal or a dataset. Elements of arrays have the path `items[]`, values of a map
    `users.{id}`: a map is an object whose keys are all ids, or one of more than 500 keys. Params
    that are no object have the path `$`. Unreadable messages are left out. The columns:

    - `module_id`, `command`, `path`
    - `types`: those seen, in the words of JSON Schema (`integer | null`); `counts`: of each type
    - `events`: how many have the path; `share`: that part of the command's events
    - `distinct`: different values, exact up to 1 000; beyond, `estimated` is true (within 3 %)
    - `examples`: the first three values; `least` and `greatest` number, or text without numbers
    - `first`, `last`: `received_at` of the first and the last event that has the path

    `.to_markdown()` and `.to_json_schema()` write it; see `bx.model` for classes. Without events
    the table has no rows. Raises the errors of `read_events`.

    >>> bx.schema(feed)[["command", "path", "types", "share"]]
    """
    from bxpull_nb.query.schema_table import SchemaTable, table_of

    events, walk = resolved(source), Walk()
    while True:
        stats, counts = _gathered(events, walk)
        if not walk.must_repeat:
            break
        walk = walk.again()
    made: SchemaTable = table_of(walk, stats, counts)
    return made


def _gathered(events: Source, walk: Walk) -> tuple[dict[int, PathStats], dict[int, int]]:
    """Return what is known of each path, and the number of events of each root."""
    stats: dict[int, PathStats] = {}
    counts: dict[int, int] = {}
    with opened() as connection:
        for table in events.tables(_columns(events)):
            for start in range(0, table.num_rows, _ROWS):
                part = table.slice(start, _ROWS)
                _add(connection, _readable_rows(part), walk, stats, counts)
    return stats, counts


def _columns(events: Source) -> list[str]:
    lacking = [name for name in _NEEDED[1:4] if name not in events.columns]
    if lacking:
        raise SettingsError(f"these events lack the column {', '.join(lacking)}.")
    return [name for name in _NEEDED if name in events.columns]


def _readable_rows(table: pa.Table) -> pa.Table:
    if "error" not in table.column_names:
        return table
    return table.filter(pc.is_null(pc.cast(table["error"], pa.large_string())))


def _add(
    connection: "duckdb.DuckDBPyConnection",
    table: pa.Table,
    walk: Walk,
    stats: dict[int, PathStats],
    counts: dict[int, int],
) -> None:
    """Add the events of one part."""
    if not table.num_rows:
        return
    roots = _roots(table, walk)
    for root, count in zip(*np.unique(roots, return_counts=True), strict=True):
        counts[int(root)] = counts.get(int(root), 0) + int(count)
    texts = pc.cast(table["params"], pa.large_string()).combine_chunks()
    times = _times(table)
    for level in walk.levels(connection, readable(connection, texts), roots):
        add_level(connection, level, times, stats)


def _roots(table: pa.Table, walk: Walk) -> np.ndarray:
    """Return the number of the path of each row's module and command."""
    coded = [
        pc.cast(table[name], pa.large_string()).combine_chunks().dictionary_encode("encode")
        for name in ("module_id", "command")
    ]
    modules, commands = (column.indices.to_numpy() for column in coded)
    names, width = [column.dictionary.to_pylist() for column in coded], len(coded[1].dictionary)
    pairs, places = np.unique(modules.astype("int64") * width + commands, return_inverse=True)
    found = [(names[0][pair // width], names[1][pair % width]) for pair in pairs.tolist()]
    numbers = np.array([walk.root(name) for name in found], "int64")
    rows: np.ndarray = numbers[places]
    return rows


def _times(table: pa.Table) -> np.ndarray:
    if "received_at" not in table.column_names:
        return np.full(table.num_rows, -1, "int64")
    times = pc.cast(pc.cast(table["received_at"], pa.timestamp("us", "UTC")), pa.int64())
    found: np.ndarray = pc.fill_null(times, -1).to_numpy()
    return found
