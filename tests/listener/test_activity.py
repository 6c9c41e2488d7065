"""One lane's story, told as happenings."""

from typing import Any

from bxpull_nb.errors import ConnectionFailed
from bxpull_nb.listener.activity import LaneActivity
from bxpull_nb.models import Event, LogEntry


class Told:
    """A diary with a clock of its own, and what it told."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.happenings: list[LogEntry] = []
        self.activity = LaneActivity("shared", self.happenings.append, lambda: int(self.now * 1e9))

    def facts(self, *names: str) -> list[tuple[Any, ...]]:
        """These fields of every happening."""
        return [tuple(getattr(h, name) for name in names) for h in self.happenings]


def event(sent: float) -> Event:
    """An event made at that moment."""
    return Event("1", "m", "c", b"{}", sent)


def test_a_break_has_its_length() -> None:
    """From the first sign of it to the connection that stands, tries in between included."""
    told = Told()
    told.activity.trying("websocket")
    told.activity.connected(1_000.0, again=False)
    told.now = 1_010.0
    told.activity.lost(ConnectionFailed("broke"), stood=True)
    told.now = 1_011.0
    told.activity.lost(ConnectionFailed("refused"), stood=False)
    told.now = 1_012.5
    told.activity.connected(1_012.5, again=True)
    assert told.facts("kind", "seconds", "text") == [
        ("connected", None, "connected"),
        ("lost", None, "broke"),
        ("retried", None, "refused"),
        ("connected", 2.5, "connected after 2.5 s"),
    ]


def test_replayed_events_are_those_from_before_the_connection() -> None:
    """Counted in the frames up to the first one with something new."""
    told = Told()
    told.activity.connected(1_000.0, again=True)
    told.activity.received([event(998.0), event(999.0)])
    told.activity.received([event(999.5), event(1_001.0)])
    told.activity.received([event(999.9)])
    assert told.facts("kind", "count")[1:] == [("resumed", 2), ("resumed", 1)]


def test_a_first_connection_replays_nothing() -> None:
    """What it brings is what was asked for."""
    told = Told()
    told.activity.connected(1_000.0, again=False)
    told.activity.received([event(998.0)])
    assert told.facts("kind") == [("connected",)]


def test_changes_of_the_transport_are_told() -> None:
    """Not the first choice, and not the same again."""
    told = Told()
    for transport in ("websocket", "websocket", "polling", "websocket"):
        told.activity.trying(transport)
    assert told.facts("kind", "transport") == [
        ("fell_back", "websocket"),
        ("returned", "polling"),
    ]
