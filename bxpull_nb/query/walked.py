"""Events in parts, with all values of their params, level by level."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.levels import Level
from bxpull_nb.params.texts import readable
from bxpull_nb.params.walk import Walk
from bxpull_nb.query.source import Source, check_columns

if TYPE_CHECKING:
    import duckdb

__all__ = ["Part", "names_of", "parts", "readable_rows"]

_ROWS = 100_000  # looked at together, which bounds the memory
_NEEDED = ("module_id", "command", "params")


class Part(NamedTuple):
    """Some of the events, unreadable messages left out."""

    table: pa.Table
    first: int
    """The number of events in the parts before."""
    roots: np.ndarray
    """Number of the path of each row's module and command."""
    levels: Iterator[Level]
    """All values of the params; see `Walk.levels`."""

    def events_of_roots(self) -> Counter[int]:
        """Return how many events each module and command has."""
        numbers, counts = np.unique(self.roots, return_counts=True)
        return Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))


def parts(
    connection: "duckdb.DuckDBPyConnection",
    events: Source,
    walk: Walk,
    columns: Sequence[str] = (),
) -> Iterator[Part]:
    """Yield the events in parts, with those of `columns` that there are.

    Raises SettingsError for a source without params, module or command.
    """
    check_columns(events, *_NEEDED)
    others = [name for name in (*columns, "error") if name in events.columns]
    first = 0
    for table in events.tables(list(dict.fromkeys([*_NEEDED, *others]))):
        for start in range(0, table.num_rows, _ROWS):
            part = readable_rows(table.slice(start, _ROWS))
            if part.num_rows:
                roots = _roots(part, walk)
                texts = pc.cast(part["params"], pa.large_string()).combine_chunks()
                levels = walk.levels(connection, readable(connection, texts), roots)
                yield Part(part, first, roots, levels)
            first += part.num_rows


def readable_rows(table: pa.Table) -> pa.Table:
    """Return the events without the unreadable messages."""
    if "error" not in table.column_names:
        return table
    return table.filter(pc.is_null(pc.cast(table["error"], pa.large_string())))


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


def names_of(table: pa.Table) -> pa.ChunkedArray:
    """Return each event's `module.command`, with `?` for one that is missing."""
    texts = [pc.cast(table[name], pa.large_string()) for name in ("module_id", "command")]
    dot = pa.scalar(".", pa.large_string())
    return pc.binary_join_element_wise(*(pc.fill_null(one, "?") for one in texts), dot)
