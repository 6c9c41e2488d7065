"""What messages of the push system ask of their clients (protocol 2.9): decisions, without I/O."""

from collections.abc import Mapping
from typing import Any

import msgspec

from bxpull_nb.errors import MissingField
from bxpull_nb.models import Channel, Event, PullConfig

__all__ = ["ServiceAction", "service_action"]


class ServiceAction(msgspec.Struct, frozen=True):
    """The reaction to a service message."""

    refetch: bool = False
    """Fetch the config again, then reconnect."""
    pause: bool = False
    """Wait for a random time first."""
    channel: Channel | None = None
    """Reconnect to this channel: no call is needed."""
    verify: bool = False
    """Fetch the config again only to verify a channel that a message named."""


def service_action(event: Event, config: PullConfig, kind: str | None) -> ServiceAction | None:
    """Return what the message asks of the lane that listens to `kind`; None if nothing.

    `config_expire` and `server_restart` concern every lane. `channel_expire` names the channel
    by its first 32 hex digits. Where the portal's quirks leave any doubt about the successor, the
    config is fetched again.
    """
    command = (event.command or "").lower()
    if command in ("config_expire", "server_restart"):
        return ServiceAction(refetch=True, pause=True)
    params = event.params
    if command != "channel_expire" or not isinstance(params, Mapping):
        return None
    if not _concerns(params, config, kind):
        return None
    successor = _successor(params, kind)
    return ServiceAction(refetch=successor is None, channel=successor)


def _concerns(params: Mapping[str, Any], config: PullConfig, kind: str | None) -> bool:
    ended = params.get("channel")
    name = _text(ended, "id")[:32] if isinstance(ended, Mapping) else ""
    known = [config.channels[kind]] if kind in config.channels else list(config.channels.values())
    return not name or any(channel.id.startswith(name) for channel in known)


def _successor(params: Mapping[str, Any], kind: str | None) -> Channel | None:
    """Return the announced channel, if the message is of the plain form that leaves no doubt."""
    new = params.get("new_channel")
    if _text(params, "action").lower() != "reconnect" or not isinstance(new, Mapping):
        return None
    if kind is None or new.get("type") != kind:
        return None
    try:
        return Channel.from_answer(kind, new)
    except MissingField:
        return None


def _text(fields: Mapping[str, Any], name: str) -> str:
    """Return the field; an empty text where it is no text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""
