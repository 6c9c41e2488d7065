"""Differences of two values, against all their leaves in plain loops."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings

from bxpull_nb.params.changes import ABSENT, Change, changes, merged
from bxpull_nb.params.path import Index, Path
from tests.support.json_values import json_objects, json_values

Leaf = tuple[tuple[object, ...], str]


def leaves(value: Any, at: tuple[object, ...] = ()) -> Iterator[Leaf]:
    """Yield every value that holds no other, with its keys and indexes."""
    if isinstance(value, dict | list) and value:
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, (*at, (type(key).__name__, key)))
    elif value == [] or value == {}:
        yield at, "empty"
    else:
        yield at, number(value)


def number(value: Any) -> str:
    """Return a text that is the same for equal values, and for them only."""
    if isinstance(value, float) and value == int(value):
        value = int(value)
    return json.dumps(value)


def keys_of(path: Path) -> tuple[object, ...]:
    """Return a path as `leaves` has it."""
    return tuple(
        ("str", step.name) if hasattr(step, "name") else ("int", getattr(step, "at", None))
        for step in path
    )


def spread(found: list[Change], side: str) -> set[Leaf]:
    """Return the leaves of the values of before or of after, with their whole paths."""
    values = [(keys_of(one.path), getattr(one, side)) for one in found]
    return {
        (at + inner, text)
        for at, value in values
        if value is not ABSENT
        for inner, text in leaves(value)
    }


def filled(found: set[Leaf]) -> set[Leaf]:
    """Return the leaves without empty arrays and objects."""
    return {leaf for leaf in found if leaf[1] != "empty"}


@settings(max_examples=300, deadline=None)
@given(json_values | json_objects, json_values | json_objects)
def test_the_changes_are_the_leaves_that_differ(before: Any, after: Any) -> None:
    """Each leaf of one side that the other lacks, and no other leaf that both have."""
    found = list(changes(before, after))
    one, other = set(leaves(before)), set(leaves(after))
    assert filled(one - other) <= spread(found, "before") <= one
    assert filled(other - one) <= spread(found, "after") <= other
    for change in found:
        for side, value in ((change.before, before), (change.after, after)):
            assert list(change.path.find(value)) == ([] if side is ABSENT else [side])


@given(json_values | json_objects)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    """Nor from a copy that was written and read."""
    copy = json.loads(json.dumps(value))
    assert list(changes(value, copy)) == []
    assert list(changes(value, copy, partial=True)) == []


@settings(max_examples=200, deadline=None)
@given(json_objects, json_objects)
def test_merging_takes_the_new_and_keeps_what_it_lacks(before: Any, after: Any) -> None:
    """After it, the partial changes are gone, and no key of before is."""
    known = merged(before, after)
    assert list(changes(known, after, partial=True)) == []
    assert set(known) == {*before, *after}
    lost = [change.path for change in changes(before, known) if change.after is ABSENT]
    assert all(any(isinstance(step, Index) for step in path) for path in lost)  # within an array


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [("a", 1, True)]),
        ({"a": 15}, {"a": "15"}, [("a", 15, "15")]),
        ({"a": None}, {}, [("a", None, ABSENT)]),
        ({"a": []}, {"a": {}}, []),
        ({"a": []}, {"a": {"x": 1}}, [("a.x", ABSENT, 1)]),
        ({"a": {"x": 1}}, {"a": []}, [("a.x", 1, ABSENT)]),
        ({"a": [1, 2]}, {"a": [1]}, [("a[1]", 2, ABSENT)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}, 3]}, [("a[0].b", 1, 2), ("a[1]", ABSENT, 3)]),
        ({"a.b": {'c"d': 1}}, {"a.b": {'c"d': 2}}, [('"a.b"."c\\"d"', 1, 2)]),
        ({"x[0]": 1, "Ключ": 1}, {"x[0]": 2, "Ключ": 3}, [('"x[0]"', 1, 2), ("Ключ", 1, 3)]),
        ({"n": 1 << 53}, {"n": (1 << 53) + 1}, [("n", 1 << 53, (1 << 53) + 1)]),
        ({"n": float("inf")}, {"n": float("inf")}, []),
        ({"n": float("nan")}, {"n": float("nan")}, []),
        ([1], {"a": 1}, [("$", [1], {"a": 1})]),
        ({"a": [{"b": None}]}, {"a": [[]]}, [("a[0].b", None, ABSENT)]),
        (1, 2, [("$", 1, 2)]),
    ],
)
def test_changes_by_hand(before: Any, after: Any, expected: list[Any]) -> None:
    """Types, empty maps of PHP, arrays, hostile keys, numbers at their limits."""
    assert [(str(path), a, b) for path, a, b in changes(before, after)] == expected


def test_a_key_that_a_partial_value_lacks_has_not_changed() -> None:
    """An array is whole all the same."""
    before = {"id": 1, "deep": {"a": 1, "b": 2}, "list": [1, 2]}
    after = {"deep": {"b": 3, "c": []}, "list": [1]}
    found = [(str(path), a, b) for path, a, b in changes(before, after, partial=True)]
    assert found == [("deep.b", 2, 3), ("deep.c", ABSENT, []), ("list[1]", 2, ABSENT)]
    assert merged(before, after) == {"id": 1, "deep": {"a": 1, "b": 3, "c": []}, "list": [1]}


@pytest.mark.parametrize("depth", [60, 64, 65, 100_000])
def test_depth_has_no_limit(depth: int) -> None:
    """Values far below are compared too, as part of a whole."""

    def nested(core: int) -> Any:
        value: Any = core
        for _ in range(depth):
            value = [value]
        return value

    assert list(changes(nested(1), nested(1))) == []
    [change] = changes(nested(1), nested(2))
    assert len(change.path) == min(depth, 64)
    merged(nested(1), nested(2))


def test_eight_thousand_keys_are_compared_in_no_time() -> None:
    """One that changed, one that came, one that went."""
    before = {"users": {str(n): {"n": n} for n in range(8000)}}
    after = {"users": {str(n): {"n": n if n != 7 else 0} for n in range(1, 8001)}}
    found = [(str(path), a, b) for path, a, b in changes(before, after)]
    assert found == [
        ("users.0", {"n": 0}, ABSENT),
        ("users.7.n", 7, 0),
        ("users.8000", ABSENT, {"n": 8000}),
    ]
