"""`expand_params` against json.loads and plain loops, and the inputs that broke it."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, BadFrame
from bxpull_nb.params.path import Path, is_id
from tests.support.json_values import json_objects, json_values
from tests.support.rows import frame, with_params


def expanded(*params: str, **how: Any) -> pd.DataFrame:
    """Return the columns that these params become."""
    spread = bx.expand_params(frame(*(with_params(text.encode()) for text in params)), **how)
    return spread.loc[:, spread.columns.str.startswith("params")]


def leaves(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the paths and values of a decoded object, as the documentation has them."""
    if not isinstance(value, dict) or not value or all(map(is_id, value)):
        yield keys, value
        return
    for key, inner in value.items():
        yield from leaves(inner, (*keys, key))


def name(keys: tuple[str, ...]) -> str:
    """Return the name of a column."""
    return f"params.{Path.keys(*keys)}" if keys else "params"


def same(cell: Any, value: Any) -> bool:
    """Whether a cell is exactly a JSON value; null is missing."""
    if value is None:
        return cell is None or cell is pd.NA or cell != cell
    plain = cell.item() if isinstance(cell, np.generic) else cell
    if isinstance(value, bool) or isinstance(plain, bool):
        return plain is value
    return bool(plain == value)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(json_values | json_objects, max_size=6))
def test_every_value_is_where_json_loads_finds_it(values: list[Any]) -> None:
    """Nested and mixed types, hostile keys, numbers of every size: no value lost or changed."""
    found = expanded(*map(json.dumps, values))
    expected = [dict(leaves(value)) for value in values]
    for row in expected:
        if row.get(()) in (None, [], {}):
            row.pop((), None)
    columns = {keys for row in expected for keys in row}
    assert set(found.columns) == set(map(name, columns))
    for number, row in enumerate(expected):
        for keys in columns:
            cell = found[name(keys)].iloc[number]
            assert same(cell, row.get(keys)), (keys, cell, row)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, None, 9007199254740993], "Int64"),
        ([1 << 63, 5], "UInt64"),
        ([1 << 64, 1], "object"),
        ([-(1 << 63), 1 << 63], "object"),
        ([1.5, 2, None], "Float64"),
        ([0.5, 9007199254740993], "object"),
        ([True, False, None], "boolean"),
        (["WON", None], "str"),
        ([1, "1"], "object"),
        ([[1], [2, "x"]], "object"),
        ([True, 1], "object"),
    ],
)
def test_a_column_has_the_type_of_its_values(values: list[Any], dtype: str) -> None:
    """Exactly, also next to rows that lack the key."""
    rows = [json.dumps({} if value is None else {"n": value}) for value in values]
    column = expanded(*rows)["params.n"]
    assert column.dtype == dtype
    assert all(map(same, column, values))


def test_a_key_with_a_dot_and_a_nested_key_stay_apart() -> None:
    """The quoted name is the path, and it finds the value again."""
    found = expanded('{"a.b": 1, "a": {"b": 2}}')
    assert found.iloc[0].to_dict() == {'params."a.b"': 1, "params.a.b": 2}
    again = expanded('{"a.b": 1, "a": {"b": 2}}', paths=['"a.b"', "a.b"])
    pd.testing.assert_frame_equal(again, found)


@pytest.mark.parametrize("big", ["1e400", "-1e400"])
def test_a_number_beyond_floats_is_infinite_in_its_row_only(big: str) -> None:
    """As json.loads has it; all others stay as they are."""
    found = expanded('{"n": 1.5}', f'{{"n": {big}, "list": [{big}, 9007199254740993]}}')
    assert found["params.n"].tolist() == [1.5, float(big)]
    assert found["params.list"].iloc[1] == [float(big), 9007199254740993]


def test_a_text_that_is_no_json_stays_in_params() -> None:
    """One bad row is one bad row."""
    df = frame(with_params(b'{"n": 1}'), with_params(b"{oops"), with_params(b'{"n": 3}'))
    found = bx.expand_params(df)
    assert found["params.n"].tolist() == [1, pd.NA, 3]
    assert found["params"].iloc[1] == "{oops"
    assert found["params"].isna().tolist() == [True, False, True]


