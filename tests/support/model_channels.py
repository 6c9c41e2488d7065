"""The channels of a modelled portal: each has an end, and a successor with another id."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.support.configs import PRIVATE, SHARED

__all__ = ["ModelChannel", "ModelChannels", "expiry", "kind_of"]

_FIRST = {"shared": SHARED, "private": PRIVATE}
_HEX = 32  # digits of an id that distinguish channels
_BEGUN = "2026-01-01T00:00:00+00:00"
_FAR = 4e9  # Unix seconds: in the next century


class ModelChannel(msgspec.Struct, frozen=True):
    """One channel; `end` in Unix seconds by the portal's clock."""

    kind: str
    id: str
    end: float

    def answer(self) -> dict[str, Any]:
        """Return it as a config or an announcement has it."""
        end = datetime.fromtimestamp(self.end, UTC).isoformat()
        return {"type": self.kind, "id": self.id, "start": _BEGUN, "end": end}


class ModelChannels:
    """The channel of each type that is in force; `now` is the portal's clock in Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.known: set[str] = set()
        """The ids that the present process of the client was given."""
        self.current = {kind: ModelChannel(kind, id_, _FAR) for kind, id_ in _FIRST.items()}
        self._given: set[str] = set()
        self._now = now
        self._count = 0

    def may_end(self, kind: str) -> bool:
        """Whether the client was given the channel: else no process could ever ask for it."""
        return self.current[kind].id in self._given

    def replace(self, kind: str, lifetime: float | None) -> tuple[ModelChannel, ModelChannel]:
        """Replace the channel by one that lives so long; return both."""
        self._count += 1
        old, end = self.current[kind], _FAR if lifetime is None else self._now() + lifetime
        new_id = f"{self._count:0{_HEX}x}{_FIRST[kind][_HEX:]}"
        new = self.current[kind] = ModelChannel(kind, new_id, end)
        return old, new

    def replace_ended(self) -> None:
        """Replace the channels that have ended, as a portal does when it uses them."""
        for kind, channel in list(self.current.items()):
            if channel.end <= self._now() and self.may_end(kind):
                self.replace(kind, None)

    def answer(self) -> dict[str, Any]:
        """Return the channels as a config has them, and note that the client has them now."""
        self.replace_ended()
        self.give(*(channel.id for channel in self.current.values()))
        return {kind: channel.answer() for kind, channel in self.current.items()}

    def give(self, *ids: str) -> None:
        """Note that the client has these ids now."""
        self.known.update(ids)
        self._given.update(ids)

    @property
    def are_known(self) -> bool:
        """Whether the present process of the client was given every channel in force."""
        return self.known >= {channel.id for channel in self.current.values()}


def expiry(old: ModelChannel, new: ModelChannel, action: str) -> Mapping[str, Any]:
    """Return the params of the message that announces the successor of a channel."""
    params = {"action": action, "channel": {"id": old.id, "type": old.kind}}
    return params | ({"new_channel": new.answer()} if action == "reconnect" else {})


def kind_of(channel_id: str) -> str:
    """Return the type of the channel with this id: only private ones have a public part."""
    return "private" if ":" in channel_id else "shared"
