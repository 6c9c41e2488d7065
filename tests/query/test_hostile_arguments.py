"""Every argument of every question with hostile values: an answer, or one sentence of ours."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.expectation import Expectation
from bxpull_nb.capture.selection import Selection
from bxpull_nb.capture.several import expectations
from bxpull_nb.capture.watch import WatchSettings
from bxpull_nb.errors import BxPullError
from tests.support.hostile_values import HOSTILE, SECRET
from tests.support.rows import frame, sent

HALF = {"half in a list": ["\ud800"], "half in a dict": {"\ud800": 1}, "long": "x" * 10_000}
PATHS = {"quote": '"', "bracket": "[", "many": "items[]", "map": "{id}", "all": "$", "word": "id"}
VALUES = HOSTILE | HALF | PATHS | {"NUL key": '"\\u0000"', "sql": "'; drop view events; --"}
LIVE = [
    record for number in range(3) for record in [sent("crm", "dealUpdate", '{"id":15}', number)]
]
DF = frame(*LIVE)
COLUMNS = ("command", "mid", "received_at", "lag", "channel", "params", "params.id")
OPERATORS = ("==", "<", "in", "not in")


def chosen(where: Any) -> Any:
    """Choose events of a table, and live ones; both find the same."""
    live = Selection(where=where)
    found = bx.entities(DF, where=where)["events"].sum()
    assert found == sum(map(live.is_met_by, LIVE))
    return found


def compared(column: str, operator: str, value: Any) -> Any:
    """Choose events by one condition."""
    return chosen([(column, operator, value)])


CALLS: dict[str, Callable[[Any], object]] = {
    "schema source": bx.schema,
    "model source": lambda it: bx.model(it, "dealUpdate"),
    "model command": lambda it: bx.model(DF, it),
    "model as_": lambda it: bx.model(DF, "dealUpdate", it),
    "sql source": lambda it: bx.sql(it, "select 1 from events"),
    "sql query": lambda it: bx.sql(DF, it),
    "entities source": bx.entities,
    "entities entity": lambda it: bx.entities(DF, it),
    "trace source": lambda it: bx.trace(it, "deal", 15),
    "trace entity": lambda it: bx.trace(DF, it, 15),
    "trace id": lambda it: bx.trace(DF, "deal", it),
    "stages source": lambda it: bx.stages(it, "deal"),
    "stages entity": lambda it: bx.stages(DF, it),
    "entity name": lambda it: bx.entity(it, module="crm", path="id"),
    "entity module": lambda it: bx.entity("x", module=it, path="id"),
    "entity path": lambda it: bx.entities(DF, bx.entity("x", module="crm", path=it).entity),
    "entity command": lambda it: bx.entity("x", module="crm", path="id", command=it),
    "entity stage": lambda it: bx.entity("x", module="crm", path="id", stage=it),
    "diff a": lambda it: bx.diff(it, "{}"),
    "diff b": lambda it: bx.diff({"a": [1]}, it),
    "compare source": lambda it: bx.compare(it, DF),
    "compare chance": lambda it: bx.compare(DF, DF, chance=it),
    "explain source": lambda it: bx.explain(DF, it),
    "explain chance": lambda it: bx.explain(DF, DF, chance=it),
    "pairs source": bx.pairs,
    "pairs within": lambda it: bx.pairs(DF, it),
    "pairs key": lambda it: bx.pairs(DF, "1s", it),
    "unusual source": bx.unusual,
    "unusual last": lambda it: bx.unusual(DF, it),
    "unusual now": lambda it: bx.unusual(DF, "1s", "1s", now=it),
    "expand source": bx.expand_params,
    "expand paths": lambda it: bx.expand_params(DF, paths=it),
    "expand one path": lambda it: bx.expand_params(DF, paths=[it]),
    "expand prefix": lambda it: bx.expand_params(DF, prefix=it),
    "expand max_level": lambda it: bx.expand_params(DF, max_level=it),
    "where": chosen,
    "where condition": lambda it: chosen([it]),
    "where name": lambda it: chosen([(it, "==", 1)]),
    "where operator": lambda it: chosen([("command", it, "dealUpdate")]),
    **{f"where {one} {op}": partial(compared, one, op) for one in COLUMNS for op in OPERATORS},
    "expect channel": lambda it: Expectation(channel=it),
    "expect_all": expectations,
    "expect_all item": lambda it: expectations([it]),
    "watch silence": lambda it: WatchSettings(silence=it),
    "watch rate": lambda it: WatchSettings(rate_above=it),
    "watch chance": lambda it: WatchSettings(chance=it),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_hostile_argument_is_one_sentence_of_ours(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a secret, not long, and on one line; or it has an answer."""
    monkeypatch.chdir(tmp_path)  # where no path of them leads to a file
    for kind, value in VALUES.items():
        try:
            CALLS[name](value)
        except BxPullError as exc:
            text = str(exc)
            assert text.isprintable(), kind
            is_path = "source" in name  # which is shown as it is
            assert is_path or (SECRET not in text and len(text) < 600), kind
        except Exception as exc:
            raise AssertionError(f"{name} of {kind}: {exc!r:.300}") from exc


def test_an_empty_list_of_values_is_met_by_nothing() -> None:
    """And its opposite by all that is there."""
    for column in COLUMNS:
        assert chosen([(column, "in", [])]) == 0
        assert chosen([(column, "not in", [])]) == 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bx.trace(DF, "invoice", 1), "no rule knows the entity 'invoice'"),
        (lambda: bx.trace(DF, "deal", 7), r"no event belongs to deal '7'\. There are '15'\."),
        (lambda: bx.stages(DF, "user"), "no rule of 'user' names the path of a stage"),
        (lambda: bx.pairs(DF, "1s", "orderId"), r"no event has the key 'orderId'; paths: id\."),
        (lambda: bx.model(DF, "dealAdd"), r"Commands that have: crm\.dealUpdate\."),
        (lambda: bx.expand_params(DF, paths=["stage"]), r"Paths that there are: id\."),
        (lambda: bx.explain(DF[:0], DF), "the selection has no events"),
        (lambda: bx.unusual(DF[:0]), "there are no events with a time"),
        (lambda: bx.trace(DF[:0], "deal", 15), "No event belongs to any"),
        (lambda: bx.model(DF[:0], "dealUpdate"), "Commands that have: none"),
    ],
)
def test_a_mistake_names_what_there_is_instead(call: Callable[[], object], words: str) -> None:
    """A path that no event has, an entity without a rule, a feed without events."""
    with pytest.raises(BxPullError, match=words):
        call()


def test_questions_without_events_have_empty_tables() -> None:
    """With the same columns."""
    questions: list[Callable[[Any], Any]] = [bx.schema, bx.entities, bx.pairs]
    questions.append(partial(bx.stages, entity="deal"))
    for ask in questions:
        assert list(ask(DF[:0])) == list(ask(DF)) != []
        assert len(ask(DF[:0])) == 0
