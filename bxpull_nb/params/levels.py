"""One level of nesting: the values directly within many JSON objects or arrays, in columns."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import of_texts
from bxpull_nb.params.path import is_id
from bxpull_nb.params.texts import KINDS, Texts, kinds_of

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "ARRAY",
    "DEEPEST",
    "MANY_KEYS",
    "OBJECT",
    "Inner",
    "Level",
    "elements",
    "members",
    "unquoted",
]

ARRAY, OBJECT = KINDS.index("ARRAY"), KINDS.index("OBJECT")
DEEPEST = 64
"""Levels that are looked into; deeper values stay JSON."""
MANY_KEYS = 500
"""Keys of a map: more than an object of named fields has."""

_MEMBERS = """
    SELECT json_keys(text) AS keys, json_type(text, '$.*') AS kinds, text ->> '$.*' AS texts
    FROM texts
"""
_ELEMENTS = "SELECT json_type(text, '$[*]') AS kinds, text ->> '$[*]' AS texts FROM texts"


@dataclass
class Level:
    """Values as columns: row, number of the path, type and text of each.

    Types are places in `KINDS`. The text of a string is the string itself, of other values their
    JSON; of null it is missing.
    """

    rows: np.ndarray
    paths: np.ndarray
    kinds: np.ndarray
    texts: pa.LargeStringArray

    @classmethod
    def of(cls, given: Texts, paths: np.ndarray) -> "Level":
        """Return the whole values, with the number of the path of each."""
        rows = np.arange(len(given.texts))
        return cls(rows, paths, given.kinds, given.texts).where(given.kinds >= 0)

    def where(self, mask: np.ndarray) -> "Level":
        """Return the values that the mask selects."""
        if mask.all():
            return self
        texts = self.texts.filter(pa.array(mask))
        return Level(self.rows[mask], self.paths[mask], self.kinds[mask], texts)

    def are(self, kind: int) -> np.ndarray:
        """Whether each is an object, or an array, that is not empty."""
        empty = "{}" if kind == OBJECT else "[]"
        filled = pc.not_equal(self.texts, empty).fill_null(False)
        mask: np.ndarray = (self.kinds == kind) & filled.to_numpy(zero_copy_only=False)
        return mask


class Inner(NamedTuple):
    """Values within others, one after the other."""

    counts: np.ndarray
    """The number of values in each."""
    kinds: np.ndarray
    texts: pa.LargeStringArray
    names: pa.Array
    """The different keys; of elements none."""
    codes: np.ndarray
    """The key of each value, as a place in `names`."""

    @property
    def are_maps(self) -> np.ndarray:
        """Whether each object has only ids as keys, or very many keys."""
        ids = _are_ids(self.names)
        starts = np.cumsum(self.counts) - self.counts
        all_ids: np.ndarray = np.logical_and.reduceat(ids[self.codes], starts)
        return all_ids | (self.counts > MANY_KEYS)

    def name(self, code: int) -> str:
        """Return the key of this code."""
        return str(self.names[code])


def unquoted(connection: "duckdb.DuckDBPyConnection", whole: Level) -> Level:
    """Return whole values with strings as themselves, as those within objects have them."""
    [texts] = of_texts(connection, "SELECT text ->> '$' FROM texts", whole.texts)
    return replace(whole, texts=texts)


def members(connection: "duckdb.DuckDBPyConnection", objects: Level) -> Inner:
    """Return the values within the objects; no object is empty."""
    keys, kinds, texts = of_texts(connection, _MEMBERS, objects.texts)
    names = keys.flatten().dictionary_encode()
    return Inner(
        np.diff(keys.offsets.to_numpy()),
        kinds_of(kinds.flatten()),
        texts.flatten(),
        names.dictionary,
        names.indices.to_numpy().astype("int64"),
    )


def elements(connection: "duckdb.DuckDBPyConnection", arrays: Level) -> Inner:
    """Return the values within the arrays."""
    kinds, texts = of_texts(connection, _ELEMENTS, arrays.texts)
    counts = np.diff(kinds.offsets.to_numpy())
    return Inner(
        counts, kinds_of(kinds.flatten()), texts.flatten(), pa.array([]), np.empty(0, "int64")
    )


def _are_ids(names: pa.Array) -> np.ndarray:
    """Whether each key is an id; most ids are numbers, which Arrow finds quickly."""
    ids: np.ndarray = pc.match_substring_regex(names, r"^-?[0-9]+$").to_numpy(False).copy()
    others = np.flatnonzero(~ids)
    ids[others] = list(map(is_id, names.take(pa.array(others)).to_pylist()))
    return ids
