"""What is inside the params of each command: a catalogue of paths, learned from events."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import opened
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.path_stats import PathStats, add_level
from bxpull_nb.query.source import Conditions, Source, resolved
from bxpull_nb.query.walked import parts

if TYPE_CHECKING:
    from bxpull_nb.query.schema_table import SchemaTable

__all__ = ["schema", "schema_of"]


def schema(source: Any, *, where: Conditions = None) -> "SchemaTable":
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
    the table has no rows. `where` chooses events as in `read_events`: folders of a dataset that
    it excludes are not read. Raises the errors of `read_events`.

    >>> bx.schema(feed)[["command", "path", "types", "share"]]
    """
    return schema_of(resolved(source, where))


def schema_of(events: Source) -> "SchemaTable":
    """Return the table of `schema` for these events."""
    from bxpull_nb.query.schema_table import SchemaTable, table_of

    walk = Walk()
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
    counts: Counter[int] = Counter()
    with opened() as connection:
        for part in parts(connection, events, walk, ["received_at"]):
            counts.update(part.events_of_roots())
            times = _times(part.table)
            for level in part.levels:
                add_level(connection, level, times, stats)
    return stats, counts


def _times(table: pa.Table) -> np.ndarray:
    if "received_at" not in table.column_names:
        return np.full(table.num_rows, -1, "int64")
    times = pc.cast(pc.cast(table["received_at"], pa.timestamp("us", "UTC")), pa.int64())
    found: np.ndarray = pc.fill_null(times, -1).to_numpy()
    return found
