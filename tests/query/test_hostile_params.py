"""Every question of events with hostile params: a right answer, or one sentence of ours."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.query.novelty import Novelties, readable_texts
from tests.support.rows import frame, sent
from tests.support.walking import walked

DATA: dict[str, list[str]] = {
    "2^53": ['{"id":9007199254740993,"n":9007199254740993}', '{"id":15,"n":18446744073709551616}'],
    "1e400": ['{"id":15,"n":1e400}', '{"id":15,"n":-1e400}', '{"id":1e400,"n":1e-400}'],
    "empty map": ['{"id":15,"m":[]}', '{"id":15,"m":{"7":{"a":1}}}', '{"id":15,"m":{}}'],
    "dots": ['{"id":15,"a.b":1,"a":{"b":2}}', '{"id":15,"a.b":{"c.d":[{"e.f":1}]},".":1}'],
    "quotes": ['{"id":15,"a\\"b":1,"\'":2,"\\\\":4}', '{"id":15,"a\\"b":2}'],
    "brackets": ['{"id":15,"x[0]":1,"[]":2,"{id}":3,"x":[1],"$":4,"*":5,"":6}'],
    "NUL": ['{"id":15,"a\\u0000b":1,"\\u0000":"\\u0000"}', '{"id":15,"stage":"a\\u0000b"}'],
    "half a character": ['{"id":15,"a":"\\ud800","\\udfff":1}', '{"id":15,"stage":"\\udc00"}'],
    "Cyrillic": ['{"id":15,"Ключ":"Да","stage":"Выиграна"}', '{"id":15,"Ключ":{"ё.ё":[1]}}'],
    "8 000 ids": [json.dumps({"id": 15, "users": {str(n): {"n": n} for n in range(8000)}})] * 2,
    "int and text": ['{"id":15,"v":1}', '{"id":"15","v":"1"}', '{"id":true,"v":{}}'],
    "no objects": ["null", "[]", "7", '"text"', '[{"id":15}]'],
    "no JSON": ['{"id":15', "", "nonsense", '{"id":15}{"id":16}', '{"id":15,"a":"\x00"}'],
    "deep": ['{"id":15,"a":' + "[" * 300 + "]" * 300 + "}"],
    "long": [json.dumps({"id": 15, "t": "x" * 100_000, "k" * 5000: 1})],
    "no events": [],
}
ONE_BY_ONE = ("NUL", "half a character", "no JSON", "deep", "no events", "8 000 ids", "1e400")
"""Data for which plain recursion is no oracle: DuckDB has other limits, see `readable`."""


def events(name: str) -> Any:
    """Return an event a second with each of these params."""
    texts = enumerate(DATA[name])
    return frame(*(sent("crm", "dealUpdate", text, second) for second, text in texts))


def looked(df: Any) -> object:
    """Look for novelties, with no memory of others."""
    found = Novelties()
    try:
        return found.look(readable_texts(pa.Table.from_pandas(df, preserve_index=False)))
    finally:
        found.close()


QUESTIONS: list[Callable[[Any], Any]] = [
    lambda df: bx.schema(df).to_markdown(),
    lambda df: json.dumps(bx.schema(df).to_json_schema()).encode(),
    lambda df: compile(bx.model(df, "dealUpdate"), "t", "exec"),
    lambda df: compile(bx.model(df, "dealUpdate", "msgspec"), "m", "exec"),
    lambda df: compile(bx.model(df, "dealUpdate", "pydantic"), "p", "exec"),
    lambda df: repr(bx.entities(df)),
    lambda df: repr(bx.trace(df, "deal", 15)),
    lambda df: repr(bx.stages(df, "deal")),
    lambda df: [bx.diff(df["params"].iloc[0], text)._repr_html_() for text in df["params"]],
    lambda df: repr(bx.compare(df, df[::-1], chance=1)),
    lambda df: repr(bx.unusual(df, "1s", "3s", chance=1)),
    lambda df: repr(bx.explain(df[:1], df[1:], chance=1)),
    lambda df: repr(bx.pairs(df, "2s", "id", chance=1)),
    lambda df: repr(bx.sql(df, "select params->>'$.id', params.stage, params from events")),
    lambda df: repr(bx.expand_params(df)),
    lambda df: repr(bx.expand_params(df, paths=["id"])),
    lambda df: repr(bx.entities(df, where=[("params.id", "in", [15, "15"])])),
    looked,
]


@pytest.mark.parametrize("name", DATA)
def test_every_question_has_an_answer(name: str) -> None:
    """Or says in one sentence that there is none, as of a path that no event has."""
    df = events(name)
    for ask in QUESTIONS:
        with suppress(SettingsError):
            ask(df)


@pytest.mark.parametrize("name", [name for name in DATA if name not in ONE_BY_ONE])
def test_the_catalogue_has_what_plain_recursion_finds(name: str) -> None:
    """Each path, and how many events have it."""
    counts: dict[str, int] = {}
    for text in DATA[name]:
        for path in {str(path) for path, _ in walked(json.loads(text))}:
            counts[path] = counts.get(path, 0) + 1
    found = bx.schema(events(name)).set_index("path")["events"].to_dict()
    assert {path: n for path, n in counts.items() if path != "$"} == {
        path: n for path, n in found.items() if path != "$"
    }


def test_ids_beyond_2_53_are_exact() -> None:
    """In each question, and apart from their neighbour."""
    df = frame(*(sent("crm", "dealUpdate", f'{{"id":{2**53 + n}}}', n) for n in range(3)))
    wanted = 2**53 + 1
    assert bx.trace(df, "deal", wanted)["params"].tolist() == [f'{{"id":{wanted}}}']
    assert set(bx.entities(df, "deal")["id"]) == {str(2**53 + n) for n in range(3)}
    assert bx.schema(df)["greatest"].tolist() == [2**53 + 2]
    assert (
        bx.sql(df, "select max((params->>'$.id')::ubigint) as m from events")["m"][0] == 2**53 + 2
    )
    assert bx.entities(df, where=[("params.id", "==", wanted)])["id"].tolist() == [str(wanted)]
    assert bx.explain(df[1:2], df[::2], chance=1)["value"].tolist() == [wanted]
    assert bx.diff(df.iloc[0], df.iloc[1])["to"].tolist() == [wanted]


def test_half_a_character_in_a_key_is_written_as_an_escape() -> None:
    """So that the path can be shown, and read again."""
    [path] = bx.diff("{}", '{"\\ud800x":1}')["path"]
    assert path == '"\\ud800x"'
    assert bx.diff("{}", '{"\\u0000":1}')["path"].tolist() == ['"\\u0000"']


def test_a_watch_goes_on_after_params_too_deep_for_it() -> None:
    """They count as an object without keys."""
    found = Novelties()
    deep = '{"n":' + "[" * 5000 + "]" * 5000 + "}"
    for texts in (['{"n":1}'] * 100, [deep], ['{"n":1,"m":2}'] * 5):
        df = frame(*(sent("m", "c", text, second) for second, text in enumerate(texts)))
        news = found.look(readable_texts(pa.Table.from_pandas(df, preserve_index=False)))
    assert [(one.kind, one.path) for one in news] == [("new_path", "m")]
    found.close()
