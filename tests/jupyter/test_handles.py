"""A value as a handle: its searches and lines of code find the event that they were made from."""

import json
import shlex
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bxpull_nb as bx
from bxpull_nb.capture.anatomy import inspect
from bxpull_nb.jupyter.widgets.chosen_event import take_apart
from bxpull_nb.jupyter.widgets.event_detail import EventDetail
from bxpull_nb.jupyter.widgets.handles import field_handles, value_handles
from bxpull_nb.params.path import Path
from tests.support.fake_comm import from_page, record_comms, sent_by
from tests.support.rows import frame, sent
from tests.support.waiting import eventually

PARAMS = {"id": 15, "it's": 'a "b"', "user": {"on": True}, "items": [{"sku": "A-1"}], "no": None}


def uses(path: str) -> dict[str, str]:
    """The things to copy of the value at a path."""
    record = sent("crm", "dealMove", json.dumps(PARAMS), 1)
    found = value_handles(record, PARAMS, Path.of(path), "https://acme.bitrix24.com")
    assert found is not None
    return dict(found.copies)


@pytest.mark.parametrize("path", ["id", "it's", "user.on", "items[0].sku"])
def test_the_copied_lines_find_the_event(path: str) -> None:
    """Each is run as it is; another event is not found."""
    other = json.dumps({"id": 16, "it's": "x", "user": {"on": False}, "items": [{"sku": "B"}]})
    df = frame(sent("crm", "dealMove", json.dumps(PARAMS), 1), sent("crm", "dealMove", other, 2))
    feed = bx.replay(df, speed=float("inf"))
    lines = uses(path)
    names = {"feed": feed, "bx": bx}
    assert eval(lines["Python: expect"], names).params["id"] == 15
    eventually(lambda: len(feed) == 2)
    assert len(eval(lines["pandas"], names)) == 1
    assert len(feed.sql(lines["SQL"])) == 1
    assert json.loads(lines["JSON"]) == next(Path.of(path).find(PARAMS))
    feed.stop()


def test_the_command_line_sends_the_event_again_without_a_secret() -> None:
    """A shell takes it apart as it was put together."""
    words = shlex.split(uses("it's")["cURL: send again"])
    assert words[1] == "https://acme.bitrix24.com/rest/pull.application.event.add?auth=$TOKEN"
    assert json.loads(words[-1]) == {"COMMAND": "dealMove", "MODULE_ID": "crm", "PARAMS": PARAMS}


def test_objects_and_null_have_fewer_uses() -> None:
    """An object is copied only; null can be searched for; where nothing is, there is no use."""
    record = sent("crm", "dealMove", json.dumps(PARAMS), 1)
    found = [value_handles(record, PARAMS, Path.of(p), "x") for p in ("user", "no", "nothing")]
    user, null, nothing = found
    assert user is not None
    assert null is not None
    assert nothing is None
    assert (user.term, [label for label, _ in user.copies]) == (None, ["JSON", "path", *CURL])
    assert null.term == "params.no:null"
    assert field_handles("module", "crm").term == 'module:"crm"'


CURL = ["cURL: send again"]
scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5)


@settings(deadline=None)
@given(key=st.text(min_size=1, max_size=4), value=scalars)
def test_the_term_finds_the_value_whatever_it_is(key: str, value: Any) -> None:
    """Text, number, truth value or null, below any key."""
    params = json.loads(json.dumps({key: value}).encode(errors="replace"))
    record = sent("crm", "a", json.dumps(params), 1)
    found = value_handles(record, params, Path.keys(*params), "x")
    assert found is not None
    assert found.term is not None
    assert len(bx.search(frame(record), found.term)) == 1


def test_the_detail_answers_and_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The uses of a value or a fact; nothing for another event; the choice reaches callbacks."""
    record_comms(monkeypatch)
    detail = EventDetail("https://acme.bitrix24.com")
    detail.show(inspect(4, sent("crm", "dealMove", json.dumps(PARAMS), 4), None, 0))
    for place in (["items", 0, "sku"], "command", ["gone"], "lag", 7):
        from_page(detail, {"kind": "handles", "row": 4, "place": place})
    from_page(detail, {"kind": "handles", "row": 5, "place": ["id"]})
    answers = [m.content["handles"] for m in sent_by(detail)[1:]]
    terms = [answer and answer["term"] for answer in answers]
    assert terms == ['params.items[0].sku:"A-1"', 'command:"dealMove"', None, None, None]
    seen: list[Any] = []
    detail.on_use(lambda *use: seen.append(use))
    detail.on_trace(lambda *entity: seen.append(entity))
    detail.on_go(seen.append)
    from_page(detail, {"kind": "use", "action": "only", "text": "a:b"})
    from_page(detail, {"kind": "use", "action": "drop table", "text": "a:b"})
    from_page(detail, {"kind": "trace", "entity": "deal", "id": "15"})
    from_page(detail, {"kind": "go", "row": 3})
    assert seen == [("only", "a:b"), ("deal", "15"), 3]


def test_an_event_is_compared_with_the_one_before_of_its_entity() -> None:
    """Not with a neighbour; the first one of an entity has none before."""
    texts = ['{"id":15,"stage":"NEW"}', '{"id":16,"stage":"NEW"}', '{"id":"15","stage":"WON"}']
    df = frame(*(sent("crm", "dealMove", text, n) for n, text in enumerate(texts)))
    feed = bx.replay(df, speed=float("inf"))
    feed.wait(3, timeout=10)
    _, entities, earlier = take_apart(feed, 2)
    assert entities == [("deal", "15")]
    assert earlier is not None
    assert (earlier.row, earlier.entity) == (0, "deal 15")
    assert take_apart(feed, 0)[1:] == ([("deal", "15")], None)
    feed.stop()
