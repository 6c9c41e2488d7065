"""Channels of a connection config, and public channels of other users."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from bxpull_nb.masking import mask, mask_text
from bxpull_nb.models.fields import mapping_of, missing_field, text_of, time_of, whole_number
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
        """Return the typed channel.

        Raises MissingField for an `id`, `start` or `end` that is absent or cannot be read.
        """
        name = f"channels.{kind}"
        for field in ("id", "start", "end"):
            if not answer.get(field):
                raise missing_field(f"{name}.{field}")
        public_id = answer.get("public_id")
        return cls(
            type=text_of(answer.get("type") or kind, f"{name}.type"),
            id=text_of(answer["id"], f"{name}.id"),
            start=time_of(answer["start"], f"{name}.start"),
            end=time_of(answer["end"], f"{name}.end"),
            public_id=text_of(public_id, f"{name}.public_id") if public_id else None,
            extra={k: v for k, v in answer.items() if k not in cls.__struct_fields__},
        )

    def to_record(self, now: datetime, *, reveal: bool = False) -> dict[str, Any]:
        """Return the channel as one flat dict; `expires_in` and `active` are those at `now`."""
        show = _show(reveal)
        return {
            "type": self.type if reveal else mask_text(self.type),
            "id": show(self.id),
            "public_id": show(self.public_id),
            "start": self.start,
            "end": self.end,
            "expires_in": self.end - now,
            "active": self.start <= now < self.end,
        }

    def __repr__(self) -> str:
        kind = mask_text(self.type)[:40]
        return f"Channel({kind!r}, id={mask(self.id)!r}, end={self.end.isoformat()})"

    def _repr_html_(self) -> str:
        shown = {
            "type": mask_text(self.type),
            "id": mask(self.id),
            "start": self.start,
            "end": self.end,
        }
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
    """Return an answer's public channels by user id. An entry without one is left out.

    Raises MissingField for an entry that cannot be read.
    """
    found = {}
    for user, channel in mapping_of(value).items():
        if isinstance(channel, Mapping) and channel.get("public_id"):
            found[str(user)] = _public_channel(str(user), channel)
    return found


def _public_channel(user: str, channel: Mapping[str, Any]) -> PublicChannel:
    name = f"publicChannels.{user}"
    user_id = whole_number(channel.get("user_id") or user)
    if user_id is None:
        raise missing_field(f"{name}.user_id", "is not a number")
    return PublicChannel(
        user_id=user_id,
        public_id=text_of(channel["public_id"], f"{name}.public_id"),
        signature=text_of(channel.get("signature") or "", f"{name}.signature"),
        start=_time_or_none(channel, name, "start"),
        end=_time_or_none(channel, name, "end"),
    )


def _time_or_none(channel: Mapping[str, Any], name: str, field: str) -> datetime | None:
    value = channel.get(field)
    return time_of(value, f"{name}.{field}") if value else None


def _show(reveal: bool) -> Any:
    return (lambda text: text) if reveal else (lambda text: mask(text) if text else text)