def test_half_a_character_is_a_question_mark() -> None:
    """As everywhere in the log; what is next to it is read."""
    found = expanded('{"text": "ok \\ud83d", "n": 9007199254740993}', '{"n": 2}')
    assert found["params.text"].iloc[0] == "ok ?"
    assert found["params.n"].tolist() == [9007199254740993, 2]


def test_the_last_of_equal_keys_counts() -> None:
    """As for json.loads."""
    assert expanded('{"a": 1, "a": 2}')["params.a"].tolist() == [2]


def test_names_that_differ_only_by_case_stay_apart() -> None:
    """Portals send both ID and id."""
    assert expanded('{"ID": 1, "id": 2}').iloc[0].to_dict() == {"params.ID": 1, "params.id": 2}


def test_a_map_keyed_by_ids_is_one_column() -> None:
    """8 010 ids make no 8 010 columns, in one event or one in each."""
    users = {str(n): {"name": f"user {n}"} for n in range(8010)}
    together = expanded(json.dumps({"users": users, "n": 1}))
    assert list(together) == ["params.users", "params.n"]
    assert together["params.users"].iloc[0] == users
    each = expanded(*(json.dumps({"users": {key: users[key]}}) for key in users))
    assert list(each) == ["params.users"]
    assert each["params.users"].iloc[8009] == {"8009": {"name": "user 8009"}}


def test_params_that_are_themselves_a_map_stay_whole() -> None:
    """Rows of another shape are spread as ever."""
    found = expanded('{"15": {"name": "Ada"}, "16": null}', '{"id": 3}')
    assert found["params"].iloc[0] == {"15": {"name": "Ada"}, "16": None}
    assert found["params.id"].tolist() == [pd.NA, 3]


def test_a_nested_object_of_very_many_names_is_one_column() -> None:
    """Logins as keys, one in each event: no shape of an id, and still no field."""
    rows = [json.dumps({"by": {f"login{n}@example.com": n}, "n": n}) for n in range(501)]
    assert list(expanded(*rows)) == ["params.by", "params.n"]
    assert len(expanded(*rows[:500]).columns) == 501


@pytest.mark.parametrize(
    ("level", "names"), [(0, ["a"]), (1, ["a.b"]), (2, ["a.b.c"]), (None, ["a.b.c"])]
)
def test_max_level_bounds_the_nesting(level: int | None, names: list[str]) -> None:
    """0 keeps nested objects as values."""
    found = expanded('{"a": {"b": {"c": {}}}}', max_level=level)
    assert list(found) == [f"params.{name}" for name in names]
    value: Any = {"b": {"c": {}}}
    for key in names[0].split(".")[1:]:
        value = value[key]
    assert found.iloc[0, 0] == value


def test_paths_choose_what_becomes_a_column() -> None:
    """In their order; elements, all elements, and what a map holds."""
    found = expanded(
        '{"id": 9007199254740993, "items": [{"sku": "A"}, {"sku": "B"}], "users": {"7": {"n": 1}}}',
        '{"id": 2, "items": []}',
        "[]",
        paths=["items[0].sku", "id", "items[].sku", "users.{id}.n", "items[0].sku"],
    )
    assert list(found) == [
        "params.items[0].sku",
        "params.id",
        "params.items[].sku",
        "params.users.{id}.n",
    ]
    assert found["params.items[0].sku"].iloc[0] == "A"
    assert found["params.id"].tolist() == [9007199254740993, 2, pd.NA]
    assert found["params.items[].sku"].tolist() == [["A", "B"], None, None]
    assert found["params.users.{id}.n"].iloc[0] == [1]


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(json_objects, min_size=1, max_size=4), st.data())
def test_a_chosen_path_is_what_a_loop_finds(values: list[Any], data: st.DataObject) -> None:
    """For every path that there is, whatever its keys are."""
    every = sorted({keys for value in values for keys, _ in leaves(value) if keys})
    if not every:
        return
    path = Path.keys(*data.draw(st.sampled_from(every)))
    found = expanded(*map(json.dumps, values), paths=[str(path)])
    for cell, value in zip(found.iloc[:, 0], values, strict=True):
        assert same(cell, next(path.find(value), None))


