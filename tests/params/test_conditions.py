"""Conditions: the same answer for a table, a live event and a plain loop."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Event
from bxpull_nb.params.conditions import Condition, Conditions, OnParams
from tests.support.events import PORTAL, collected, tens
from tests.support.json_values import json_values
from tests.support.rows import event, frame, with_params

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
WANTED = [0, 1, 1.5, 9007199254740993, 9007199254740992.0, 1 << 70, "", "WON", "12", "Сделка", True]


def group(value: Any) -> str:
    """Return what a value can be compared with."""
    return "number" if type(value) in (int, float) else type(value).__name__


def expected(values: list[Any], operator: str, wanted: Any) -> bool:
    """Whether one of the values meets the condition, by plain comparisons."""
    for value in values:
        if value is None:
            continue
        if operator in ("in", "not in"):
            among = any(group(value) == group(one) and value == one for one in wanted)
            met = among == (operator == "in")
        elif group(value) != group(wanted):
            met = operator == "!="
        elif group(value) not in ("number", "str") and operator not in ("==", "!="):
            met = False
        else:
            met = OPERATORS[operator](value, wanted)
        if met:
            return True
    return False


conditions = st.tuples(st.sampled_from(sorted(OPERATORS)), st.sampled_from(WANTED)) | st.tuples(
    st.sampled_from(["in", "not in"]), st.lists(st.sampled_from(WANTED), max_size=3)
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(json_values | st.sampled_from(WANTED), min_size=1, max_size=5), conditions)
def test_a_table_and_an_event_give_the_answer_of_a_loop(
    values: list[Any], condition: tuple[str, Any]
) -> None:
    """For every type and every operator, exactly."""
    operator, wanted = condition
    name = 'params."a.b"'
    texts = [json.dumps({"a.b": value}) for value in values]
    answers = [expected([value], operator, wanted) for value in values]
    mask = OnParams.of((name, operator, wanted)).mask(pa.array(texts, pa.large_string()))
    assert mask.tolist() == answers
    live = Conditions([(name, operator, wanted)])
    assert [live.hold(with_params(text.encode())) for text in texts] == answers


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(json_values, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["==", "!=", "<"]),
    st.sampled_from(WANTED),
)
def test_a_path_to_many_values_needs_one_that_meets_it(
    lists: list[list[Any]], operator: str, wanted: Any
) -> None:
    """Of the elements of an array."""
    texts = [json.dumps({"items": values}) for values in lists]
    answers = [expected(values, operator, wanted) for values in lists]
    condition = OnParams.of(("params.items[]", operator, wanted))
    assert condition.mask(pa.array(texts, pa.large_string())).tolist() == answers
    assert [condition.holds(json.loads(text)) for text in texts] == answers


def test_missing_keys_null_and_bad_texts_meet_no_condition() -> None:
    """Nor does a row without params; 1e400 is greater than all."""
    texts = ['{"n":1}', "{}", '{"n":null}', "{oops", None, "[]", '{"n":1e400}', '"text"']
    for operator, met in (("!=", [True, True]), ("not in", [True, True]), (">", [False, True])):
        wanted = [5] if operator == "not in" else 5
        mask = OnParams.of(("params.n", operator, wanted)).mask(pa.array(texts, pa.large_string()))
        assert mask.tolist() == [met[0], *[False] * 5, met[1], False], operator


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (("command", "==", "dealUpdate"), True),
        (("command", "not in", ["a"]), True),
        (("sender", "!=", "backend"), False),
        (("sender", "not in", ["backend"]), False),
        (("channel", "in", ["shared"]), True),
        (("transport", "==", "websocket"), True),
        (("received_at", ">=", "2026-01-01"), True),
        (("received_at", "<", pd.Timestamp("2026-01-01", tz="UTC")), False),
        (("server_time", "==", "2026-01-01T00:00:00.25Z"), True),
        (("lag", "<=", "250ms"), True),
        (("lag", ">", "250ms"), False),
        (("mid", ">", "1"), True),
        (("params", "==", '{"n":5}'), True),
        (("params.n", "==", np.int64(5)), True),
        (("params.n", "==", "5"), False),
    ],
)
def test_an_event_and_a_file_agree_on_every_column(
    tmp_path: Path, condition: Condition, met: bool
) -> None:
    """Missing values too."""
    assert Conditions([condition]).hold(event(5)) is met
    path = bx.to_parquet(frame(event(5)), tmp_path / "e.parquet")
    assert len(bx.read_events(path, where=[condition])) == int(met)


def test_files_journals_and_datasets_give_the_same_events(tmp_path: Path) -> None:
    """Of two collectors each once, with conditions on columns next to those on params."""
    for name in ("a", "b"):
        collected(tmp_path / name, tmp_path / "d", tens(0, 200))
    df = bx.read_events(tmp_path / "a")
    where = [("params.n", ">=", 90), ("params.n", "<", 120), ("command", "!=", "c1")]
    numbers = [n for n in range(90, 120) if n % 5 != 1]
    paths = [tmp_path / "a", tmp_path / "d", bx.to_csv(df, tmp_path / "e.csv")]
    for path in (*paths, bx.to_parquet(df, tmp_path / "e.parquet")):
        found = bx.read_events(path, where=where)
        assert [json.loads(text)["n"] for text in found["params"]] == numbers
        assert found.index.tolist() == list(range(len(numbers)))
        assert found.dtypes.astype(str).tolist() == df.dtypes.astype(str).tolist()
    chosen = bx.read_events(tmp_path / "d", columns=["mid"], where=where)
    assert list(chosen) == ["mid"]
    lazy = bx.read_events(tmp_path / "d", engine="dask", columns=["mid"], where=where)
    assert sorted(lazy.compute()["mid"]) == sorted(chosen["mid"])


def test_a_bad_text_in_a_dataset_harms_no_other_event(tmp_path: Path) -> None:
    """It is not among those chosen."""
    df = frame(*(Event(f"{n}", "m", "c", b'{"n":%d}' % n, 1.0 + n, None) for n in range(4)))
    df.loc[2, "params"] = "{oops"
    path = bx.to_parquet(df, tmp_path / "e.parquet")
    assert bx.read_events(path, where=[("params.n", ">", 0)])["mid"].tolist() == ["1", "3"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (("params.n", "=", 1), "is no condition: write a list of such as"),
        (("params.n", "==", None), "a missing value and null meet no condition"),
        (("params.n", "==", object()), "compare with a text, a number"),
        (("params.a..b", "==", 1), "is no path into params"),
        (("stage", "==", "WON"), r"'stage' is no column .* or a path such as params\.stage"),
        (("portal", "==", PORTAL), "portal and date are columns of a dataset"),
        ("params.n == 1", "is no condition"),
        (7, "is no condition"),
        ((7, "==", 7), "is no condition"),
        (("received_at", "==", "never"), "is no time"),
        (("params.n", "in", 5), "takes a list of values"),
    ],
)
def test_a_wrong_condition_is_one_sentence_that_helps(
    tmp_path: Path, condition: Any, message: str
) -> None:
    """Before anything is read into it."""
    path = bx.to_parquet(frame(event(5)), tmp_path / "e.parquet")
    with pytest.raises(SettingsError, match=message):
        bx.read_events(path, where=[condition])


@pytest.mark.parametrize("wanted", ["WON", "Сделка", "a/b", 'a"b', "a\\b", "\u007f", "x y"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_text_is_found_however_its_json_is_written(wanted: str, ascii_only: bool) -> None:
    """Escaped or not, also where no escape is needed; nothing else is found."""
    every = "".join(f"\\u{ord(letter):04x}" for letter in wanted)
    texts = [
        json.dumps({"t": wanted}, ensure_ascii=ascii_only),
        json.dumps({"t": wanted}, ensure_ascii=ascii_only).replace("/", "\\/"),
        f'{{"t":"{every}"}}',
        json.dumps({"other": wanted, "t": f"{wanted}!"}, ensure_ascii=ascii_only),
        json.dumps({"t": [wanted]}),
    ]
    for operator, value in (("==", wanted), ("in", [wanted, "never"])):
        mask = OnParams.of(("params.t", operator, value)).mask(pa.array(texts, pa.large_string()))
        assert mask.tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("chunked", [False, True])
def test_texts_that_duckdb_does_not_read_are_decided_too(chunked: bool) -> None:
    """A half character elsewhere, no JSON, nothing at all; with them, texts that are read."""
    texts = [
        '{"t":"WON"}',
        '{"t":"WON","emoji":"\\ud83d"}',
        '{"t":"LOST","other":"WON","emoji":"\\ud83d"}',
        '{"t":"WON"',
        "WON",
        None,
        '{"t":["WON"]}',
        '{"t":null,"other":"WON"}',
    ]
    array: Any = pa.array(texts, pa.large_string())
    if chunked:
        array = pa.chunked_array([array[:4], array[4:]])
    for operator, value in (("==", "WON"), ("in", ["WON", "never"])):
        mask = OnParams.of(("params.t", operator, value)).mask(array)
        assert mask.tolist() == [True, True, *[False] * 6]
        many = OnParams.of(("params.t[]", operator, value)).mask(array)
        assert many.tolist() == [*[False] * 6, True, False]
