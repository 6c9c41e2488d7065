"""The catalogue of paths against json.loads and plain loops, and the shapes that portals send."""

import json
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, BadFrame, Event, Record
from tests.support.events import collected, tens
from tests.support.json_values import json_objects, json_values
from tests.support.rows import event, frame, with_params
from tests.support.walking import kind, walked

if TYPE_CHECKING:
    from bxpull_nb.params.path import Path as JsonPath

COLUMNS = ["module_id", "command", "path", "types", "counts", "events", "share", "distinct"]
COLUMNS += ["estimated", "examples", "least", "greatest", "first", "last"]
MODULE = import_module("bxpull_nb.query.walked")


def catalogue(*values: Any) -> Any:
    """Return the catalogue of events with these params, by path."""
    rows = [with_params(json.dumps(value).encode()) for value in values]
    return bx.schema(frame(*rows)).set_index("path")


def oracle(values: list[Any]) -> dict[str, dict[str, Any]]:
    """Return what the catalogue must hold, by path."""
    found: dict[JsonPath, list[tuple[int, Any]]] = {}
    for number, value in enumerate(values):
        for path, inner in walked(value):
            found.setdefault(path, []).append((number, inner))
    rows = {}
    for path, pairs in found.items():
        types = Counter(kind(value) for _, value in pairs)
        scalars = [v for _, v in pairs if v is not None and not isinstance(v, dict | list)]
        different = list({(type(v), v): v for v in scalars}.values())
        numbers = [v for v in scalars if type(v) in (int, float)]
        ordered = numbers or [v for v in scalars if isinstance(v, str)]
        if path or set(types) != {"object"}:
            rows[str(path)] = {
                "counts": dict(types),
                "events": len({number for number, _ in pairs}),
                "distinct": len(different),
                "examples": different[:3],
                "least": min(ordered, default=None),
                "greatest": max(ordered, default=None),
            }
    return rows


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.lists(json_values | json_objects, min_size=1, max_size=6))
def test_the_catalogue_is_what_loops_find(values: list[Any]) -> None:
    """Types, counts, values, least and greatest, on every path, exactly."""
    expected = oracle(json.loads(json.dumps(values)))
    found = catalogue(*values)
    assert sorted(found.index) == sorted(expected)
    for path, row in expected.items():
        for name, value in row.items():
            cell = found.loc[path, name]
            if name == "examples":
                assert list(map(repr, cell)) == list(map(repr, value)), (path, cell)
            else:
                assert cell == value, (path, name)
        assert found.loc[path, "share"] == row["events"] / len(values)
        assert not found.loc[path, "estimated"]


def test_the_columns_are_the_documented_ones() -> None:
    """With events and without."""
    some, none = bx.schema(frame(event(1))), bx.schema(bx.EventLog())
    assert list(some) == list(none) == COLUMNS
    assert some.dtypes.tolist() == none.dtypes.tolist()
    assert len(none) == 0
    assert none.to_markdown() == ""
    assert none.to_json_schema()["$defs"] == {}


def test_each_command_has_rows_of_its_own() -> None:
    """With its share, its first and its last event; a missing name is one too."""
    rows: list[Record] = [
        Event("1", "crm", "a", b'{"n":1}', None, None, Arrival(1_000_000)),
        Event("2", "crm", "a", b'{"n":2,"m":null}', None, None, Arrival(3_000_000)),
        Event("3", "im", "a", b'{"n":"x"}', None, None, Arrival(2_000_000)),
        Event("4", None, None, b'{"n":true}', None, None, Arrival(None)),
        BadFrame("oops", "not JSON", None, Arrival(9_000_000)),
    ]
    found = bx.schema(frame(*rows))
    names = [None if pd.isna(name) else name for name in found["module_id"]]
    assert list(zip(names, found["path"], found["types"], found["share"], strict=True)) == [
        (None, "n", "boolean", 1.0),
        ("crm", "m", "null", 0.5),
        ("crm", "n", "integer", 1.0),
        ("im", "n", "string", 1.0),
    ]
    first, last = (found[name].iloc[2] for name in ("first", "last"))
    assert (first, last) == tuple(pd.Timestamp(n, unit="s", tz="UTC") for n in (1, 3))
    assert pd.isna(found["first"].iloc[0])


def test_integers_keep_their_digits_next_to_texts_and_infinities() -> None:
    """2^53 and beyond, 1e400, a text: on one path."""
    values = ("9007199254740993", '"12"', "1e400", "-1180591620717411303424")
    texts = [f'{{"n":{value}}}'.encode() for value in values]
    found = bx.schema(frame(*map(with_params, texts))).iloc[0]
    assert found["types"] == "integer | number | string"
    assert found["examples"] == [9007199254740993, "12", float("inf")]
    assert (found["least"], found["greatest"]) == (-(1 << 70), float("inf"))


def test_a_map_of_8000_ids_is_one_path() -> None:
    """Within one event, and one in each."""
    users = {str(n): {"name": f"user {n}", "roles": [n % 3]} for n in range(8000)}
    together = catalogue({"users": users, "n": 1})
    each = catalogue(*({"users": {key: value}, "n": 1} for key, value in users.items()))
    for found in (together, each):
        assert sorted(found.index) == [
            *("n", "users", "users.{id}", "users.{id}.name"),
            *("users.{id}.roles", "users.{id}.roles[]"),
        ]
        assert found.loc["users.{id}.roles[]", "distinct"] == 3
        assert found.loc["users.{id}.name", "counts"] == {"string": 8000}
        assert found.loc["users.{id}.name", "estimated"]
        assert 7000 < found.loc["users.{id}.name", "distinct"] < 9000
    assert together.loc["users.{id}", "events"] == 1
    assert each.loc["users.{id}", "events"] == 8000


