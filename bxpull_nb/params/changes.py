"""The differences between two decoded values of params, path by path."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from bxpull_nb.params.levels import DEEPEST
from bxpull_nb.params.path import Index, Key, Path, Step

__all__ = ["ABSENT", "Change", "changes", "merged"]


class _Absent:
    """The type of `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""The place of a value that is not there; null is a value."""


class Change(NamedTuple):
    """One path whose value differs."""

    path: Path
    before: Any
    """The value of before; `ABSENT` where there was none."""
    after: Any


def changes(before: Any, after: Any, *, partial: bool = False) -> Iterator[Change]:
    """Yield the differences in the order of `before`, new keys last.

    Objects are compared key by key, arrays element by element. `1` and `1.0` are equal, `1`, `"1"`
    and `true` are not; `[]` is an empty map too. With `partial` a key that an object of `after`
    lacks has not changed. Values more than 64 levels deep are compared as wholes.
    """
    yield from _changes(before, after, (), partial=partial)


def merged(before: Any, after: Any, depth: int = 0) -> Any:
    """Return `before` updated by the keys of `after`; an array replaces another."""
    if not (isinstance(before, dict) and isinstance(after, dict) and depth < DEEPEST):
        return before if _is_empty(after) and isinstance(before, dict) else after
    known = dict(before)
    for key, value in after.items():
        known[key] = merged(known[key], value, depth + 1) if key in known else value
    return known


def _changes(before: Any, after: Any, at: tuple[Step, ...], *, partial: bool) -> Iterator[Change]:
    if len(at) < DEEPEST and (pairs := _inner(before, after, partial=partial)) is not None:
        for step, one, other in pairs:
            yield from _changes(one, other, (*at, step), partial=partial)
    elif not _same(before, after):
        yield Change(Path(at), before, after)


def _inner(before: Any, after: Any, *, partial: bool = False) -> list[tuple[Step, Any, Any]] | None:
    """Return the values within two objects, or two arrays, side by side; None for others."""
    if isinstance(before, dict) and _is_empty(after):
        after = {}
    elif isinstance(after, dict) and _is_empty(before):
        before = {}
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [*before, *(key for key in after if key not in before)]
        places = [key for key in keys if key in after] if partial else keys
        return [(Key(k), before.get(k, ABSENT), after.get(k, ABSENT)) for k in places]
    if isinstance(before, list) and isinstance(after, list):
        length = max(len(before), len(after))
        sides = ([*side, *[ABSENT] * (length - len(side))] for side in (before, after))
        return [(Index(n), *pair) for n, pair in enumerate(zip(*sides, strict=True))]
    return None


def _same(before: Any, after: Any) -> bool:
    """Whether two values are equal as JSON; of any depth."""
    pairs = [(before, after)]
    while pairs:
        one, other = pairs.pop()
        inner = _inner(one, other)
        if inner is not None:
            pairs += [(before, after) for _, before, after in inner]
        elif not _equal(one, other):
            return False
    return True


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if one != one and other != other:
        return True
    return bool(one == other)


def _is_empty(value: Any) -> bool:
    return value == [] and isinstance(value, list)
