"""Every value of many JSON texts with its path: into arrays, and maps under one path."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from bxpull_nb.params.levels import (
    ARRAY,
    DEEPEST,
    MANY_KEYS,
    OBJECT,
    Inner,
    Level,
    elements,
    members,
    unquoted,
)
from bxpull_nb.params.path import ANY_ID, EACH, All, Key, Path, Step
from bxpull_nb.params.texts import Texts

if TYPE_CHECKING:
    import duckdb

__all__ = ["Walk"]


class Walk:
    """The paths of values of many texts, part by part; each path has a number.

    A path belongs to a root, such as a command. Elements of an array have the path `items[]`,
    values of a map `users.{id}`. A map is an object whose keys are all ids, or of more than 500
    keys; and so are all objects of one path that have more than 500 keys together. Where that
    is found only after keys of the path were counted one by one, `must_repeat` becomes true: all
    parts must be walked again.
    """

    def __init__(self) -> None:
        self.roots: dict[object, int] = {}
        """Number of the path of each root."""
        self.paths: list[Path] = []
        """Path of each number."""
        self.root_of: list[int] = []
        """Number of the root of each path."""
        self.must_repeat = False
        self._numbers: dict[tuple[int, Step], int] = {}
        self._children: Counter[int] = Counter()
        self._maps: set[int] = set()

    def root(self, name: object) -> int:
        """Return the number of the path of a root."""
        if name not in self.roots:
            number = self.roots[name] = len(self.paths)
            self.paths.append(Path())
            self.root_of.append(number)
        return self.roots[name]

    def levels(
        self, connection: "duckdb.DuckDBPyConnection", given: Texts, roots: np.ndarray
    ) -> Iterator[Level]:
        """Yield all values, level by level. Those of one path are in the order of the rows."""
        level = Level.of(given, roots)
        yield unquoted(connection, level.where(level.kinds < ARRAY))
        level = level.where(level.kinds >= ARRAY)
        for _ in range(DEEPEST):
            yield level
            objects, arrays = level.where(level.are(OBJECT)), level.where(level.are(ARRAY))
            if not len(objects.rows) and not len(arrays.rows):
                return
            parts = []
            if len(objects.rows):
                parts.append(self._members(objects, members(connection, objects)))
            if len(arrays.rows):
                parts.append(self._elements(arrays, elements(connection, arrays)))
            level = _joined(parts)

    def _members(self, objects: Level, inner: Inner) -> Level:
        """Return the values within the objects, those of maps under one path."""
        parents = np.repeat(objects.paths, inner.counts)
        are_maps = np.repeat(inner.are_maps, inner.counts)
        are_maps |= np.isin(parents, list(self._maps))
        width = len(inner.names) + 1
        codes = np.where(are_maps, width - 1, inner.codes)
        pairs = pa.array(parents * width + codes).dictionary_encode()
        known = [divmod(pair, width) for pair in pairs.dictionary.to_pylist()]
        found = [(parent, _step(inner, code)) for parent, code in known]
        if self._find_maps(found):
            return self._members(objects, inner)
        numbers = np.array([self._number(parent, step) for parent, step in found])
        rows = np.repeat(objects.rows, inner.counts)
        return Level(rows, numbers[pairs.indices.to_numpy()], inner.kinds, inner.texts)

    def _find_maps(self, found: list[tuple[int, Step]]) -> bool:
        """Note the paths that have too many keys with these; whether there is a new one."""
        fresh = Counter(
            parent
            for parent, step in found
            if isinstance(step, Key) and (parent, step) not in self._numbers
        )
        maps = {path for path in fresh if fresh[path] + self._children[path] > MANY_KEYS}
        self._maps |= maps
        self.must_repeat |= any(self._children[path] for path in maps)
        return bool(maps)

    def _elements(self, arrays: Level, inner: Inner) -> Level:
        different, places = np.unique(arrays.paths, return_inverse=True)
        numbers = np.array([self._number(int(path), All(EACH)) for path in different])
        paths = np.repeat(numbers[places], inner.counts)
        return Level(np.repeat(arrays.rows, inner.counts), paths, inner.kinds, inner.texts)

    def _number(self, parent: int, step: Step) -> int:
        """Return the number of the path one step on."""
        number = self._numbers.get((parent, step))
        if number is None:
            number = self._numbers[parent, step] = len(self.paths)
            self.paths.append(Path((*self.paths[parent], step)))
            self.root_of.append(self.root_of[parent])
            self._children[parent] += isinstance(step, Key)
        return number

    def again(self) -> "Walk":
        """Return a walk from the beginning that knows the maps of this one."""
        fresh = Walk()
        for root in self.roots:
            fresh.root(root)
        for number in self._maps:
            fresh._maps.add(fresh._copied(self, number))
        return fresh

    def _copied(self, other: "Walk", number: int) -> int:
        """Return the own number of a path of another walk."""
        root = next(name for name, at in other.roots.items() if at == other.root_of[number])
        place = self.root(root)
        for step in other.paths[number]:
            place = self._number(place, step)
        return place


def _step(inner: Inner, code: int) -> Step:
    return Key(inner.name(code)) if code < len(inner.names) else All(ANY_ID)


def _joined(levels: list[Level]) -> Level:
    if len(levels) == 1:
        return levels[0]
    rows, paths, kinds = (
        np.concatenate([getattr(level, name) for level in levels])
        for name in ("rows", "paths", "kinds")
    )
    return Level(rows, paths, kinds, pa.concat_arrays([level.texts for level in levels]))
