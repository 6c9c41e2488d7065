"""The actions that messages of the push system ask of their clients."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bxpull_nb.listener.service_messages import ServiceAction, service_action
from bxpull_nb.models import Event
from tests.support.configs import PRIVATE, SHARED, config, seed_answer

NEW = {
    "id": "f" * 32 + "." + "1" * 40,
    "type": "shared",
    "start": "2017-06-29T00:04:00+02:00",
    "end": "2017-06-29T12:04:00+02:00",
}
REFETCH = ServiceAction(refetch=True)


def action(command: str, params: Any, kind: str | None = "shared") -> ServiceAction | None:
    """Return the action that the message asks of a lane of the guide's example config."""
    event = Event("1" * 26, "pull", command, json.dumps(params).encode())
    return service_action(event, config(seed_answer()), kind)


@pytest.mark.parametrize("command", ["config_expire", "CONFIG_EXPIRE", "server_restart"])
def test_an_expired_config_concerns_everybody(command: str) -> None:
    """The lane stays away for a while, then fetches the config again."""
    assert (
        action(command, {}) == action(command, [], None) == ServiceAction(refetch=True, pause=True)
    )


def test_the_plain_form_names_the_successor() -> None:
    """No call is needed."""
    told = action(
        "channel_expire",
        {"action": "reconnect", "channel": {"id": SHARED, "type": "shared"}, "new_channel": NEW},
    )
    assert told is not None
    assert told.channel is not None
    assert told.refetch is False
    assert (told.channel.id, told.channel.type) == (NEW["id"], "shared")
    assert told.channel.end == datetime(2017, 6, 29, 10, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "params",
    [
        {"action": "get_config", "channel": {"id": SHARED}},
        {"action": "reconnect", "channel": {"id": SHARED}},
        {"action": "reconnect", "channel": {"id": SHARED}, "new_channel": NEW | {"type": "app.1"}},
        {"action": "reconnect", "channel": {"id": SHARED}, "new_channel": {"type": "shared"}},
        {"action": "reconnect", "channel": [], "new_channel": []},
    ],
)
def test_any_doubt_about_the_successor_is_a_refetch(params: Any) -> None:
    """The portal labels channels by its own names, and sometimes offers the wrong one."""
    assert action("channel_expire", params) == REFETCH


def test_a_channel_is_known_by_its_first_digits() -> None:
    """The portal sends the private id without its public part."""
    params = {"action": "get_config", "channel": {"id": PRIVATE[:32]}}
    assert action("channel_expire", params, "private") == REFETCH
    assert action("channel_expire", params, "shared") is None
    assert action("channel_expire", params, None) == REFETCH


def test_a_start_in_whole_seconds_is_a_time_too() -> None:
    """The portal writes it as an integer."""
    new = NEW | {"start": 1498687440}
    told = action(
        "channel_expire", {"action": "reconnect", "channel": {"id": SHARED}, "new_channel": new}
    )
    assert told is not None
    assert told.channel is not None
    assert told.channel.start == datetime(2017, 6, 28, 22, 4, tzinfo=UTC)


@pytest.mark.parametrize(("command", "params"), [("channel_expire", []), ("other", {})])
def test_anything_else_asks_nothing(command: str, params: Any) -> None:
    """It is an event like others."""
    assert action(command, params) is None
