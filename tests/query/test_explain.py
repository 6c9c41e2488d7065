"""Which values set a selection apart: planted causes come first, and noise is not listed."""

import json
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Event
from bxpull_nb.params.conditions import Conditions
from bxpull_nb.sandbox.demo_orders import cause_of_unpaid
from tests.support.demo import demo_frame
from tests.support.json_values import json_objects
from tests.support.rows import frame, with_params
from tests.support.walking import walked

COLUMNS = ["name", "operator", "value", "selection", "rest", "share_selection", "share_rest"]
COLUMNS += ["bits", "chance"]
CAUSES = [
    *(("command", name) for name in ("dealMove", "message", "task_update", "user_counter")),
    *(("params.stage", name) for name in ("WON", "EXECUTING", "PREPARATION")),
    *(("params.currency", name) for name in ("USD", "RUB")),
    *(("params.responsible_id", number) for number in (1, 7, 12, 15, 23)),
    *(("channel", "private"), ("module_id", "bizproc"), ("params.company", "«Ромашка»")),
    *(("params.author", "Дарья Орлова"), ("params.region", "восток"), ("params.from", "NEW")),
]


def split(df: pd.DataFrame, mask: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the selected events, and the rest."""
    return df[mask], df[~mask]


def table(values: list[Any]) -> pd.DataFrame:
    """Return an event for each of these params."""
    return frame(*(with_params(json.dumps(value).encode()) for value in values))


def has(record: Any, name: str, value: Any) -> bool:
    """Whether a row has the value, by the plain way."""
    if not name.startswith("params."):
        return bool(record[name] == value)
    found = json.loads(record["params"])
    for key in name.removeprefix("params.").split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return bool(found == value)


@pytest.mark.slow
def test_the_planted_cause_comes_first_in_18_of_20() -> None:
    """Nine of ten events with it are selected, and one of fifty of the others."""
    firsts = []
    for seed, (name, value) in enumerate(CAUSES):
        df, rng = demo_frame(3000, seed), Random(seed)
        mask = pd.Series(
            [
                rng.random() < (0.9 if has(row, name, value) else 0.02)
                for row in df.to_dict("records")
            ]
        )
        top = bx.explain(*split(df, mask)).iloc[0]
        firsts.append((top["name"], top["value"]) == (name, value))
    assert len(firsts) == 20
    assert sum(firsts) >= 18


def test_the_cause_in_a_sandbox_comes_first() -> None:
    """Why orders are not paid, as the sandbox planted it."""
    for seed in range(5):
        df = demo_frame(8000, seed)
        ids = df["params"].str.extract('"orderId": (\\d+)')[0]
        paid = ids[df["command"] == "paymentAdd"]
        orders = df["command"] == "orderAdd"
        lonely = orders & ~ids.isin(paid)
        found = bx.explain(df[lonely], df[orders & ~lonely])
        path, value = cause_of_unpaid(seed)
        assert (found["name"][0], found["value"][0]) == (f"params.{path}", value)


@pytest.mark.parametrize("seed", range(8))
def test_a_random_selection_has_no_explanation(seed: int) -> None:
    """Thousands of values are looked at, and each may be uneven by chance."""
    df, rng = demo_frame(2000, seed), Random(seed)
    mask = pd.Series([rng.random() < 0.2 for _ in range(len(df))])
    assert bx.explain(*split(df, mask)).to_dict("records") == []


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(*[st.lists(json_objects, min_size=1, max_size=5)] * 2)
def test_the_counts_are_what_loops_find(one: list[Any], two: list[Any]) -> None:
    """Of each value of each path, exactly."""
    groups = json.loads(json.dumps([one, two]))
    found = bx.explain(*map(table, groups), chance=1)
    found = found[(found["operator"] == "==") & found["name"].str.startswith("params")]
    counts: list[dict[Any, int]] = [{}, {}]
    for side, values in enumerate(groups):
        for value in values:
            for key in {named(*pair) for pair in walked(value) if is_plain(pair[1])}:
                counts[side][key] = counts[side].get(key, 0) + 1
    expected = {
        key: (count, counts[1].get(key, 0))
        for key, count in counts[0].items()
        if count * len(two) > counts[1].get(key, 0) * len(one)
    }
    assert {
        (row["name"], type(row["value"]), row["value"]): (row["selection"], row["rest"])
        for row in found.to_dict("records")
    } == expected


def is_plain(value: Any) -> bool:
    """Whether it is a text, a number, true or false."""
    return value is not None and not isinstance(value, dict | list)


def named(path: Any, value: Any) -> tuple[str, type, Any]:
    """Return the name of the path with the value."""
    text = str(path)
    return f"params{text}" if text.startswith("[") else f"params.{text}", type(value), value


def test_a_missing_path_is_an_explanation() -> None:
    """Of the commands that have it."""
    paid = [{"orderId": n, "payment": {"sum": 1}} for n in range(50)]
    unpaid = [{"orderId": n} for n in range(50, 90)]
    tables = [
        frame(*(with_params(json.dumps(v).encode()) for v in some)) for some in (unpaid, paid)
    ]
    top = bx.explain(*tables).iloc[0]
    assert (top["name"], top["operator"], top["selection"], top["rest"]) == (
        "params.payment",
        "missing",
        40,
        0,
    )


def test_a_value_is_a_condition_for_where() -> None:
    """It chooses the events that were counted."""
    df = demo_frame(500)
    mask = df["params"].str.contains('"stage": "WON"')
    found = bx.explain(*split(df, mask)).query("operator == '=='").iloc[0]
    wanted = Conditions([(found["name"], "==", found["value"])])
    rows = [
        Event("1", row["module_id"], row["command"], row["params"].encode())
        for row in df[mask].to_dict("records")
    ]
    assert sum(map(wanted.hold, rows)) == found["selection"] == len(rows)


def test_hostile_values_are_told_apart() -> None:
    """2^53 and its neighbour, 1 and "1" and true, keys with dots."""
    one = frame(*[with_params(b'{"n":9007199254740993,"a.b":1,"t":"1"}')] * 40)
    two = frame(*[with_params(b'{"n":9007199254740992,"a.b":"1","t":true}')] * 40)
    found = bx.explain(one, two)
    assert set(zip(found["name"], found["value"], strict=True)) == {
        ("params.n", 9007199254740993),
        ('params."a.b"', 1),
        ("params.t", "1"),
    }
    assert list(found) == COLUMNS


def test_a_group_without_events_is_one_sentence() -> None:
    """Which of both it is."""
    df = demo_frame(10)
    with pytest.raises(SettingsError, match="the selection has no events"):
        bx.explain(df[:0], df)
    with pytest.raises(SettingsError, match="the rest has no events"):
        bx.explain(df, df[:0])
