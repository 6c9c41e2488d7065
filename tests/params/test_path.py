"""Paths: what is written, what is meant, and what is found."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bxpull_nb.errors import SettingsError
from bxpull_nb.params.path import ANY_ID, EACH, All, Index, Key, Path, is_id
from tests.support.json_values import keys

steps = (
    st.builds(Key, keys)
    | st.builds(Index, st.integers(-2, 2))
    | st.sampled_from([All(EACH), All(ANY_ID)])
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("stage", (Key("stage"),)),
        ("user.name", (Key("user"), Key("name"))),
        ("items[0].sku", (Key("items"), Index(0), Key("sku"))),
        ("items[-1]", (Key("items"), Index(-1))),
        ("items[].sku", (Key("items"), All(EACH), Key("sku"))),
        ("items[*].sku", (Key("items"), All(EACH), Key("sku"))),
        ("users.{id}.name", (Key("users"), All(ANY_ID), Key("name"))),
        ("users.*.name", (Key("users"), All(ANY_ID), Key("name"))),
        ('"a.b".c', (Key("a.b"), Key("c"))),
        ('x."a\\"b"', (Key("x"), Key('a"b'))),
        ('["a.b"][1]', (Key("a.b"), Index(1))),
        ("$.stage", (Key("stage"),)),
        (".user.name", (Key("user"), Key("name"))),
        ("$[0]", (Index(0),)),
        ("$", ()),
        ("$id", (Key("$id"),)),
        ("Сделка.этап", (Key("Сделка"), Key("этап"))),
        ("unit price", (Key("unit price"),)),
        ("15", (Key("15"),)),
    ],
)
def test_paths_are_those_of_duckdb_and_jq(text: str, path: tuple[Any, ...]) -> None:
    """Every spelling gives its steps."""
    assert Path.of(text) == path


@pytest.mark.parametrize("text", ["", "a..b", "a.", "a[", "a[x]", 'a"b', '"a', "a]b", None, 7])
def test_a_text_that_is_no_path_is_refused(text: Any) -> None:
    """The error shows how to write one."""
    with pytest.raises(SettingsError, match="is no path into params: write such as stage"):
        Path.of(text)


@given(st.lists(steps, max_size=4).map(Path))
def test_the_text_of_a_path_means_the_path(path: Path) -> None:
    """Whatever the keys hold: dots, quotes, brackets, nothing at all."""
    assert Path.of(str(path)) == path


def test_a_key_that_looks_like_a_step_to_many_values_is_a_key() -> None:
    """`[]` and `{id}` may be keys."""
    assert Path.keys("[]") != Path([All(EACH)])
    assert Path.keys("{id}") != Path([All(ANY_ID)])
    assert str(Path.keys("[]", "{id}")) == '"[]"."{id}"'


def test_values_are_found_in_decoded_params() -> None:
    """Keys, elements, all elements, all values; nothing where the path does not lead."""
    value = {"items": [{"sku": 1}, {"sku": None}, 3], "users": {"7": {"name": "Ada"}}}
    found = {
        text: list(Path.of(text).find(value))
        for text in ("items[0].sku", "items[].sku", "items[-1]", "users.{id}.name", "users.x", "$")
    }
    assert found == {
        "items[0].sku": [1],
        "items[].sku": [1, None],
        "items[-1]": [3],
        "users.{id}.name": ["Ada"],
        "users.x": [],
        "$": [value],
    }


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("15", True),
        ("-3", True),
        ("0e8f1c9a-1b2c-4d5e-8f90-a1b2c3d4e5f6", True),
        ("5f0c3e9b8a7d6e5f4c3b2a19", True),
        ("UF_CRM_15", False),
        ("s1", False),
        ("", False),
        ("abcdefabcdefabcdefabcdef", False),
        ("1.5", False),
    ],
)
def test_ids_are_digits_uuids_and_long_hex(key: str, expected: bool) -> None:
    """A name that ends in digits is a field."""
    assert is_id(key) is expected
