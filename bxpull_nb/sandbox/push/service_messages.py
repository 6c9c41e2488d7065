"""Messages of the portal itself: ends of channels, restarts, presence (protocol 2.9)."""

from collections.abc import Callable, Sequence
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.channels import Channels, IssuedChannel
from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.publisher import EVENT_EXPIRY, event_body
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.presence import status_key

__all__ = ["ServiceMessages"]

_ACTIONS = ("get_config", "reconnect")


class ServiceMessages:
    """Sends service messages to the application's channels.

    `personal` are the channels of the portal's web interface, `application` is the application's
    id. Portals write both by mistake when they announce the end of a channel.
    """

    def __init__(
        self,
        broker: Broker,
        channels: Channels,
        personal: Channels,
        application: str,
        kinds: Sequence[str],
        now: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._channels = channels
        self._personal = personal
        self._application = application
        self._kinds = kinds
        self._now = now

    def expire(self, kind: str, action: str, *, portal_style: bool) -> str:
        """Replace a channel, announce it on the old one, and return the message's mid."""
        if kind not in self._kinds:
            raise SettingsError(f"kind={kind!r}: this sandbox has {', '.join(self._kinds)}.")
        if action not in _ACTIONS:
            raise SettingsError(f"action={action!r}: take one of {', '.join(_ACTIONS)}.")
        old, new = self._channels.replace(kind)
        params = self._as_portal(action, old, new) if portal_style else _plain(action, old, new)
        return self._send("pull", "channel_expire", params, old.targets, EVENT_EXPIRY)

    def announce(self, command: str, kind: str) -> str:
        """Send a message of the module `pull` without params; return its mid.

        Like a user's status it has no expiry, so version 3 stores it and later ones do not.
        """
        if kind not in self._kinds:
            raise SettingsError(f"channel={kind!r}: this sandbox has {', '.join(self._kinds)}.")
        return self._send("pull", command, [], self._channels.current(kind).targets, 0)

    def presence(self, user_id: int, online: bool) -> str:
        """Send a user's status on the shared channel; return the mid."""
        shared = self._channels.current("shared").targets
        return self._send("online", "userStatusChange", _status(user_id, online), shared, 0)

    def status(self, user_id: int, online: bool) -> None:
        """Send a user's status to the listeners that asked a version 5 server for it."""
        key = status_key(user_id)
        if self._broker.is_online(key):
            self._send("online", "userStatusChange", _status(user_id, online), [key], 0)

    def _as_portal(self, action: str, old: IssuedChannel, new: IssuedChannel) -> dict[str, Any]:
        """Return the params of a `channel_expire` as today's portals write them.

        The type of channels is the application, their ids lack the public part; the successor of
        a private channel is, by mistake, the shared channel of the web interface.
        """
        params: dict[str, Any] = {
            "action": action,
            "channel": {"id": self._channels.plain_id(old), "type": self._application},
        }
        if action == "reconnect":
            offered = new if new.kind == "shared" else self._personal.current("shared")
            params["new_channel"] = {
                "id": self._channels.plain_id(offered),
                "start": int(offered.start),
                "end": iso_time(offered.end),
                "type": self._application,
            }
        return params

    def _send(
        self, module_id: str, command: str, params: Any, targets: Sequence[str], expiry: int
    ) -> str:
        moment = self._now()
        body = event_body(module_id, command, params, moment)
        return self._broker.publish(body, targets, expiry, moment)


def _plain(action: str, old: IssuedChannel, new: IssuedChannel) -> dict[str, Any]:
    """Return the params of a `channel_expire` as the official guide writes them."""
    params: dict[str, Any] = {"action": action, "channel": {"id": old.signed_id, "type": old.kind}}
    if action == "reconnect":
        params["new_channel"] = {
            "id": new.signed_id,
            "start": iso_time(new.start),
            "end": iso_time(new.end),
            "type": new.kind,
        }
    return params


def _status(user_id: int, online: bool) -> dict[str, Any]:
    return {"user_id": user_id, "online": online}
