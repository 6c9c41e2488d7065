"""All values of many JSON objects with their paths of keys, as columns of a table need them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from bxpull_nb.params.levels import DEEPEST, MANY_KEYS, OBJECT, Level, members, unquoted
from bxpull_nb.params.texts import Texts

if TYPE_CHECKING:
    import duckdb

__all__ = ["Values", "flattened"]


class Values(NamedTuple):
    """Values of one path: their rows, types and texts, as in `Level`."""

    rows: np.ndarray
    kinds: np.ndarray
    texts: pa.LargeStringArray


def flattened(
    connection: "duckdb.DuckDBPyConnection", given: Texts, max_level: int | None = None
) -> dict[tuple[str, ...], Values]:
    """Return the values of each path of keys, paths in the order of their appearance.

    Objects are spread, at most `max_level` levels of nested ones; arrays, empty objects and maps
    stay whole. A map is an object whose keys are all ids, or one of more than 500 keys; and so
    are nested objects of one path that have more than 500 keys together. The path () is that of
    values that are no object, and of maps.
    """
    depth = DEEPEST if max_level is None else min(max_level + 1, DEEPEST)
    paths: list[tuple[str, ...]] = [()]
    level, leaves = Level.of(given, np.zeros(len(given.texts), "int64")), list[Level]()
    for deep in range(depth + 1):
        spread = level.are(OBJECT) & (deep < depth)
        leaves.append(level.where(~spread))
        if not spread.any():
            break
        level, maps = _spread(connection, level.where(spread), paths, bound=deep > 0)
        leaves.append(maps)
    return dict(_by_path([unquoted(connection, leaves[0]), *leaves[1:]], paths))


def _spread(
    connection: "duckdb.DuckDBPyConnection",
    objects: Level,
    paths: list[tuple[str, ...]],
    *,
    bound: bool,
) -> tuple[Level, Level]:
    """Return the values within the objects, with new `paths`; and the objects that are maps."""
    inner = members(connection, objects)
    width, parents = len(inner.names), np.repeat(objects.paths, inner.counts)
    pairs = pa.array(parents * width + inner.codes).dictionary_encode()
    are_maps = inner.are_maps
    if bound:
        children = np.bincount(pairs.dictionary.to_numpy() // width)
        are_maps |= children[objects.paths] > MANY_KEYS
    kept = ~np.repeat(are_maps, inner.counts)
    if not kept.all():
        pairs = pairs.filter(pa.array(kept)).dictionary_decode().dictionary_encode()
    numbers = np.full(len(kept), -1)
    numbers[kept] = len(paths) + pairs.indices.to_numpy()
    made = [divmod(pair, width) for pair in pairs.dictionary.to_pylist()]
    paths.extend((*paths[parent], inner.name(code)) for parent, code in made)
    rows = np.repeat(objects.rows, inner.counts)
    level = Level(rows, numbers, inner.kinds, inner.texts)
    return level.where(kept), objects.where(are_maps)


def _by_path(
    levels: Sequence[Level], paths: list[tuple[str, ...]]
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
