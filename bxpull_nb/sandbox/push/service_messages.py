"""What the portal itself says on the channels: ends of channels, restarts, presence (2.9)."""

from collections.abc import Callable, Sequence
from typing import Any

from bxpull_nb.errors import SettingsError
from bxpull_nb.sandbox.channels import Channels, IssuedChannel
from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.presence import status_key
from bxpull_nb.sandbox.push.publisher import EVENT_EXPIRY, event_body

__all__ = ["ServiceMessages"]

_ACTIONS = ("get_config", "reconnect")


class ServiceMessages:
    """Service messages, to the application's channels.

    `personal` are the channels of the portal's own web interface, `application` is what the portal
    calls the application: both turn up where they do not belong when it announces an end.
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
        """The mid of the announcement; the channel has ended, and has a successor."""
        if kind not in self._kinds:
            raise SettingsError(f"kind={kind!r}: this sandbox has {', '.join(self._kinds)}.")
        if action not in _ACTIONS:
            raise SettingsError(f"action={action!r}: take one of {', '.join(_ACTIONS)}.")
        old, new = self._channels.replace(kind)
        params = self._as_portal(action, old, new) if portal_style else _plain(action, old, new)
        return self._send("pull", "channel_expire", params, old.targets, EVENT_EXPIRY)

    def announce(self, command: str, kind: str) -> str:
        """The mid of a message of the module `pull` without params; it is not stored."""
        if kind not in self._kinds:
            raise SettingsError(f"channel={kind!r}: this sandbox has {', '.join(self._kinds)}.")
        return self._send("pull", command, [], self._channels.current(kind).targets, 0)

    def presence(self, user_id: int, online: bool) -> str:
        """The mid of the news that a user has come or gone; on the shared channel, not stored."""
        shared = self._channels.current("shared").targets
        return self._send("online", "userStatusChange", _status(user_id, online), shared, 0)

    def status(self, user_id: int, online: bool) -> None:
        """The same, to those only who asked a server of version 5 for it."""
        listening = status_key(user_id)
        if self._broker.is_online(listening):
            params = _status(user_id, online)
            self._send("online", "userStatusChange", params, [listening], 0)

    def _as_portal(self, action: str, old: IssuedChannel, new: IssuedChannel) -> dict[str, Any]:
        """As today's portals write it.

        Channels are labelled with the application, and named without their public part; the
        successor of a private channel is, by mistake, the shared channel of the web interface.
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
    """As the official guide writes it."""
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
