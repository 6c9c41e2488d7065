"""Expectations, and how close other events come to them."""

from bxpull_nb.capture.expectation import Expectation, Nearest
from bxpull_nb.models import Arrival, BadFrame, Event
from tests.support.rows import params

SHARED = Arrival(None, "shared", "websocket")


def event(command: str, params: bytes = b"{}") -> Event:
    """Return an event of the shared channel."""
    return Event("1", "crm", command, params, arrival=SHARED)


def test_every_condition_must_be_met() -> None:
    """None means any value."""
    met = event("deal", b'{"id":5,"deep":{"a":1,"b":2}}')
    assert Expectation().is_met_by(met)
    assert Expectation(command="deal", module_id="crm", channel="shared").is_met_by(met)
    assert Expectation(params={"deep": {"b": 2}}).is_met_by(met)
    assert Expectation(where=lambda record: params(record)["id"] > 4).is_met_by(met)
    assert not Expectation(command="lead").is_met_by(met)
    assert not Expectation(channel="private").is_met_by(met)
    assert not Expectation(params={"deep": {"c": 2}}).is_met_by(met)
    assert not Expectation(params={"id": 6}).is_met_by(met)


def test_unreadable_messages_and_lists_meet_no_params() -> None:
    """They raise no error."""
    wanted = Expectation(params={"id": 1})
    assert not wanted.is_met_by(BadFrame("{", "no JSON"))
    assert not wanted.is_met_by(event("deal", b"[]"))
    assert not wanted.is_met_by(event("deal", b"{"))


def test_the_failure_shows_the_nearest_first() -> None:
    """The command counts most, then the number of equal keys."""
    nearest = Nearest(Expectation(command="deal", params={"id": 5, "stage": "WON"}))
    for record in (
        event("chat"),
        event("deal", b'{"id":4,"stage":"WON"}'),
        event("lead", b'{"id":5,"stage":"WON"}'),
        event("deal", b'{"id":1}'),
        event("chat"),
    ):
        assert not nearest.is_met_by(record)
    error = nearest.failure("none came within 2 s")
    assert isinstance(error, AssertionError)
    assert [r.params for r in error.nearest if isinstance(r, Event)] == [
        {"id": 4, "stage": "WON"},
        {"id": 1},
        {"id": 5, "stage": "WON"},
    ]
    assert str(error).splitlines()[:3] == [
        "expected an event with command='deal', params={'id': 5, 'stage': 'WON'}: "
        "none came within 2 s",
        "The nearest of 5 events:",
        '  shared crm deal {"id":4,"stage":"WON"}',
    ]


def test_nothing_at_all_is_said_so() -> None:
    """The message names the likely reason."""
    assert "No event came at all" in str(Nearest(Expectation()).failure("none came"))
