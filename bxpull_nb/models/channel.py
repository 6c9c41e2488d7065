"""Channels of a connection config, and public channels of other users."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bxpull_nb.masking import mask
from bxpull_nb.models.fields import mapping_of, missing_field, time_of, whole_number
from bxpull_nb.models.html import html_table

__all__ = ["CHANNEL_TYPES", "Channel", "PublicChannel", "public_channels"]

CHANNEL_TYPES = ("shared", "private")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel: a subscription secret with a beginning and an end."""

    type: str
    id: str
    """The secret that lets its holder listen until `end`. Masked in every repr."""
    start: datetime
    """UTC."""
    end: datetime
    """UTC; the portal replaces the channel after it."""
    public_id: str | None = None
    """The address others publish to; private channels of a version 4 server only."""
    extra: dict[str, Any] = {}

    @classmethod
    def from_answer(cls, kind: str, answer: Mapping[str, Any]) -> "Channel":
        """Return the typed channel; raises MissingField without `id`, `start` or `end`."""
        for field in ("id", "start", "end"):
            if not answer.get(field):
                raise missing_field(f"channels.{kind}.{field}")
        return cls(
            type=str(answer.get("type") or kind),
            id=str(answer["id"]),
            start=time_of(answer["start"], f"channels.{kind}.start"),
            end=time_of(answer["end"], f"channels.{kind}.end"),
            public_id=answer.get("public_id") or None,
            extra={k: v for k, v in answer.items() if k not in cls.__struct_fields__},
        )

    def to_record(self, now: datetime, *, reveal: bool = False) -> dict[str, Any]:
        """Return the channel as one flat dict; `expires_in` and `active` are those at `now`."""
        show = _show(reveal)
        return {
            "type": self.type,
            "id": show(self.id),
            "public_id": show(self.public_id),
            "start": self.start,
            "end": self.end,
            "expires_in": self.end - now,
            "active": self.start <= now < self.end,
        }

    def __repr__(self) -> str:
        return f"Channel({self.type[:40]!r}, id={mask(self.id)!r}, end={self.end.isoformat()})"

    def _repr_html_(self) -> str:
        shown = {"type": self.type, "id": mask(self.id), "start": self.start, "end": self.end}
        public = {"public_id": mask(self.public_id)} if self.public_id else {}
        return html_table({**shown, **public}.items())


class PublicChannel(msgspec.Struct, frozen=True, kw_only=True):
    """The public channel of a user: the address to publish to."""

    user_id: int
    public_id: str
    signature: str
    start: datetime | None = None
    end: datetime | None = None

    def __repr__(self) -> str:
        return f"PublicChannel(user_id={self.user_id}, public_id={mask(self.public_id)!r})"


def public_channels(value: Any) -> dict[str, PublicChannel]:
    """Return the public channels of an answer, by user id."""
    found = {}
    for user, channel in mapping_of(value).items():
        if not isinstance(channel, Mapping) or not channel.get("public_id"):
            continue
        found[str(user)] = PublicChannel(
            user_id=whole_number(channel.get("user_id", user)) or 0,
            public_id=str(channel["public_id"]),
            signature=str(channel.get("signature", "")),
            start=time_of(channel["start"], "publicChannels.start")
            if channel.get("start")
            else None,
            end=time_of(channel["end"], "publicChannels.end") if channel.get("end") else None,
        )
    return found


def _show(reveal: bool) -> Any:
    return (lambda text: text) if reveal else (lambda text: mask(text) if text else text)
