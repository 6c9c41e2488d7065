"""Traces and stages against the truth of the sandbox and plain loops; hostile values."""

import json
from importlib import import_module
from typing import Any, cast

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Event
from tests.support.demo import demo_day
from tests.support.json_values import json_objects
from tests.support.rows import ARRIVAL, frame, sent
from tests.support.waiting import eventually

COLUMNS = ["event", "server_time", "received_at", "mid", "module_id", "command"]
COLUMNS += ["path", "from", "to", "params"]


def changed(life: pd.DataFrame) -> list[tuple[int, str, Any, Any]]:
    """Return the changes of a trace."""
    rows = life.dropna(subset="path")
    return list(zip(rows["event"], rows["path"], rows["from"], rows["to"], strict=True))


def laid(known: Any, value: Any, at: str, event: int) -> tuple[Any, list[Any]]:
    """Return what is known after an event, and its changes, in plain Python; keys are plain."""
    value = {} if value == [] and isinstance(known, dict) else value
    known = {} if known == [] and isinstance(value, dict) else known
    if isinstance(known, dict) and isinstance(value, dict):
        found, state = [], dict(known)
        for key in [*(k for k in known if k in value), *(k for k in value if k not in known)]:
            where = f"{at}.{key}" if at else key
            if key in known:
                state[key], inner = laid(known[key], value[key], where, event)
                found += inner
            else:
                state[key] = value[key]
                found.append((event, where, pd.NA, value[key]))
        return state, found
    if isinstance(known, list) and isinstance(value, list):
        return value, elements(known, value, at, event)
    same = json.dumps(known) == json.dumps(value)
    return value, [] if same else [(event, at, known, value)]


def elements(known: list[Any], value: list[Any], at: str, event: int) -> list[Any]:
    """Return the changes of an array of scalars."""
    found = []
    for place in range(max(len(known), len(value))):
        sides = [side[place] if place < len(side) else pd.NA for side in (known, value)]
        if repr(sides[0]) != repr(sides[1]):
            found.append((event, f"{at}[{place}]", *sides))
    return found


