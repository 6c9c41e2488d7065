"""Service messages on demand: ends of channels in both formats, restarts, presence."""

from typing import Any

import pytest

from bxpull_nb.errors import SettingsError
from bxpull_nb.models import Event
from tests.support.visitor import Visitor, received, visiting

NOW = 1_800_000_000.5
START, END = "2027-01-15T10:00:00+02:00", "2027-01-15T22:00:05+02:00"


def expired(visitor: Visitor, kind: str, action: str, **options: Any) -> tuple[str, Event, str]:
    """Expire a channel; return its old id, the announcement on it, and the new id."""
    before = visitor.channel(kind)
    with visitor.listen(before) as websocket:
        mid = visitor.sandbox.expire_channel(kind, action, **options)
        (event,) = received(websocket, 1)
        after = visitor.channel(kind)
        published = visitor.sandbox.publish("next", channel=kind)
        with visitor.listen(after, mid=mid) as successor:
            assert [event.mid for event in received(successor, 1)] == [published]
        with pytest.raises(TimeoutError):
            websocket.recv(0.05)  # open, but silent
    assert (event.mid, event.module_id, event.command) == (mid, "pull", "channel_expire")
    assert before != after
    return before, event, after


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("kind", ["shared", "private"])
def test_an_end_is_announced_as_the_guide_writes_it(version: int, kind: str) -> None:
    """The successor is in a `reconnect`, and not in a `get_config`."""
    with visiting(server_version=version, now=lambda: NOW) as visitor:
        before, event, after = expired(visitor, kind, "reconnect")
        assert event.params == {
            "action": "reconnect",
            "channel": {"id": before, "type": kind},
            "new_channel": {"id": after, "start": START, "end": END, "type": kind},
        }
        before, event, _ = expired(visitor, kind, "get_config")
        assert event.params == {"action": "get_config", "channel": {"id": before, "type": kind}}


def test_an_end_is_announced_as_portals_write_it() -> None:
    """The type is the application, the id lacks the public part, `start` is a number."""
    with visiting(server_version=4, now=lambda: NOW) as visitor:
        application = visitor.sandbox.client_id
        before, event, after = expired(visitor, "shared", "reconnect", portal_style=True)
        assert event.params == {
            "action": "reconnect",
            "channel": {"id": before, "type": application},
            "new_channel": {"id": after, "start": 1_800_000_000, "end": END, "type": application},
        }
        before, event, _ = expired(visitor, "private", "get_config", portal_style=True)
        named = event.params["channel"]["id"]
        assert (event.params["action"], event.params["channel"]["type"]) == (
            "get_config",
            application,
        )
        assert (named[:33], len(named)) == (f"{before[:32]}.", 73)
        with visitor.listen(named):
            pass  # it is signed all the same


def test_a_portal_replaces_a_private_channel_by_a_wrong_one() -> None:
    """It is the shared one of the web interface, without events of the application."""
    with visiting(server_version=4) as visitor:
        _, event, after = expired(visitor, "private", "reconnect", portal_style=True)
        wrong = event.params["new_channel"]["id"]
        assert wrong[:32] != after[:32]
        assert wrong[:32] != visitor.channel("shared")[:32]
        with visitor.listen(wrong) as websocket:
            visitor.sandbox.publish("c", channel=["shared", "private"])
            with pytest.raises(TimeoutError):
                websocket.recv(0.05)


def test_an_end_arrives_by_token_too() -> None:
    """It is stored, so it also comes on resuming."""
    with visiting(server_version=5) as visitor:
        token = visitor.config()["jwt"]
        with visitor.attend(token=token, jsonRpc="true") as websocket:
            mids = [visitor.sandbox.expire_channel(kind) for kind in ("shared", "private")]
            assert [event.mid for event in received(websocket, 2)] == mids
        with visitor.attend(token=token, jsonRpc="true", mid="0" * 26) as websocket:
            assert [event.mid for event in received(websocket, 2)] == mids


@pytest.mark.parametrize("command", ["config_expire", "server_restart"])
def test_the_portal_can_announce_things(command: str) -> None:
    """It comes on that channel, without params, and not again on resuming."""
    with visiting(server_version=4) as visitor:
        for kind in ("shared", "private"):
            with visitor.listen(visitor.channel(kind)) as websocket:
                mid = visitor.sandbox.announce(command, channel=kind)
                (event,) = received(websocket, 1)
            assert (event.mid, event.module_id, event.command) == (mid, "pull", command)
            assert event.params == []
            assert event.server_time_unix is not None
        with visitor.listen(visitor.channel(), mid="0" * 26) as websocket:
            last = visitor.sandbox.publish("c")
            assert [event.mid for event in received(websocket, 1)] == [last]


def test_presence_is_sent_on_the_shared_channel() -> None:
    """A user goes online and offline."""
    with visiting() as visitor, visitor.listen(visitor.channel()) as websocket:
        for online in (True, False):
            visitor.sandbox.presence(7, online)
        events = received(websocket, 2)
    assert [(event.module_id, event.command) for event in events] == [
        ("online", "userStatusChange")
    ] * 2
    assert [event.params for event in events] == [
        {"user_id": 7, "online": True},
        {"user_id": 7, "online": False},
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda sandbox: sandbox.expire_channel("private"),
        lambda sandbox: sandbox.expire_channel("shared", "dance"),
        lambda sandbox: sandbox.announce("config_expire", channel="private"),
        lambda sandbox: sandbox.close_connections(1006),
        lambda sandbox: sandbox.close_connections(5000),
    ],
)
def test_what_cannot_be_announced_is_refused(use: Any) -> None:
    """The error names the option; no channel ends."""
    with visiting(private=False) as visitor:
        channel = visitor.channel()
        with pytest.raises(SettingsError, match=r"=.*: (take|this sandbox)"):
            use(visitor.sandbox)
        assert visitor.channel() == channel
