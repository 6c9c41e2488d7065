"""The doorbell of offline events on the application's shared channel."""

import time
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox import Sandbox
from tests.support.rest_answers import bind, result
from tests.support.visitor import Visitor, received, visiting

DELAY = 0.3  # seconds


def rings(websocket: ClientConnection, number: int) -> list[list[dict[str, Any]]]:
    """Return the params of the next doorbells; every message must be one."""
    events = received(websocket, number)
    assert {(one.module_id, one.command) for one in events} == {("rest", "event_offline")}
    return [one.params for one in events]


def change_by_rest(visitor: Visitor, *numbers: int, **params: Any) -> None:
    """Change these deals in one request."""
    query = "&fields[STAGE_ID]=WON"
    cmd = {f"deal{number}": f"crm.deal.update?id={number}{query}" for number in numbers}
    assert len(result(visitor, "batch", {"cmd": cmd, **params})["result"]) == len(numbers)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_request_rings_once_with_the_numbers_of_its_records(version: int) -> None:
    """The params are a list, with an entry for each connector."""
    with visiting(server_version=version) as visitor:
        bind(visitor)
        bind(visitor, auth_connector="mine")
        with visitor.listen(visitor.channel()) as websocket:
            visitor.sandbox.change_deal(15, STAGE_ID="WON")
            both = [{"connector_id": "", "count": 1}, {"connector_id": "mine", "count": 1}]
            assert rings(websocket, 1) == [both]
            change_by_rest(visitor, 15, 16, 17)
            assert rings(websocket, 1) == [[{**one, "count": 3} for one in both]]
            change_by_rest(visitor, 15, 16, auth_connector="mine")
            assert rings(websocket, 1) == [[{"connector_id": "", "count": 2}]]


def test_it_is_silent_without_records() -> None:
    """A change of what is not bound, and a call that changes nothing."""
    with visiting() as visitor:
        bind(visitor, "CRMCONTACT")
        with visitor.listen(visitor.channel()) as websocket:
            visitor.sandbox.change_deal(15, STAGE_ID="WON")
            result(visitor, "crm.deal.get", {"id": 15})
            visitor.sandbox.contacts.change(1, COMMENTS="called")
            assert rings(websocket, 1) == [[{"connector_id": "", "count": 1}]]


def test_a_collapsed_change_rings_too() -> None:
    """The count is that of changes; the queue has one record."""
    with visiting() as visitor:
        bind(visitor)
        with visitor.listen(visitor.channel()) as websocket:
            for stage in ("NEW", "WON"):
                visitor.sandbox.change_deal(15, STAGE_ID=stage)
            assert rings(websocket, 2) == [[{"connector_id": "", "count": 1}]] * 2
        assert len(visitor.sandbox.offline_queue()) == 1


def test_a_late_doorbell_rings_after_its_delay() -> None:
    """Each request has its own ring."""
    with visiting(doorbell="late", doorbell_delay=DELAY) as visitor:
        bind(visitor)
        with visitor.listen(visitor.channel()) as websocket:
            start = time.monotonic()
            visitor.sandbox.change_deal(15, STAGE_ID="WON")
            visitor.sandbox.change_deal(16, STAGE_ID="WON")
            assert rings(websocket, 2) == [[{"connector_id": "", "count": 1}]] * 2
            assert time.monotonic() >= start + DELAY


def test_a_merged_doorbell_rings_once_for_many_requests() -> None:
    """Requests within the delay have one ring; later ones have another."""
    with visiting(doorbell="merged", doorbell_delay=DELAY) as visitor:
        bind(visitor)
        with visitor.listen(visitor.channel()) as websocket:
            for _ in range(2):
                for number in range(15, 20):
                    visitor.sandbox.change_deal(number, STAGE_ID="WON")
                assert rings(websocket, 1) == [[{"connector_id": "", "count": 5}]]


def test_a_missing_doorbell_may_come_back_while_the_sandbox_runs() -> None:
    """The queue fills all the same; the rings that were missed never come."""
    with visiting(doorbell="missing") as visitor:
        bind(visitor)
        with visitor.listen(visitor.channel()) as websocket:
            visitor.sandbox.change_deal(15, STAGE_ID="WON")
            visitor.sandbox.doorbell = "prompt"
            visitor.sandbox.change_deal(16, STAGE_ID="WON")
            assert rings(websocket, 1) == [[{"connector_id": "", "count": 1}]]
        assert len(visitor.sandbox.offline_queue()) == 2


@pytest.mark.parametrize(
    "option", [{"doorbell": "loud"}, {"doorbell_delay": 0}, {"event_rules": "mine"}]
)
def test_options_are_checked(option: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(SettingsError, match=next(iter(option))):
        Sandbox(**option)
