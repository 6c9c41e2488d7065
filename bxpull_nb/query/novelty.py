"""Commands, paths and types that were never there before, found while events come in.

Each is counted from its first event on. It is new once three events have it, and once it is too
unlikely that all of them came so late by chance: among so many events, those that have it are in
any order alike (hypergeometric), times the number of names known in its place. Where names keep
coming, such as logins as keys, it must also be more frequent than all those together that came in
the later half of the events before.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from bxpull_nb.params.engine import opened
from bxpull_nb.params.levels import DEEPEST, MANY_KEYS
from bxpull_nb.params.path import ANY_ID, EACH, All, Key, Path, is_id
from bxpull_nb.query.chance import of_split

__all__ = ["Novelties", "Novelty", "readable_texts"]

_LEAST = 3  # events
_MOST_NAMES = 5000  # of one place, beyond which it is not followed
_MOST_LEVELS = 500  # every Python reads so many; how many more depends on its version
_MOST_STRUCTURES = 10_000
_PROMISING, _TINY = 0.1, 1e-12  # chances: to be looked at further · small enough to stop
_ROWS = 4096  # looked at together: a change within them is found in the next ones
_STRUCTURES = """
    SELECT module_id, command, TRY(json_structure(params))::VARCHAR AS structure,
        count(*) AS events
    FROM part GROUP BY ALL