scalars = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "1", "Ключ", 1 << 70])
)
values = st.recursive(
    scalars | st.lists(scalars, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abcЖ"), inner, max_size=3),
    max_leaves=6,
)
lives = st.lists(
    st.tuples(st.sampled_from([15, "15", 16]), st.dictionaries(st.sampled_from("abc"), values)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(lives)
def test_the_trace_is_what_plain_loops_find(made: list[tuple[Any, dict[str, Any]]]) -> None:
    """The events of the entity, and each value that differs from the last one known."""
    rows, mine, state, expected = [], 0, None, []
    for number, (name, extra) in enumerate(made):
        params = {"id": name, **extra}
        rows.append(sent("crm", "dealUpdate", json.dumps(params), number))
        if str(name) == "15":
            if state is None:
                state = params
            else:
                state, found = laid(state, params, "", mine)
                expected += found
            mine += 1
    if not mine:
        with pytest.raises(SettingsError, match="There are '16'"):
            bx.trace(frame(*rows), "deal", 15)
        return
    life = bx.trace(frame(*rows), "deal", 15)
    assert life["event"].nunique() == mine
    assert repr(changed(life)) == repr(expected)


@pytest.mark.parametrize("seed", [0, 3])
def test_traces_have_the_events_of_the_truth(seed: int) -> None:
    """All of them, in order, for every twenty-fifth entity."""
    bx.entity("order", module="application", path="orderId")
    log, truth = demo_day(3000, seed)
    events = truth.events.dropna(subset="id")
    for number, (name, rows) in enumerate(events.groupby(events["entity"] + "=" + events["id"])):
        if number % 25 == 0:
            kind, _, its_id = str(name).partition("=")
            life = bx.trace(log, kind, its_id).drop_duplicates("event")
            assert life["mid"].tolist() == rows["mid"].tolist(), name
            assert life["server_time"].tolist() == rows["server_time"].tolist()


def test_a_live_capture_has_the_lives_of_the_truth() -> None:
    """Entities and stages of a feed equal those of the sandbox, event by event."""
    with (
        bx.Sandbox(demo=True, rate=400, drift=300) as sandbox,
        bx.connect(sandbox.url, token=sandbox.token) as portal,
    ):
        feed = bx.listen(portal, backfill=True)
        eventually(lambda: len(feed) > 600)
        feed.stop()
        truth, known = sandbox.truth(), set(feed.df["mid"])
    events = truth.events[truth.events["mid"].isin(known) & (truth.events["entity"] != "order")]
    assert events["mid"].nunique() > 0.9 * len(known)
    counts = events.groupby(["entity", "id"]).size()
    found = feed.entities().set_index(["entity", "id"])["events"].sort_index()
    assert found.to_dict() == counts.to_dict()
    life = feed.trace("deal", 1001)
    moves = truth.stages[truth.stages["id"] == "1001"]
    shown = feed.stages("deal").query("id == '1001'")
    assert shown["start"].tolist() == moves["start"].tolist()[: len(shown)]
    assert life.loc[life["path"] == "stage", "to"].tolist() == shown["stage"].tolist()[1:]


@pytest.mark.parametrize("seed", range(3))
def test_stages_and_durations_are_those_of_the_truth(seed: int) -> None:
    """Of deals, tasks, workflows and orders, with the drift of the fields too."""
    bx.entity("order", module="application", path="orderId", stage="state")
    log, truth = demo_day(5000, seed, drift_after=2000)
    for kind in ("deal", "task", "workflow", "order"):
        rows = truth.stages[truth.stages["entity"] == kind].drop(columns="entity")
        expected = rows.sort_values(["id", "start"], kind="stable", ignore_index=True)
        assert len(expected) > 20
        pd.testing.assert_frame_equal(bx.stages(log, kind), expected)


def test_a_moving_deal_shows_its_stages() -> None:
    """In the columns of the documentation."""
    log, _ = demo_day(2000)
    life = bx.trace(log, "deal", 1005)
    assert list(life) == COLUMNS
    moves = life[life["path"] == "stage"]
    assert moves["from"].tolist()[1:] == moves["to"].tolist()[:-1]
    assert moves["from"].iloc[0] == "NEW"
    first = life.iloc[0]
    assert (first["event"], first["command"], json.loads(first["params"])["id"]) == (
        0,
        "dealAdd",
        1005,
    )
    assert pd.isna(first["path"])
    assert first["from"] is first["to"] is pd.NA


def test_a_missing_value_and_null_are_different() -> None:
    """`pd.NA` is no value, None is null."""
    texts = ['{"id":1}', '{"id":1,"a":null}', '{"id":1,"a":2}', '{"id":1}']
    life = bx.trace(frame(*(sent("crm", "dealAdd", t, n) for n, t in enumerate(texts))), "deal", 1)
    assert repr(changed(life)) == "[(1, 'a', <NA>, None), (2, 'a', None, 2)]"
    assert life["event"].tolist() == [0, 1, 2, 3]


def test_hostile_values_are_compared_exactly() -> None:
    """2^53, 1e400, an empty map as an array, hostile keys, int and text on one path."""
    texts = [
        '{"id":7,"n":9007199254740992,"f":[],"a.b":{"c\\"d":1},"x[0]":1,"Ключ":"Да","m":1}',
        '{"id":"7","n":9007199254740993,"f":{"k":1},"a.b":{"c\\"d":2},"x[0]":2,"Ключ":"Нет","m":"1"}',
        '{"id":7,"n":1e400,"f":[]}',
    ]
    life = bx.trace(
        frame(*(sent("crm", "dealAdd", t, n) for n, t in enumerate(texts))), "deal", "7"
    )
    assert repr(changed(life)) == repr(
        [
            (1, "id", 7, "7"),
            (1, "n", 9007199254740992, 9007199254740993),
            (1, "f.k", pd.NA, 1),
            (1, '"a.b"."c\\"d"', 1, 2),
            (1, '"x[0]"', 1, 2),
            (1, "Ключ", "Да", "Нет"),
            (1, "m", 1, "1"),
            (2, "id", "7", 7),
            (2, "n", 9007199254740993, float("inf")),
        ]
    )


def test_a_map_of_8000_ids_costs_no_more_than_its_changes() -> None:
    """One user of them is renamed."""
    users = {str(n): {"name": f"user {n}"} for n in range(8000)}
    texts = [{"id": 1, "users": users}, {"id": 1, "users": {**users, "77": {"name": "new"}}}]
    life = bx.trace(
        frame(*(sent("crm", "dealAdd", json.dumps(t), n) for n, t in enumerate(texts))), "deal", 1
    )
    assert changed(life) == [(1, "users.77.name", "user 77", "new")]


@pytest.mark.parametrize("text", ['"\\u0031\\u0035"', '"15"', "15"])
def test_an_id_is_found_however_it_is_written(text: str) -> None:
    """Also with escapes."""
    rows = [sent("crm", "dealAdd", f'{{"id":{text}}}'), sent("crm", "dealAdd", '{"id":151}', 1)]
    assert len(bx.trace(frame(*rows), "deal", 15)) == 1


def test_events_are_in_the_order_of_the_portal() -> None:
    """By server_time; one without it by its arrival."""
    rows = [sent("crm", "dealAdd", f'{{"id":1,"n":{n}}}', n) for n in (3, 1, 2)]
    late = Event("9", "crm", "dealAdd", b'{"id":1,"n":0}', None, None, ARRIVAL)
    life = bx.trace(frame(*rows, late), "deal", 1)
    assert changed(life) == [(1, "n", 0, 1), (2, "n", 1, 2), (3, "n", 2, 3)]


@given(st.lists(json_objects, max_size=4))
@settings(max_examples=40, deadline=None)
def test_any_params_have_a_trace(extra: list[dict[str, Any]]) -> None:
    """Whatever is in them."""
    rows = [sent("crm", "dealAdd", json.dumps({**one, "id": 1}), n) for n, one in enumerate(extra)]
    if rows:
        assert bx.trace(frame(*rows), "deal", 1)["event"].nunique() == len(rows)


def test_stages_that_are_no_scalars_do_not_count() -> None:
    """Null, arrays and objects; numbers and texts are texts."""
    stages = ["null", "[]", "1", '"1"', "{}", "true", '"ушёл"']
    rows = [sent("crm", "dealMove", f'{{"id":1,"stage":{s}}}', n) for n, s in enumerate(stages)]
    found = bx.stages(frame(*rows), "deal")
    assert found["stage"].tolist() == ["1", "true", "ушёл"]
    assert found["duration"].tolist()[:2] == [pd.Timedelta(3, "s"), pd.Timedelta(1, "s")]
    assert pd.isna(found["duration"].iloc[2])
    assert bx.stages(bx.EventLog(), "deal").dtypes.tolist() == found.dtypes.tolist()


def test_a_feed_has_them_as_methods() -> None:
    """Of the events so far."""
    texts = ['{"id":1,"stage":"NEW"}', '{"id":1,"stage":"WON"}']
    rows = frame(*(sent("crm", "dealMove", text, n) for n, text in enumerate(texts)))
    feed = bx.replay(rows, speed=float("inf"))
    feed.wait(2, timeout=10)
    assert feed.entities()["id"].tolist() == ["1"]
    assert changed(feed.trace("deal", 1)) == [(1, "stage", "NEW", "WON")]
    assert feed.stages("deal")["stage"].tolist() == ["NEW", "WON"]
    assert feed.diff()["to"].tolist() == feed.diff(0, 1)["to"].tolist() == ["WON"]
    with pytest.raises(SettingsError, match="the feed has 2 events"):
        feed.diff(0, 2)
    feed.stop()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda df: bx.trace(df, "deal", 2), r"no event belongs to deal '2'\. There are '1'\."),
        (lambda df: bx.trace(df, "task", 2), "No event belongs to any; bx.entities"),
        (lambda df: bx.trace(df, "unicorn", 2), "no rule knows the entity 'unicorn'"),
        (lambda df: bx.trace(df, cast("Any", ["deal"]), 2), "no rule knows the entity a list"),
        (lambda df: bx.trace(df, "deal", cast("Any", None)), "id=None: give the id of an entity"),
        (lambda df: bx.trace(df, "deal", True), "give the id of an entity"),
        (lambda df: bx.trace(df, "deal", cast("Any", 1.0)), "id=1.0: give the id of an entity"),
        (lambda df: bx.trace(df.iloc[:0], "deal", 1), "no event belongs to deal '1'"),
        (lambda df: bx.stages(df, "contact"), "no rule of 'contact' names the path of a stage"),
        (lambda df: bx.trace(len(df), "deal", 1), "holds no events"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(ask: Any, message: str) -> None:
    """With what there is instead."""
    with pytest.raises(SettingsError, match=message):
        ask(frame(sent("crm", "dealAdd", '{"id":1}')))


def test_numpy_integers_are_ids() -> None:
    """As they come out of a DataFrame."""
    numpy = import_module("numpy")
    assert len(bx.trace(frame(sent("crm", "dealAdd", '{"id":1}')), "deal", numpy.int64(1))) == 1
