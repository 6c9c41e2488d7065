"""Publishing events: the body of a message, and the channels that it goes to."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from bxpull_nb.errors import SettingsError
from bxpull_nb.masking import quoted, reason_of
from bxpull_nb.sandbox.channels import Channels
from bxpull_nb.sandbox.clock import iso_time
from bxpull_nb.sandbox.push.broker import Broker

__all__ = ["EVENT_EXPIRY", "Publisher", "event_body"]

EVENT_EXPIRY = 86400
"""Seconds the push server stores an application's event."""
_SERVER_NAME = "bxpull-sandbox"
_SENDERS = ("backend", "client")
_OTHER_USER = 7
_encode = msgspec.json.Encoder().encode
_iso_second = lru_cache(maxsize=4)(iso_time)


class Publisher:
    """Publishes events of the portal to its current channels, through the push server's broker."""

    def __init__(
        self,
        broker: Broker,
        channels: Channels,
        kinds: Sequence[str],
        now: Callable[[], float],
    ) -> None:
        self._broker = broker
        self._channels = channels
        self._kinds = kinds
        self._now = now

    def publish(
        self,
        module_id: str,
        command: str,
        params: Any,
        kinds: Sequence[str],
        expiry: int = EVENT_EXPIRY,
        moment: float | None = None,
    ) -> str:
        """Publish an event to the channels of these types, and return its mid.

        `moment` is its server time, None is now. Raises SettingsError for params that are not
        JSON, and for a channel that does not exist.
        """
        targets = self._targets(kinds)
        _check_expiry(expiry)
        moment = self._now() if moment is None else moment
        body = event_body(module_id, command, params, moment)
        return self._broker.publish(body, targets, expiry, moment)

    def publish_raw(self, body: str, kinds: Sequence[str], expiry: int, sender: str) -> str:
        """Publish a body of the back end or of a `client`, and return its mid.

        Raises SettingsError for another sender, for a body that UTF-8 cannot encode, and for a
        channel that does not exist.
        """
        if not isinstance(sender, str) or sender not in _SENDERS:
            raise SettingsError(f"sender={quoted(sender)}: take one of {', '.join(_SENDERS)}.")
        if not isinstance(body, str):
            raise SettingsError(f"body={quoted(body)}: give it as text.")
        _check_expiry(expiry)
        try:
            body.encode()
        except UnicodeEncodeError as exc:
            raise SettingsError(f"the body cannot be written as UTF-8: {exc.reason}") from exc
        is_client = sender == "client"
        public = self._channels.current("private", _OTHER_USER).public if is_client else None
        named = (sender, public or "")
        return self._broker.publish(body, self._targets(kinds), expiry, self._now(), named)

    def _targets(self, kinds: Sequence[str]) -> list[str]:
        if not kinds or not all(kind in self._kinds for kind in kinds):
            shown = ", ".join(map(quoted, kinds)) or "none"
            raise SettingsError(f"channel={shown}: this sandbox has {', '.join(self._kinds)}.")
        return [key for kind in kinds for key in self._channels.current(kind).targets]


def _check_expiry(expiry: object) -> None:
    if not isinstance(expiry, int):
        raise SettingsError(f"expiry={quoted(expiry)}: give a whole number of seconds.")


def event_body(module_id: str, command: str, params: Any, moment: float) -> str:
    """Return the JSON text of an event, as the portal publishes it.

    Raises SettingsError for params that are not JSON.
    """
    event = {
        "module_id": module_id,
        "command": command,
        "params": params,
        "extra": {
            "server_time": _iso_second(int(moment)),
            "server_time_unix": moment,
            "server_name": _SERVER_NAME,
            "revision_web": 19,
            "revision_mobile": 3,
        },
    }
    try:
        return _encode(event).decode()
    except Exception as exc:
        reason = f"{type(exc).__name__}: {reason_of(exc)}"
        raise SettingsError(
            f"the params of {quoted(command)} cannot be written as JSON ({reason})."
        ) from exc
