"""Conditions as a list, one call only, never, and several expectations at once."""

import threading
from typing import Any

import pytest

import bxpull_nb as bx
from bxpull_nb.capture.feed import Feed
from bxpull_nb.capture.several import LookupAll, expectations
from bxpull_nb.errors import ExpectationFailed, SettingsError
from bxpull_nb.models import BadFrame, Event, Record
from bxpull_nb.portal import Portal
from tests.support.rows import played
from tests.support.stored import store
from tests.support.waiting import eventually


def event(command: str, params: bytes = b"{}") -> Event:
    """Return an event of a command."""
    return Event("17954478440000000000000001", "crm", command, params)


HOSTILE: list[Record] = [
    BadFrame("not JSON", "broken"),
    *(event("a", params) for params in (b"[]", b"null", b'"WON"', b'{"stage":null}')),
    *(event("a", params) for params in (b'{"stage":{"x":1}}', b'{"stage":1e400}')),
]


@pytest.mark.parametrize(
    ("where", "params"),
    [
        ([("params.stage", "==", "WON")], b'{"stage":"WON"}'),
        ([("params.id", "==", 9007199254740993)], b'{"id":9007199254740993}'),
        ([("params.items[].sku", "==", "A")], b'{"items":[{"sku":"B"},{"sku":"A"}]}'),
        ([('params."a.b"', "!=", 1)], b'{"a.b":"1"}'),
        ([('params."x[0]"', "==", 1)], b'{"x[0]":1}'),
        ([("params.Ключ", "in", ["да"])], '{"Ключ":"да"}'.encode()),
        ([("params.users.{id}.n", ">", 7998)], b'{"users":{"7":{"n":1},"8":{"n":7999}}}'),
    ],
)
def test_a_list_of_conditions_finds_its_event_among_hostile_ones(
    feed: Feed, where: Any, params: bytes
) -> None:
    """A missing key, null, an unreadable message and params of another kind never fail."""
    store(feed, *HOSTILE, event("b", b'{"id":9007199254740992}'), event("a", params))
    found = feed.expect(where=where, within=1)
    assert found.params_json == params


@pytest.mark.parametrize(
    "where",
    [("params.stage", "==", "WON"), [("stage", "==", 1)], [("params.a..b", "==", 1)], ["stage"]],
)
def test_a_list_that_is_none_is_one_sentence(feed: Feed, where: Any) -> None:
    """At once, whatever the way."""
    with pytest.raises(SettingsError):
        feed.on(where=where)
    with pytest.raises(SettingsError):
        feed.wait(where=where, timeout=0)


def test_a_cell_that_runs_again_replaces_its_callback(feed: Feed) -> None:
    """Also with a list of conditions."""
    for _ in range(2):

        @feed.on(where=[("params.n", "in", [1, 2])])
        def again(record: Record) -> None:
            """Do nothing."""

    assert len(feed.handlers.stats) == 1


def test_once_is_one_call(feed: Feed) -> None:
    """The first event that meets the conditions; the callback is gone after it."""
    got: list[Record] = []
    feed.on("a", where=[("params.n", ">", 1)], once=True)(got.append)
    store(feed, *(event("a", b'{"n":%d}' % n) for n in range(5)))
    eventually(lambda: not feed.handlers.stats)
    store(feed, event("a", b'{"n":9}'))
    assert [one.params for one in got] == [{"n": 2}]


def test_once_is_over_when_the_callback_fails_but_not_when_where_fails(feed: Feed) -> None:
    """A condition that fails has chosen no event."""
    got: list[Record] = []

    def fail(record: Record) -> None:
        got.append(record)
        raise ValueError("mine")

    feed.on(where=lambda record: record.params["n"] == 2, once=True)(fail)
    store(feed, event("a"), event("a", b'{"n":2}'), event("a", b'{"n":2}'))
    eventually(lambda: not feed.handlers.stats)
    assert len(got) == 1


def test_once_in_a_replay_is_the_first_of_all() -> None:
    """Of those played already too."""
    feed = bx.replay(played(20), speed=float("inf"))
    feed.wait(20, timeout=10)
    got: list[Record] = []
    feed.on("c1", once=True)(got.append)
    eventually(lambda: not feed.handlers.stats)
    assert [one.params for one in got] == [{"n": 1}]
    feed.stop()