@pytest.mark.parametrize("together", [50, 200, 1000])
def test_an_object_of_many_names_is_a_map_wherever_that_is_found(
    monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    """In the first rows looked at or in later ones: the catalogue is the same."""
    monkeypatch.setattr(MODULE, "_ROWS", together)
    values = [{"by": {f"login{n}@example.com": {"n": n}}, "x": {"y": n % 2}} for n in range(600)]
    found = catalogue(*values)
    assert list(found.index) == ["by", "by.{id}", "by.{id}.n", "x", "x.y"]
    assert found["events"].tolist() == [600] * 5
    assert found["counts"].tolist()[1:3] == [{"object": 600}, {"integer": 600}]


def test_looking_at_few_rows_at_a_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, examples, least and greatest are merged."""
    values = [{"n": n % 7, "t": f"t{n % 5}", "list": [{"x": n}] * (n % 3)} for n in range(100)]
    whole = catalogue(*values)
    monkeypatch.setattr(MODULE, "_ROWS", 9)
    pd.testing.assert_frame_equal(catalogue(*values), whole)


@pytest.mark.parametrize(("count", "estimated"), [(1000, False), (1024, False), (5000, True)])
def test_distinct_values_are_exact_up_to_a_thousand(count: int, estimated: bool) -> None:
    """Then an estimate within a few percent, marked as one."""
    found = catalogue(*({"n": n % count} for n in range(2 * count))).iloc[0]
    assert found["estimated"] == estimated
    assert found["distinct"] == pytest.approx(count, rel=0.12 if estimated else 0)


def test_empty_maps_of_php_are_arrays_without_elements() -> None:
    """Nested, and as the whole of params."""
    found = catalogue({"fields": []}, {"fields": {"a": 1}}, [])
    assert found["types"].to_dict() == {
        "$": "array | object",
        "fields": "array | object",
        "fields.a": "integer",
    }


def test_every_source_gives_the_same(tmp_path: Path) -> None:
    """A DataFrame, Dask, a journal, a file, a dataset of two collectors."""
    for name in ("a", "b"):
        collected(tmp_path / name, tmp_path / "d", tens(0, 200))
    df = bx.read_events(tmp_path / "a")
    whole = bx.schema(df)
    sources = [
        *(tmp_path / "a", tmp_path / "d", dd.from_pandas(df, npartitions=3)),
        bx.to_parquet(df, tmp_path / "e.parquet"),
    ]
    for source in sources:
        pd.testing.assert_frame_equal(bx.schema(source), whole)


def test_a_feed_has_it_as_a_method() -> None:
    """Of the events so far."""
    feed = bx.replay(frame(*(event(n) for n in range(5))), speed=float("inf"))
    feed.wait(5, timeout=10)
    assert feed.schema()["path"].tolist() == ["n"]
    assert feed.model("crm.dealUpdate").endswith("class DealUpdate(TypedDict):\n    n: int\n")
    feed.stop()


def test_events_without_params_are_refused() -> None:
    """By the column that is missing."""
    with pytest.raises(SettingsError, match="lack the column params"):
        bx.schema(frame(event(1)).drop(columns="params"))


def test_markdown_has_a_table_for_each_command() -> None:
    """With shares, estimates and quoted bars."""
    rows = [
        Event("1", "crm", "a", b'{"n":1,"t":"x|y\\nz"}', None, None),
        Event("2", "crm", "a", b'{"n":2}', None, None),
        Event("3", "im", "b", b'{"n":1}', None, None),
    ]
    assert bx.schema(frame(*rows)).to_markdown() == (
        "## crm.a\n\n"
        "| path | types | share | distinct | examples | least | greatest |\n"
        "|---|---|---|---|---|---|---|\n"
        "| n | integer | 100% | 2 | 1, 2 | 1 | 2 |\n"
        '| t | string | 50.0% | 1 | "x\\|y\\\\nz" | x\\|y z | x\\|y z |\n'
        "\n## im.b\n\n"
        "| path | types | share | distinct | examples | least | greatest |\n"
        "|---|---|---|---|---|---|---|\n"
        "| n | integer | 100% | 1 | 1 | 1 | 1 |\n"
    )


def test_a_part_of_the_table_writes_itself_too() -> None:
    """Rows chosen as in any DataFrame."""
    rows = [Event("1", "m", name, b'{"n":1}', None, None) for name in ("a", "b")]
    found = bx.schema(frame(*rows))
    part = found[found["command"] == "b"]
    assert part.to_markdown().startswith("## m.b\n")
    assert list(part.to_json_schema()["$defs"]) == ["m.b"]


def test_json_schema_has_types_required_keys_items_and_maps() -> None:
    """Of each command, in the 2020-12 dialect."""
    values = [
        {"id": 1, "items": [{"sku": "A", "n": 1.5}, {"sku": "B"}], "users": {"7": {"x": None}}},
        {"id": "2", "items": [], "note": None},
    ]
    found = bx.schema(frame(*(with_params(json.dumps(value).encode()) for value in values)))
    schema = found.to_json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    user = {"type": "object", "properties": {"x": {"type": "null"}}, "required": ["x"]}
    sku, number = {"type": "string"}, {"type": "number"}
    item = {"type": "object", "properties": {"n": number, "sku": sku}, "required": ["sku"]}
    assert schema["$defs"]["m.c"] == {
        "type": "object",
        "properties": {
            "id": {"type": ["integer", "string"]},
            "items": {"type": "array", "items": item},
            "note": {"type": "null"},
            "users": {"type": "object", "additionalProperties": user},
        },
        "required": ["id", "items"],
    }
