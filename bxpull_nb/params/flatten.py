"""All values of many JSON objects with their paths, level by level, in columns."""

from collections import Counter
from collections.abc import Iterator, Sequence
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

__all__ = ["Values", "flattened"]

_OBJECT = KINDS.index("OBJECT")
_DEEPEST = 64  # levels; deeper values stay JSON
_MANY = 500  # keys: more than an object of named fields has
_LEVEL = """
    SELECT json_keys(text) AS keys, json_type(text, '$.*') AS kinds, text ->> '$.*' AS texts
    FROM texts
"""


class Values(NamedTuple):
    """Values of one path: their rows, their types as places in `KINDS`, their texts.

    The text of a string is the string itself, of other values their JSON; of null it is missing.
    """

    rows: np.ndarray
    kinds: np.ndarray
    texts: pa.LargeStringArray


@dataclass
class _Level:
    """Values side by side: the row of each, the number of its path, type and text."""

    rows: np.ndarray
    paths: np.ndarray
    kinds: np.ndarray
    texts: pa.LargeStringArray

    def where(self, mask: np.ndarray) -> "_Level":
        """Return the values that the mask selects."""
        if mask.all():
            return self
        texts = self.texts.filter(pa.array(mask))
        return _Level(self.rows[mask], self.paths[mask], self.kinds[mask], texts)


def flattened(
    connection: "duckdb.DuckDBPyConnection", given: Texts, max_level: int | None = None
) -> dict[tuple[str, ...], Values]:
    """Return the values of each path of keys, paths in the order of their appearance.

    Objects are spread, at most `max_level` levels of nested ones; arrays, empty objects and maps
    stay whole. A map is an object whose keys are all ids, or one of more than 500 keys; and so
    are nested objects of one path that have more than 500 keys together. The path () is that of
    values that are no object, and of maps.
    """
    depth = _DEEPEST if max_level is None else min(max_level + 1, _DEEPEST)
    paths: list[tuple[str, ...]] = [()]
    level, leaves = _whole(given), list[_Level]()
    for deep in range(depth + 1):
        is_object = (level.kinds == _OBJECT) & (deep < depth)
        is_object &= pc.not_equal(level.texts, "{}").fill_null(False).to_numpy(zero_copy_only=False)
        leaves.append(level.where(~is_object))
        if not is_object.any():
            break
        level, maps = _spread(connection, level.where(is_object), paths, bound=deep > 0)
        leaves.append(maps)
    return dict(_by_path([_unquoted(connection, leaves[0]), *leaves[1:]], paths))


def _whole(given: Texts) -> _Level:
    rows, nothing = np.arange(len(given.texts)), np.zeros(len(given.texts), int)
    return _Level(rows, nothing, given.kinds, given.texts).where(given.kinds >= 0)


def _unquoted(connection: "duckdb.DuckDBPyConnection", level: _Level) -> _Level:
    """Return the values with strings as themselves, as those within objects have them."""
    [texts] = of_texts(connection, "SELECT text ->> '$' FROM texts", level.texts)
    return replace(level, texts=texts)


def _spread(
    connection: "duckdb.DuckDBPyConnection",
    objects: _Level,
    paths: list[tuple[str, ...]],
    *,
    bound: bool,
) -> tuple[_Level, _Level]:
    """Return the values within the objects, with new `paths`; and the objects that are maps."""
    keys, kinds, texts = of_texts(connection, _LEVEL, objects.texts)
    counts = np.diff(keys.offsets.to_numpy())
    names = keys.flatten().dictionary_encode()
    known, codes = names.dictionary.to_pylist(), names.indices.to_numpy()
    pairs = pa.array(np.repeat(objects.paths, counts) * len(known) + codes).dictionary_encode()
    made = [divmod(pair, len(known)) for pair in pairs.dictionary.to_pylist()]
    is_map = _maps(known, codes, counts)
    if bound:
        children = Counter(parent for parent, _ in made)
        is_map |= np.isin(objects.paths, [path for path in children if children[path] > _MANY])
    numbers = len(paths) + pairs.indices.to_numpy()
    paths.extend((*paths[parent], known[code]) for parent, code in made)
    rows = np.repeat(objects.rows, counts)
    inner = _Level(rows, numbers, kinds_of(kinds.flatten()), texts.flatten())
    return inner.where(~np.repeat(is_map, counts)), objects.where(is_map)


def _maps(known: Sequence[str], codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Whether each object has only ids as keys, or very many keys."""
    ids = np.array(list(map(is_id, known)))
    starts = np.cumsum(counts) - counts
    all_ids: np.ndarray = np.logical_and.reduceat(ids[codes], starts)
    return all_ids | (counts > _MANY)


def _by_path(
    levels: Sequence[_Level], paths: list[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], Values]]:
    """Yield the values of each path, in the order in which the paths appear in the rows."""
    rows, numbers, kinds = (
        np.concatenate([getattr(level, name) for level in levels])
        for name in ("rows", "paths", "kinds")
    )
    texts = pa.concat_arrays([level.texts for level in levels])
    narrow = numbers.astype(np.min_scalar_type(len(paths)))  # small integers sort quickly
    order = np.argsort(narrow, kind="stable")
    counts = np.bincount(numbers, minlength=len(paths))
    groups = dict(enumerate(np.split(order, np.cumsum(counts)[:-1])))
    firsts = {path: rows[group].min() for path, group in groups.items() if len(group)}
    for path in sorted(firsts, key=lambda path: (firsts[path], path)):
        group = groups[path]
        yield paths[path], Values(rows[group], kinds[group], texts.take(pa.array(group)))
