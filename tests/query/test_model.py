"""Classes written from events: they compile, and every event fits them."""

import json
import typing
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Event
from tests.support.json_values import json_objects
from tests.support.rows import frame, with_params


def decoded(kind: Any, value: Any) -> None:
    """Fail unless a decoder of JSON for this type takes the value."""
    msgspec.json.decode(json.dumps(value, ensure_ascii=False), type=kind)


def validated(kind: Any, value: Any) -> None:
    """Fail unless pydantic takes the value."""
    pydantic.TypeAdapter(kind).validate_python(value)


def checked(kind: Any, value: Any) -> None:
    """Fail unless the value is of the type, keys of typed dicts looked at one by one."""
    assert is_of(kind, value), (kind, value)


def is_of(kind: Any, value: Any) -> bool:
    """Whether a value is of a type."""
    inner = typing.get_args(kind)
    if typing.is_typeddict(kind):
        if not isinstance(value, dict):
            return False
        hints = typing.get_type_hints(kind)
        return kind.__required_keys__ <= set(value) <= set(hints) and all(
            is_of(hints[key], one) for key, one in value.items()
        )
    if typing.get_origin(kind) is list:
        return isinstance(value, list) and all(is_of(inner[0], one) for one in value)
    if typing.get_origin(kind) is dict:
        return isinstance(value, dict) and all(is_of(inner[1], one) for one in value.values())
    if inner:
        return any(is_of(one, value) for one in inner)
    return kind is Any or type(value) is (kind or type(None))


FITS: dict[str, Any] = {"typeddict": checked, "msgspec": decoded, "pydantic": validated}


def written(values: list[Any], as_: str) -> tuple[str, dict[str, Any]]:
    """Return the code for events with these params, and the names that it makes."""
    rows = [with_params(json.dumps(value).encode()) for value in values]
    code = bx.model(frame(*rows), "m.c", as_=as_)
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(code, "written", "exec"), names)
    return code, names


VALUES = [
    {"id": 9007199254740993, "name": "x", "user": {"first-name": "Ada", "class": 1}, "tags": []},
    {"id": "2", "name": None, "items": [{"sku": 1, "int": 2.5}, {"sku": None}], "json": {}},
    {"id": 3, "name": "y", "users": {"7": {"name": "z"}}, "str": True, "x": {"7": 1}, "_p": 1},
    {"id": 4, "name": "y", "x": {"name": 1}, "user": {"first-name": "Bob"}, "model_a": 1, "é": 2},
]


@pytest.mark.parametrize("as_", FITS)
def test_every_event_fits_the_class(as_: str) -> None:
    """Optional keys, nulls, mixed types, maps, and keys that are no names."""
    code, names = written(VALUES, as_)
    for value in VALUES:
        FITS[as_](names["C"], value)
    assert typing.get_type_hints(names["C"])
    assert code.startswith('"""Params of m.c: 4 events looked at."""\n')


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(json_objects.filter(bool), min_size=1, max_size=4), st.sampled_from(sorted(FITS)))
def test_whatever_the_keys_are_the_code_runs(values: list[Any], as_: str) -> None:
    """And gives a class, or the name of a type for params that are no objects of named keys."""
    _, names = written(values, as_)
    kind = names.get("CParams") or names["C"]
    for value in values:
        FITS[as_](kind, value)


def test_the_code_of_each_kind_is_short_and_plain() -> None:
    """Only what is needed is imported; a text shows itself over several lines."""
    values = [{"id": 1, "user": {"name": "x"}}, {"id": 2, "note": None}]
    assert written(values, "typeddict")[0] == (
        '"""Params of m.c: 2 events looked at."""\n\n'
        "from typing import NotRequired, TypedDict\n\n\n"
        "class CUser(TypedDict):\n    name: str\n\n\n"
        "class C(TypedDict):\n"
        "    id: int\n    note: NotRequired[None]\n    user: NotRequired[CUser]\n"
    )
    assert written(values, "msgspec")[0].endswith(
        "class C(Struct, kw_only=True):\n"
        "    id: int\n    note: None | UnsetType = UNSET\n    user: CUser | UnsetType = UNSET\n"
    )
    assert written(values, "pydantic")[0].endswith(
        "class C(BaseModel):\n    id: int\n    note: None = None\n    user: CUser | None = None\n"
    )
    code = bx.model(frame(with_params(b'{"n":1}')), "c")
    assert repr(code) == str(code)


def test_params_that_are_no_objects_have_a_type() -> None:
    """Named after the command."""
    _, names = written([[1, "x"], [2]], "typeddict")
    assert names["CParams"] == list[int | str]


@pytest.mark.parametrize(
    ("command", "as_", "message"),
    [
        ("nope", "typeddict", r"has the command 'nope'. Commands that have: crm\.a, im\.a\.$"),
        ("a", "typeddict", r"several modules: crm\.a, im\.a"),
        ("crm.a", "attrs", "choose from 'typeddict', 'msgspec', 'pydantic'"),
    ],
)
def test_a_wrong_argument_is_one_sentence_that_helps(command: str, as_: str, message: str) -> None:
    """With what there is instead."""
    rows = [Event("1", module, "a", b'{"n":1}', None, None) for module in ("crm", "im")]
    with pytest.raises(SettingsError, match=message):
        bx.model(frame(*rows), command, as_=as_)


def test_no_events_have_no_classes() -> None:
    """The error says that there are none."""
    with pytest.raises(SettingsError, match=r"Commands that have: none\."):
        bx.model(bx.EventLog(), "crm.a")
