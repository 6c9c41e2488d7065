"""Planted changes of the demo traffic: from a set event on, its shape is another one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bxpull_nb.sandbox.demo_event import DemoEvent

__all__ = ["DRIFTS", "Drift", "drifted"]

_DEALS = ("dealAdd", "dealUpdate", "dealMove")


@dataclass(frozen=True)
class Drift:
    """One planted change, of one command."""

    kind: str
    """`renamed path`, `new value`, `type changed`, `command vanished` or `new command`."""
    module_id: str
    command: str
    path: str | None = None
    before: Any = None
    """The path, type or command of before."""
    after: Any = None
    """The path, value, type or command that comes now."""

    def is_shown_by(self, event: DemoEvent) -> bool:
        """Whether an event after the change shows it; any event shows a vanished command."""
        if self.kind == "command vanished":
            return True
        if (event.module_id, event.command) != (self.module_id, self.command):
            return False
        return self.kind != "new value" or event.params.get(str(self.path)) == self.after


_OWNER = ("responsible_id", "assigned_by_id")

DRIFTS = (
    *(Drift("renamed path", "crm", name, _OWNER[0], *_OWNER) for name in _DEALS),
    *(Drift("new value", "crm", name, "currency", None, "KZT") for name in _DEALS),
    Drift("type changed", "tasks", "comment_add", "messageId", "integer", "string"),
    Drift("command vanished", "im", "messageLike", None, "messageLike", None),
    Drift("new command", "disk", "documentReplaced", None, None, "documentReplaced"),
)
"""All planted changes."""


def drifted(events: Iterator[DemoEvent], after: int) -> Iterator[DemoEvent]:
    """Yield the events, those after the first `after` ones with every planted change."""
    for number, event in enumerate(events):
        if number < after:
            yield event
        elif event.command != "messageLike":
            yield _changed(event)


def _changed(event: DemoEvent) -> DemoEvent:
    if event.command in _DEALS:
        return event._replace(params=_of_deal(event.params))
    if event.command == "comment_add":
        params = {**event.params, "messageId": str(event.params["messageId"])}
        return event._replace(params=params)
    if event.command == "documentUploaded" and event.params["version"] > 1:
        return event._replace(command="documentReplaced")
    return event


def _of_deal(params: dict[str, Any]) -> dict[str, Any]:
    """Return a deal with another key for its owner, every third one in another currency."""
    old, new = _OWNER
    renamed = {new if key == old else key: value for key, value in params.items()}
    return renamed | ({"currency": "KZT"} if params["id"] % 3 == 0 else {})