def test_a_path_that_no_event_has_is_an_error_with_those_there_are() -> None:
    """So that a misspelling is found at once."""
    with pytest.raises(SettingsError, match=r"has the path stagge .* there are: id, stage\.$"):
        expanded('{"id": 1, "stage": "NEW"}', paths=["stagge"])


def test_paths_of_no_events_are_empty_columns() -> None:
    """A quiet capture is no error."""
    assert list(bx.expand_params(frame(), paths=["id"]).columns)[-1] == "params.id"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"paths": "id"}, r"give a list of paths, such as \['id'\]"),
        ({"paths": ["a..b"]}, "is no path into params"),
        ({"paths": ["id[99999999999999999999]"]}, "is no path into params"),
        ({"paths": [f"id[{'9' * 5000}]"]}, "is no path into params"),
        ({"max_level": -1}, "give a number of levels"),
    ],
)
def test_wrong_arguments_are_refused(how: dict[str, Any], message: str) -> None:
    """With what to write instead."""
    with pytest.raises(SettingsError, match=message):
        expanded('{"id": 1}', **how)


def test_a_frame_without_params_or_with_decoded_ones_is_refused() -> None:
    """By the name of the column."""
    df = frame(with_params(b'{"n": 1}'))
    with pytest.raises(SettingsError, match="lacks the column params"):
        bx.expand_params(df.drop(columns="params"))
    with pytest.raises(SettingsError, match="params holds other values than JSON texts"):
        bx.expand_params(df.assign(params=pd.Series([{"n": 1}], dtype=object)))


def test_missing_params_and_unreadable_messages_keep_their_rows() -> None:
    """A missing text has no params; a bad frame keeps its text."""
    df = frame(with_params(b'{"n": 1}'), BadFrame("oops", "not JSON", None, Arrival()))
    df.loc[0, "params"] = None
    found = bx.expand_params(df)
    assert found["params"].iloc[1] == "oops"
    assert found["params"].isna().tolist() == [True, False]


def test_very_deep_json_is_no_recursion_error() -> None:
    """A value below the 64th level stays a value, or JSON where Python cannot hold it."""
    deep = '{"a":' * 2_000 + "1" + "}" * 2_000
    found = expanded(deep, '{"n": 2}')
    assert found["params.n"].iloc[1] == 2
    assert [name.count("a") for name in found.columns.tolist() if name != "params.n"] == [66]


@pytest.mark.parametrize(
    ("params", "prefix"), [('{"mid": 1}', ""), ('{"id": 1, "params": 2}', "x.")]
)
def test_two_columns_of_one_name_are_refused(params: str, prefix: str) -> None:
    """With df["mid"] pandas would give both of them, or neither."""
    df = frame(with_params(params.encode())).assign(**{"x.id": 7})
    with pytest.raises(SettingsError, match=r"two columns would be called .* another prefix"):
        bx.expand_params(df, prefix=prefix)


def test_values_that_are_no_object_have_a_name_without_a_prefix_too() -> None:
    """And one of their own, unless a key has it."""
    df = frame(with_params(b'{"n": 1}'), with_params(b"[2]"))
    assert bx.expand_params(df, prefix="")["params"].tolist() == [None, [2]]
    taken = frame(with_params(b'{"params": 1}'), with_params(b"[2]"))
    with pytest.raises(SettingsError, match="two columns would be called params"):
        bx.expand_params(taken, prefix="")


def test_params_that_are_no_column_of_texts_are_refused() -> None:
    """Two columns of that name, and half a character that pandas took."""
    df = frame(with_params(b"{}"))
    with pytest.raises(SettingsError, match="several columns called params"):
        bx.expand_params(pd.concat([df, df[["params"]]], axis=1))
    half = df.assign(params=pd.Series(['{"a": "\ud800"}'], dtype=object))
    with pytest.raises(SettingsError, match="other values than JSON texts in UTF-8"):
        bx.expand_params(half)
