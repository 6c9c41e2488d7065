"""The log entries of one lane."""

from typing import Any

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.models import Event
from tests.support.targets import ListTarget


class Lane:
    """A lane's activity with a clock of its own, and the entries it wrote."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.target = ListTarget()
        self.activity = LaneActivity("shared", self.target, lambda: int(self.now * 1e9))

    def facts(self, *names: str) -> list[tuple[Any, ...]]:
        """Return these fields of every entry."""
        return [tuple(getattr(h, name) for name in names) for h in self.target.entries]


def event(sent: float) -> Event:
    """Return an event made at that moment."""
    return Event("1", "m", "c", b"{}", sent)


def test_a_break_has_its_length() -> None:
    """It lasts from its first sign to the next connection, tries included."""
    lane = Lane()
    lane.activity.trying("websocket")
    lane.activity.connected(1_000.0, again=False)
    lane.now = 1_010.0
    lane.activity.lost(ConnectionFailed("broke"), stood=True)
    lane.now = 1_011.0
    lane.activity.lost(ConnectionFailed("refused"), stood=False)
    lane.now = 1_012.5
    lane.activity.connected(1_012.5, again=True)
    assert lane.facts("kind", "seconds", "text") == [
        ("connected", None, "connected"),
        ("lost", None, "broke"),
        ("retried", None, "refused"),
        ("connected", 2.5, "connected after 2.5 s"),
    ]


def test_replayed_events_are_those_from_before_the_connection() -> None:
    """They are counted in the frames up to the first one with something new."""
    lane = Lane()
    lane.activity.connected(1_000.0, again=True)
    lane.activity.received([event(998.0), event(999.0)])
    lane.activity.received([event(999.5), event(1_001.0)])
    lane.activity.received([event(999.9)])
    assert lane.facts("kind", "count")[1:] == [("resumed", 2), ("resumed", 1)]


def test_a_first_connection_replays_nothing() -> None:
    """It brings only what it requested."""
    lane = Lane()
    lane.activity.connected(1_000.0, again=False)
    lane.activity.received([event(998.0)])
    assert lane.facts("kind") == [("connected",)]


def test_changes_of_the_transport_are_told() -> None:
    """The first choice and an unchanged one are not logged."""
    lane = Lane()
    for transport in ("websocket", "websocket", "polling", "websocket"):
        lane.activity.trying(transport)
    assert lane.facts("kind", "transport") == [
        ("fell_back", "websocket"),
        ("returned", "polling"),
    ]
