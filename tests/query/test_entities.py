"""Entities against the truth of the sandbox and against plain loops; the rules; hostile ids."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import dask.dataframe as dd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Arrival, BadFrame, Event
from bxpull_nb.query.entity_rules import EntityRule, known_rules
from tests.support.demo import demo_day
from tests.support.events import collected, tens
from tests.support.json_values import json_objects
from tests.support.rows import ARRIVAL, frame, sent

COLUMNS = ["entity", "id", "events", "first", "last"]


def found(*rows: Event | BadFrame) -> list[tuple[str, str, int]]:
    """Return the entities of these events, with their numbers of events."""
    table = bx.entities(frame(*rows))
    return list(zip(table["entity"], table["id"], table["events"], strict=True))


def plain(**cells: Any) -> pd.DataFrame:
    """Return a table of one deal with these columns instead of those of events."""
    return pd.DataFrame(
        {"module_id": ["crm"], "command": ["dealAdd"], "params": ['{"id":1,"stage":"A"}'], **cells}
    )


def by_hand(value: Any, rule: EntityRule) -> Iterator[str]:
    """Yield the id that a rule finds in decoded params, in plain Python."""
    for inner in rule.path.find(value):
        if isinstance(inner, str) and rule.prefix:
            rest = inner.removeprefix(rule.prefix)
            if rest != inner and rest.isascii() and rest.isdecimal() and rest[0] != "0":
                yield rest
        elif type(inner) is int and inner > 0 and not rule.prefix:
            yield str(inner)
        elif isinstance(inner, str) and not rule.prefix:
            whole = inner.isascii() and inner.isdecimal() and inner[0] != "0"
            if whole or (not rule.digits and inner not in ("", "0")):
                yield inner


IDS = [15, "15", "015", " 15", 0, "0", "", -1, 15.0, 1.5, (1 << 53) + 1, 1 << 70, str(1 << 70)]
IDS += [True, None, [15], {"id": 15}, "chat15", "chat", "chatx", "chat0", "chat15x", "wf-1", "Ключ"]
ids = st.sampled_from(IDS)
shapes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("id", "TASK_ID", "chatId", "dialogId", "userId", "authorId"), ids),
        "message": st.fixed_dictionaries({"id": ids}) | ids,
        "x": json_objects,
    },
)
names = st.sampled_from([(rule.module, name) for rule in known_rules() for name in rule.commands])
others = st.sampled_from([("CRM", "DEALADD"), ("crm", "other"), ("tasks", "dealAdd"), (None, None)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(names | others, shapes), min_size=1, max_size=12))
def test_entities_are_what_plain_loops_find(
    made: list[tuple[tuple[str | None, str | None], dict[str, Any]]],
) -> None:
    """By module and command without case, and by the id; each event once for each entity."""
    expected: dict[tuple[str, str], set[int]] = defaultdict(set)
    rows = []
    for number, ((module, command), params) in enumerate(made):
        rows.append(Event("1", module, command, json.dumps(params).encode(), None, None, ARRIVAL))
        for rule in known_rules():
            is_named = (command or "").casefold() in map(str.casefold, rule.commands)
            if (module or "").casefold() == rule.module and is_named:
                for name in by_hand(params, rule):
                    expected[rule.entity, name].add(number)
    table = bx.entities(frame(*rows))
    counts = {(row.entity, row.id): row.events for row in table.itertuples()}
    assert counts == {key: len(events) for key, events in expected.items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_entities_are_those_of_the_truth(seed: int) -> None:
    """Each demo event in its entities and in no other; first and last too; no rule, no entity."""
    log, truth = demo_day(6000, seed, drift_after=4000)
    every, known = truth.events, truth.events[truth.events["entity"] != "order"]
    assert known.dropna(subset="id")["number"].nunique() >= 0.95 * every["number"].nunique()
    for events in (known, every):
        expected = (
            events.dropna(subset="id")
            .groupby(["entity", "id"])
            .agg(events=("mid", "size"), first=("server_time", "min"), last=("server_time", "max"))
            .reset_index()
        )
        mine = bx.entities(log).sort_values(["entity", "id"], ignore_index=True)
        pd.testing.assert_frame_equal(mine, expected)
        bx.entity("order", module="application", path="orderId")


def test_the_columns_are_the_documented_ones() -> None:
    """With events and without; the busiest first."""
    rows = [sent("crm", "dealUpdate", f'{{"id":{n}}}', n) for n in (1, 2, 2)]
    some, none = bx.entities(frame(*rows), "deal"), bx.entities(bx.EventLog())
    assert list(some) == list(none) == COLUMNS
    assert some.dtypes.tolist() == none.dtypes.tolist()
    assert some["id"].tolist() == ["2", "1"]
    assert len(none) == 0


def test_a_number_and_a_text_are_one_id() -> None:
    """A number with a fraction, zero, a sign, an array and an object are none."""
    values = ["15", '"15"', "15.0", "1.5e1", "0", "-3", '"0"', '"-3"', "[15]", "{}", "true"]
    values += ["1e400", "null", '""', '" 15"', '"015"']
    rows = [sent("crm", "dealAdd", f'{{"id":{value}}}') for value in values]
    assert found(*rows) == [("deal", "15", 2)]


def test_large_ids_keep_their_digits() -> None:
    """Beyond 2^53 and beyond 64 bits."""
    large = [9007199254740992, 9007199254740993, (1 << 64) - 1, 1 << 70]
    texts = [f'{{"id":{value},"x":1e400}}' for value in large]
    rows = [sent("crm", "dealAdd", text, number) for number, text in enumerate(texts)]
    assert found(*rows) == [("deal", str(value), 1) for value in large]


def test_a_shape_without_a_rule_belongs_to_nothing() -> None:
    """Another module, another command, another path, params that are no object, bad messages."""
    assert (
        found(
            sent("tasks", "dealAdd", '{"id":1}'),
            sent("crm", "dealViewed", '{"id":1}'),
            sent("crm", "dealAdd", '{"ID":1,"deal":{"id":1}}'),
            sent("crm", "dealAdd", "[]"),
            sent("crm", "dealAdd", '"1"'),
            sent("crm", "dealAdd", '{"id":1'),
            sent("im", "message", '{"dialogId":"7"}'),
            sent("im", "message", '{"dialogId":"chatbot"}'),
            BadFrame("oops", "not JSON", None, Arrival(1)),
        )
        == []
    )


def test_a_chat_is_found_by_either_path_and_counted_once() -> None:
    """A message has both its own id and its chat, as portals of today send it."""
    new = '{"chatId":8,"dialogId":"chat8","message":{"id":501,"text":"hi"}}'
    rows = [sent("im", "message", new), sent("im", "chatRename", '{"chatId":"8","name":"x"}')]
    assert found(*rows) == [("chat", "8", 2), ("message", "501", 1)]


@pytest.mark.parametrize("path", ["invoice.id", '"a.b"."c\\"d"', '"x[0]"[1]', "Счёт.№", '""'])
def test_a_rule_of_ones_own_has_any_path(path: str) -> None:
    """Keys with dots, quotes, brackets, Cyrillic, empty ones; texts are ids too."""
    rule = bx.entity("Invoice", module="Application", path=path)
    value: Any = "N-7/2027"
    for step in reversed(rule.path):
        value = {step.name: value} if hasattr(step, "name") else [None, value]
    rows = [sent("application", name, json.dumps(value)) for name in ("a", "b")]
    assert found(*rows) == [("Invoice", "N-7/2027", 2)]
    assert len(bx.trace(frame(*rows), "invoice", "N-7/2027")) == 2


def test_rules_of_one_name_are_alternatives() -> None:
    """Those of one's own extend the built-in ones; the same rule twice is one."""
    for _ in range(2):
        bx.entity("DEAL", module="application", command=["won", "lost"], path="dealId")
    rows = [
        sent("crm", "dealAdd", '{"id":1}'),
        sent("application", "Won", '{"dealId":"1"}'),
        sent("application", "other", '{"dealId":"1"}'),
    ]
    assert found(*rows) == [("deal", "1", 2)]


