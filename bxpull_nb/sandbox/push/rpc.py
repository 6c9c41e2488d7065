"""JSON-RPC requests of clients to a push server of version 5, and their answers."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bxpull_nb.sandbox.channels import Channels, Signer, public_key
from bxpull_nb.sandbox.push.broker import Broker
from bxpull_nb.sandbox.push.connections import Subscriber
from bxpull_nb.sandbox.push.presence import Presence, status_key
from bxpull_nb.sandbox.push.subscription import Subscription

__all__ = ["RpcRequests"]

_MESSAGES = {
    -32700: "Parse error",
    -32600: "Invalid Request",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32603: "Internal error",
}
_Params = Mapping[str, Any]


class _Failure(Exception):  # noqa: N818 - an answer of the server, not a fault of the sandbox
    """A JSON-RPC error."""

    def __init__(self, code: int) -> None:
        super().__init__(_MESSAGES[code])
        self.code = code


class RpcRequests:
    """Answers requests, alone or in arrays; user ids are integers.

    `must_fail` is called before each; True causes an internal error.
    """

    def __init__(
        self,
        signer: Signer,
        channels: Channels,
        broker: Broker,
        presence: Presence,
        now: Callable[[], float],
        must_fail: Callable[[], bool],
    ) -> None:
        self._must_fail = must_fail
        self._signer = signer
        self._channels = channels
        self._broker = broker
        self._presence = presence
        self._now = now
        self._methods: dict[str, Callable[[_Params, Subscriber, Subscription], Any]] = {
            "publish": self._publish,
            "getUsersLastSeen": self._last_seen,
            "listChannels": self._list_channels,
            "ping": lambda *_: "pong",
            "subscribeStatusChange": self._subscribe_status,
            "unsubscribeStatusChange": self._unsubscribe_status,
        }

    def answer(self, frame: str, subscriber: Subscriber, subscription: Subscription) -> str:
        """Return the answering frame, which is empty if only notifications came."""
        try:
            requests = msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _encode(_error(None, -32700))
        if not isinstance(requests, list):
            answer = self._one(requests, subscriber, subscription)
            return _encode(answer) if answer else ""
        if not requests:
            return _encode(_error(None, -32600))
        answers = [self._one(item, subscriber, subscription) for item in requests]
        answers = [answer for answer in answers if answer]
        return _encode(answers) if answers else ""

    def _one(
        self, item: Any, subscriber: Subscriber, subscription: Subscription
    ) -> dict[str, Any] | None:
        """Return the answer to one request; None for a notification, which has no id."""
        number = item.get("id") if isinstance(item, dict) else None
        try:
            result = self._result(item, subscriber, subscription)
        except _Failure as exc:
            expected = number is not None or exc.code == -32600
            return _error(number, exc.code) if expected else None
        return None if number is None else {"jsonrpc": "2.0", "result": result, "id": number}

    def _result(self, item: Any, subscriber: Subscriber, subscription: Subscription) -> Any:
        if not isinstance(item, dict) or item.get("jsonrpc") != "2.0":
            raise _Failure(-32600)
        method, params = item.get("method"), item.get("params", {})
        if not isinstance(method, str):
            raise _Failure(-32600)
        function = self._methods.get(method)
        if function is None:
            raise _Failure(-32601)
        if not isinstance(params, dict):
            raise _Failure(-32602)
        if self._must_fail():
            raise _Failure(-32603)
        return function(params, subscriber, subscription)

    def _publish(
        self, params: _Params, subscriber: Subscriber, _subscription: Subscription
    ) -> bool:
        """Publish to users by their ids, to channels by their public ids."""
        body, expiry = params.get("body"), params.get("expiry") or 0
        if body is None or not _is_number(expiry):
            raise _Failure(-32602)
        users = _numbers(params.get("userList", []))
        listed = params.get("channelList", [])
        if not isinstance(listed, list) or not (users or listed):
            raise _Failure(-32602)
        targets = [key for user in users for key in self._channels.current("private", user).targets]
        targets += [self._public_channel(item) for item in listed]
        text = msgspec.json.encode(body).decode()
        # Without a public part of the sender its id is empty.
        sender = ("client", subscriber.public or "")
        self._broker.publish(text, targets, expiry, self._now(), sender)
        return True

    def _public_channel(self, item: Any) -> str:
        """Return the broker's name of a channel: `public.signature`, or an object."""
        if isinstance(item, dict):
            item = f"{item.get('publicId') or item.get('public_id')}.{item.get('signature')}"
        public, _, signature = str(item).partition(".")
        if not self._signer.accepts_public(public, signature):
            raise _Failure(-32602)
        return public_key(public)

    def _last_seen(
        self, params: _Params, _subscriber: Subscriber, _subscription: Subscription
    ) -> dict[str, int]:
        """Return the seconds since each user was online, without users that never were."""
        users = _numbers(params.get("userList"))
        seconds = {str(user): self._presence.last_seen(user) for user in users}
        return {user: ago for user, ago in seconds.items() if ago is not None}

    def _list_channels(
        self, _params: _Params, subscriber: Subscriber, _subscription: Subscription
    ) -> list[str]:
        return [channel for channel in subscriber.channels if ":" not in channel]

    def _subscribe_status(
        self, params: _Params, _subscriber: Subscriber, subscription: Subscription
    ) -> bool:
        self._broker.add_channel(subscription, status_key(_number(params.get("userId"))))
        return True

    def _unsubscribe_status(
        self, params: _Params, _subscriber: Subscriber, subscription: Subscription
    ) -> bool:
        self._broker.remove_channel(subscription, status_key(_number(params.get("userId"))))
        return True


def _error(number: Any, code: int) -> dict[str, Any]:
    error = {"code": code, "message": _MESSAGES[code]}
    return {"jsonrpc": "2.0", "error": error, "id": number}


def _encode(content: Any) -> str:
    return msgspec.json.encode(content).decode()


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> int:
    if not _is_number(value):
        raise _Failure(-32602)
    return int(value)


def _numbers(values: Any) -> list[int]:
    if not isinstance(values, list):
        raise _Failure(-32602)
    return [_number(value) for value in values]
