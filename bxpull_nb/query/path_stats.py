"""What is known of the values of one path: counted part by part, exact while they are few."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.models.json_text import decoded
from bxpull_nb.params.engine import offer
from bxpull_nb.params.levels import ARRAY, Level
from bxpull_nb.params.texts import KINDS

if TYPE_CHECKING:
    import duckdb

__all__ = ["STRING", "TYPES", "PathStats", "add_level", "types_of", "value_of"]

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""The types of JSON Schema, in the order in which they are shown."""

_INTEGER, _NUMBER, STRING = 2, 3, 4
_TYPE_OF = np.array([0, 1, _INTEGER, _INTEGER, _NUMBER, STRING, 5, 6])  # by place in KINDS
_KEPT = 1024  # hashes of different values: exact up to here, then an estimate within some 3 %
_EXAMPLES = 3
_DIFFERENT = f"""
    WITH different AS (
        SELECT path, type, text, min(place) AS place FROM found
        WHERE text IS NOT NULL GROUP BY ALL
    ), numbers AS (
        SELECT *,
            CASE WHEN type = {_INTEGER} THEN try_cast(text AS HUGEINT) END AS whole,
            CASE WHEN type = {_NUMBER} THEN try_cast(text AS DOUBLE) END AS real
        FROM different
    )
    SELECT path, count(*) AS count, min(hash(type, text), {_KEPT}) AS hashes,
        arg_min(struct_pack(type := type, text := text), place, {_EXAMPLES}) AS examples,
        min(text) FILTER (type = {STRING}) AS least_text,
        max(text) FILTER (type = {STRING}) AS greatest_text,
        min(whole)::VARCHAR AS least_whole, max(whole)::VARCHAR AS greatest_whole,
        min(real) FILTER (NOT isnan(real)) AS least_real,
        max(real) FILTER (NOT isnan(real)) AS greatest_real,
        list(text) FILTER (type = {_INTEGER} AND whole IS NULL) AS beyond
    FROM numbers GROUP BY path
"""  # noqa: S608 - only our own words


@dataclass
class PathStats:
    """The values of one path so far."""

    types: Counter[str] = field(default_factory=Counter)
    """The number of values of each type."""
    events: int = 0
    """Events that have the path."""
    examples: list[Any] = field(default_factory=list)
    first: int | None = None
    """Microseconds since 1970 of the first event that has it."""
    last: int | None = None
    _hashes: set[int] = field(default_factory=set)
    _is_cut: bool = False
    _numbers: list[Any] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    @property
    def is_estimated(self) -> bool:
        """Whether there are too many different values to count each."""
        return self._is_cut

    @property
    def distinct(self) -> int:
        """The number of different values that are no array, object or null."""
        if not self._is_cut:
            return len(self._hashes)
        return round((_KEPT - 1) / (max(self._hashes) / 2**64))

    @property
    def least(self) -> Any:
        """The least number; without numbers the first text; None without either."""
        return min(self._numbers) if self._numbers else min(self._texts, default=None)

    @property
    def greatest(self) -> Any:
        """The greatest number; without numbers the last text; None without either."""
        return max(self._numbers) if self._numbers else max(self._texts, default=None)

    def add_different(self, row: dict[str, Any]) -> None:
        """Add a row of the different values of one part."""
        hashes = self._hashes | set(row["hashes"])
        self._is_cut |= row["count"] > _KEPT or len(hashes) > _KEPT
        self._hashes = set(sorted(hashes)[:_KEPT])
        for example in row["examples"]:
            value = value_of(example["type"], example["text"])
            if len(self.examples) < _EXAMPLES and not _is_among(value, self.examples):
                self.examples.append(value)
        wholes = [row["least_whole"], row["greatest_whole"], *(row["beyond"] or ())]
        reals = [row["least_real"], row["greatest_real"]]
        numbers = [int(text) for text in wholes if text is not None]
        numbers += [real for real in reals if real is not None]
        self._numbers = _ends([*self._numbers, *numbers])
        texts = [text for text in (row["least_text"], row["greatest_text"]) if text is not None]
        self._texts = _ends([*self._texts, *texts])

    def seen(self, first: int, last: int) -> None:
        """Extend the time between the first and the last event."""
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


def add_level(
    connection: "duckdb.DuckDBPyConnection",
    level: Level,
    times: np.ndarray,
    stats: dict[int, PathStats],
) -> None:
    """Add the values of a level. `times` are microseconds of each row, -1 where unknown."""
    if not len(level.rows):
        return
    types = types_of(level)
    counts = np.bincount(level.paths * len(TYPES) + types)
    for code in np.flatnonzero(counts).tolist():
        path, place = divmod(code, len(TYPES))
        stats.setdefault(path, PathStats()).types[TYPES[place]] += int(counts[code])
    _add_events(level, times, stats)
    scalar = level.kinds < ARRAY
    found = level.where(scalar)
    columns = {"path": found.paths, "type": types[scalar], "text": found.texts}
    offer(connection, "found", pa.table({**columns, "place": np.arange(len(found.rows))}))
    for row in connection.sql(_DIFFERENT).to_arrow_table().to_pylist():
        stats[row["path"]].add_different(row)


def types_of(level: Level) -> np.ndarray:
    """Return the types as places in `TYPES`; an integer beyond 64 bits is one."""
    types: np.ndarray = _TYPE_OF[level.kinds]
    doubles = np.flatnonzero(level.kinds == KINDS.index("DOUBLE"))
    if len(doubles):
        texts = level.texts.take(pa.array(doubles))
        whole = pc.match_substring_regex(texts, r"^-?\d+$").to_numpy(zero_copy_only=False)
        types[doubles[whole]] = _INTEGER
    return types


def _add_events(level: Level, times: np.ndarray, stats: dict[int, PathStats]) -> None:
    narrow = level.paths.astype(np.min_scalar_type(level.paths.max()))  # sorted ten times as fast
    order = np.argsort(narrow, kind="stable")
    paths, rows = level.paths[order], level.rows[order]
    fresh = np.ones(len(rows), bool)  # not one more value of the same event
    fresh[1:] = (paths[1:] != paths[:-1]) | (rows[1:] != rows[:-1])
    paths, known = paths[fresh], times[rows[fresh]]
    starts = np.flatnonzero(np.diff(paths, prepend=-1))
    for start, stop in pairwise([*starts.tolist(), len(paths)]):
        one = stats[int(paths[start])]
        one.events += stop - start
        moments = known[start:stop]
        moments = moments[moments >= 0]
        if len(moments):
            one.seen(int(moments.min()), int(moments.max()))


def value_of(kind: int, text: str) -> Any:
    """Return the value of this type, a place in `TYPES`, and text."""
    return text if kind == STRING else decoded(text)


def _is_among(value: Any, others: list[Any]) -> bool:
    """Whether a value is there already; 1, 1.0 and True are different in JSON."""
    return any(type(value) is type(other) and value == other for other in others)


def _ends(values: list[Any]) -> list[Any]:
    return [min(values), max(values)] if values else []