def test_every_source_gives_the_same(tmp_path: Path) -> None:
    """A DataFrame, Dask, a journal, a file, a dataset of two collectors."""
    bx.entity("thing", module="m", path="n", stage="n")
    for name in ("a", "b"):
        collected(tmp_path / name, tmp_path / "d", tens(0, 200))
    df = bx.read_events(tmp_path / "a")
    sources = [
        *(tmp_path / "a", tmp_path / "d", dd.from_pandas(df, npartitions=3)),
        bx.to_parquet(df, tmp_path / "e.parquet"),
    ]
    for source in sources:
        pd.testing.assert_frame_equal(bx.entities(source), bx.entities(df))
        pd.testing.assert_frame_equal(bx.trace(source, "thing", 7), bx.trace(df, "thing", 7))
        pd.testing.assert_frame_equal(bx.stages(source, "thing"), bx.stages(df, "thing"))
    assert len(bx.entities(df)) == 199  # n = 0 is no id


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: bx.entities(bx.EventLog(), "unicorn"),
            "no rule knows the entity 'unicorn'",
        ),
        (
            lambda: bx.entities(bx.EventLog(), "x"),
            "deal, lead, contact, company, task",
        ),
        (lambda: bx.entity("", module="m", path="id"), "'' is no name of an entity"),
        (
            lambda: bx.entity("x", module="m", path="id", command=cast("Any", 7)),
            "7 is no name",
        ),
        (lambda: bx.entities(plain(params=[{"id": 1}])), "the column params holds decoded values"),
        (
            lambda: bx.entities(plain(server_time=["x"])),
            "server_time holds large_string",
        ),
        (lambda: bx.trace(plain(command=[[1]]), "deal", 1), "the column command holds list"),
        (lambda: bx.stages(plain(received_at=[True]), "deal"), "the column received_at holds bool"),
        (lambda: bx.entity("x", module="m", path="items[].id"), "leads to many values"),
        (lambda: bx.entity("x", module="m", path="a..b"), "is no path into params"),
        (
            lambda: bx.entities(pd.DataFrame({"params": []})),
            "lack the column module_id, command",
        ),
    ],
)
def test_bad_input_is_answered_in_a_sentence(make: Any, message: str) -> None:
    """With what there is instead."""
    with pytest.raises(SettingsError, match=message):
        make()