def test_never_passes_when_nothing_comes(feed: Feed) -> None:
    """Other events may; and they stay new."""
    store(feed, event("a"), event("b", b'{"stage":"NEW"}'))
    feed.never("W", within=0.05)
    feed.never("b", where=[("params.stage", "==", "WON")], within=0.05)
    assert feed.expect("b", within=1).params == {"stage": "NEW"}


def test_never_fails_with_the_event(feed: Feed) -> None:
    """Whether it came before the call, or comes meanwhile."""
    store(feed, event("W", b'{"id":15}'))
    with pytest.raises(ExpectationFailed, match=r"should not, with command='w':\n.* W \{\"id\":15"):
        feed.never("w", within=5)
    feed.never("W", within=0.02)
    threading.Timer(0.05, store, (feed, event("W"))).start()
    with pytest.raises(ExpectationFailed, match="came that should not"):
        feed.never("W", within=10)


def test_never_counts_from_a_mark(feed: Feed) -> None:
    """What came before it does not matter, and what came after it does."""
    store(feed, event("W"))
    feed.mark("click")
    feed.never("W", within=0.02, since="click")
    store(feed, event("W"))
    feed.wait(2, timeout=1)
    with pytest.raises(ExpectationFailed):
        feed.never("W", within=0.02, since="click")


def test_never_cannot_know_without_a_connection(portal: Portal) -> None:
    """A stopped feed has no say; a recording that ended has."""
    feed = portal.feed().start()
    feed.stop()
    with pytest.raises(ExpectationFailed, match="the feed is stopped: one may have been missed"):
        feed.never("W", within=0.02)
    replayed = bx.replay(played(5), speed=float("inf"))
    replayed.wait(5, timeout=10)
    replayed.stop()
    replayed.never("W", within=0.02)


def test_all_expected_events_come_in_any_order(feed: Feed) -> None:
    """They are returned in the order of the list."""
    store(feed, event("c"), event("b", b'{"n":2}'), event("x"), event("a"))
    found = feed.expect_all(
        ["a", {"command": "b", "params": {"n": 2}}, [("command", "==", "c")]], within=1
    )
    assert [one.command for one in found] == ["a", "b", "c"]


def test_each_expectation_needs_an_event_of_its_own(feed: Feed) -> None:
    """Two that are alike need two; a wide one leaves the event that a narrow one needs."""
    store(feed, event("a", b'{"n":1}'), event("a", b'{"n":2}'))
    found = feed.expect_all(["a", {"command": "a", "params": {"n": 1}}], within=1)
    assert [one.params["n"] for one in found] == [2, 1]
    store(feed, event("a"))
    with pytest.raises(ExpectationFailed, match="1 of 2 expected events came, not command='a'"):
        feed.expect_all(["a", "a"], within=0.05)


def test_a_failure_lists_what_is_missing_and_passes_nothing(feed: Feed) -> None:
    """With the nearest events; those that came are there for the next call."""
    store(feed, event("a"), event("b", b'{"n":1}'))
    wanted: list[Any] = ["a", {"command": "b", "params": {"n": 2}}, "c"]
    with pytest.raises(ExpectationFailed) as failure:
        feed.expect_all(wanted, within=0.05)
    assert "1 of 3 expected events came, not command='b', params={'n': 2}; command='c'" in str(
        failure.value
    )
    assert 'crm b {"n":1}' in str(failure.value)
    assert feed.expect("a", within=0).command == "a"


def test_the_assignment_is_found_whatever_the_order() -> None:
    """Three expectations, each wider than the next."""
    lookup = LookupAll(expectations([lambda _: True, [("params.n", ">", 1)], {"params": {"n": 3}}]))
    rows = [event("a", b'{"n":%d}' % n) for n in (3, 2, 1)]
    assert [lookup.is_enough_with(n, row) for n, row in enumerate(rows)] == [False, False, True]
    assert [one.params["n"] for one in lookup.events] == [1, 2, 3]


@pytest.mark.parametrize("wanted", [[], "a", [7], [{"colour": 1}], None])
def test_a_list_that_is_no_list_of_expectations_is_one_sentence(feed: Feed, wanted: Any) -> None:
    """With an example."""
    with pytest.raises(SettingsError, match=r"Write such as|give command"):
        feed.expect_all(wanted)