"""
_TYPES = {
    **dict.fromkeys(("BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"), "number"),
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
}


class Novelty(NamedTuple):
    """A command, a path or a type that is new."""

    kind: str
    """`new_command`, `new_path` or `type_changed`."""
    command: str
    """As `module.command`."""
    path: str | None
    type: str | None
    events: int
    """Events that have it, of the `of` since the first one."""
    of: int
    before: int
    """Events before it, without it."""
    chance: float


class _Entries(NamedTuple):
    """The names in one structure of params: paths, and paths with types."""

    paths: list[str]
    types: list[tuple[str, str]]


class Novelties:
    """Finds what is new in tables of events, one after another; `close` ends its database."""

    def __init__(self, chance: float = 0.01) -> None:
        self._chance = chance
        self._connection = opened()
        self._commands = _Place()
        self._paths: dict[str, _Place] = {}
        self._types: dict[tuple[str, str], _Place] = {}
        self._known: dict[str, _Entries] = {}

    def look(self, table: pa.Table, *, learn: bool = False) -> list[Novelty]:
        """Return what is new in events with `module_id`, `command` and `params`.

        With `learn` nothing is: all that they have counts as known.
        """
        found: list[Novelty] = []
        for start in range(0, table.num_rows, _ROWS):
            found += self._look(table.slice(start, _ROWS), learn)
        return [] if learn else found

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _look(self, table: pa.Table, learn: bool) -> list[Novelty]:
        commands: dict[str, int] = {}
        paths: dict[str, dict[str, int]] = {}
        types: dict[tuple[str, str], dict[str, int]] = {}
        for command, structure, events in self._structures(table):
            commands[command] = commands.get(command, 0) + events
            if structure is None:
                continue
            mine = paths.setdefault(command, {"$": 0})
            mine["$"] += events  # the events themselves
            there, typed = self._entries(structure)
            for path in there:
                mine[path] = mine.get(path, 0) + events
            for path, kind in typed:
                place = types.setdefault((command, path), {})
                place[kind] = place.get(kind, 0) + events
        return list(self._added(commands, paths, types, learn))

    def _structures(self, table: pa.Table) -> Iterator[tuple[str, str | None, int]]:
        self._connection.register("part", table)
        rows = self._connection.sql(_STRUCTURES).fetchall()
        self._connection.unregister("part")
        for module, command, structure, events in rows:
            yield f"{module or '?'}.{command or '?'}", structure, events

    def _entries(self, structure: str) -> "_Entries":
        known = self._known.get(structure)
        if known is None:
            if len(self._known) >= _MOST_STRUCTURES:
                self._known.clear()
            walked = list(_walked(_decoded(structure), Path()))
            paths = list(dict.fromkeys(str(path) for path, _ in walked if path))
            typed = dict.fromkeys((str(path), kind) for path, kind in walked if kind)
            known = self._known[structure] = _Entries(paths, list(typed))
        return known

    def _added(
        self,
        commands: dict[str, int],
        paths: dict[str, dict[str, int]],
        types: dict[tuple[str, str], dict[str, int]],
        learn: bool,
    ) -> Iterator[Novelty]:
        limit = 0.0 if learn else self._chance
        for one in self._commands.add(commands, sum(commands.values()), limit, learn):
            yield Novelty("new_command", one.name, None, None, *one[1:])
        for command, mine in paths.items():
            place = self._paths.setdefault(command, _Place())
            news = place.add(mine, mine["$"], limit, learn)
            for one in news:
                if not any(_is_within(one.name, other.name) for other in news):
                    yield Novelty("new_path", command, one.name, None, *one[1:])
        for (command, path), kinds in types.items():
            place = self._types.setdefault((command, path), _Place())
            for one in place.add(kinds, sum(kinds.values()), limit, learn):
                yield Novelty("type_changed", command, path, one.name, *one[1:])


class _News(NamedTuple):
    """A name that is new; the counts are those of `Novelty`."""

    name: str
    events: int
    of: int
    before: int
    chance: float


@dataclass(slots=True)
class _Entry:
    """A name, and how many events had it since its first one."""

    before: int
    events: int = 0
    is_known: bool = False
    is_news: bool = False


@dataclass(slots=True)
class _Place:
    """The names that events have in one place: all commands, paths of one, types of one path."""

    events: int = 0
    entries: dict[str, _Entry] = field(default_factory=dict)

    def add(self, counts: dict[str, int], events: int, limit: float, learn: bool) -> list[_News]:
        """Count some events; return each name that is new, with its counts and its chance."""
        before = self.events
        self.events += events
        found = []
        for name, count in counts.items():
            entry = self.entries.get(name)
            if entry is None:
                if len(self.entries) >= _MOST_NAMES:
                    continue
                entry = self.entries[name] = _Entry(before, is_known=learn or not before)
            entry.events += count
            if not entry.is_known:
                chance = self._chance(entry)
                since = self.events - entry.before
                entry.is_news = chance <= limit
                entry.is_known = entry.is_news or since >= entry.before
                if entry.is_news:
                    found.append(_News(name, entry.events, since, entry.before, chance))
        return found

    def _chance(self, entry: _Entry) -> float:
        """Return the chance that all events with the name came so late."""
        since, names = self.events - entry.before, len(self.entries)
        if entry.events < _LEAST:
            return 1.0
        chance = float(names)
        for n in range(min(entry.events, since)):
            chance *= (since - n) / (self.events - n)
            if chance < _TINY:
                break
        if chance > _PROMISING:
            return chance
        late, half = self._late(entry.before), entry.before / 2
        if late / half >= entry.events / since:
            return 1.0
        split = float(of_split(late, half, entry.events, since)) * names if late else 0.0
        return max(chance, split)

    def _late(self, before: int) -> int:
        """Return how many events have names that came in the later half of those before."""
        return sum(
            one.events
            for one in self.entries.values()
            if before / 2 <= one.before < before and one.before and not one.is_news
        )


def _decoded(structure: str) -> Any:
    """Return the structure; an object without keys for one that is too deep to read."""
    try:
        decoded = msgspec.json.decode(structure)
    except RecursionError:
        return {}
    return decoded if _levels(decoded) <= _MOST_LEVELS else {}


def _levels(value: Any) -> int:
    count, level = 0, [value]
    while level := [inner for one in level for inner in _inner(one)]:
        count += 1
    return count


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _walked(structure: Any, path: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the paths of a structure with their types, None where one is not known."""
    if isinstance(structure, str):
        yield path, _TYPES.get(structure)
    elif len(path) >= DEEPEST:
        yield path, None
    elif isinstance(structure, list):
        is_filled = structure != ["NULL"]  # an empty map of PHP is an empty array
        yield path, "array" if is_filled else None
        if is_filled:
            yield from _walked(structure[0], Path((*path, All(EACH))))
    else:
        yield path, "object"
        is_map = len(structure) > MANY_KEYS or all(map(is_id, structure))
        for key, inner in structure.items():
            yield from _walked(inner, Path((*path, All(ANY_ID) if is_map else Key(key))))


def _is_within(path: str, other: str) -> bool:
    return path != other and path.startswith((f"{other}.", f"{other}["))


def readable_texts(table: pa.Table) -> pa.Table:
    """Return module, command and params of the events that could be read."""
    good = table.filter(pc.is_null(table["error"]))
    return good.select(["module_id", "command", "params"])
