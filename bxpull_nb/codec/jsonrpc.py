"""The dialect of push servers from version 5 on: JSON-RPC, both ways.

The server sends `incoming.message` requests, alone or in arrays, and the words `ping` in between;
the client answers `mack:<mid>` and `pong`, and may call methods of its own.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from bxpull_nb.codec.base import guarded, loose_event, sender_name
from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record

__all__ = ["Answer", "JsonRpcCodec"]

_MERGED = ("user_params", "dictionary")


class Answer(msgspec.Struct, frozen=True):
    """The server's answer to a call of ours."""

    id: int
    result: Any = None
    error: dict[str, Any] | None = None


class JsonRpcCodec:
    """JSON-RPC frames. `decode` gives the messages, `answers` what was said to calls of ours."""

    dialect = "jsonrpc"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> list[Record]:
        """The frame's messages in order; what cannot be read comes as BadFrame, never raised."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if text in ("ping", "pong", ""):
            return []
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as exc:
            return [BadFrame(text, f"not JSON: {exc}", None, arrival)]
        items = value if isinstance(value, list) else [value]
        return [guarded(_record, item, text, arrival) for item in items if not _is_answer(item)]

    def encode(self, messages: Sequence[Message]) -> str:
        """One message as an object, several as an array."""
        requests = [_request(message) for message in messages]
        content = requests[0] if len(requests) == 1 else requests
        return msgspec.json.encode(content).decode()

    @staticmethod
    def answers(frame: str) -> list[Answer]:
        """The answers in the frame; an error comes as the server's `{code, message}`."""
        if '"jsonrpc"' not in frame:
            return []
        try:
            value = msgspec.json.decode(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return []
        items = value if isinstance(value, list) else [value]
        return [
            Answer(item["id"], item.get("result"), _error(item.get("error")))
            for item in items
            if _is_answer(item) and isinstance(item["id"], int)
        ]

    @staticmethod
    def call(number: int, method: str, params: dict[str, Any]) -> str:
        """The frame that calls a method of the server."""
        call = {"jsonrpc": "2.0", "method": method, "params": params, "id": number}
        return msgspec.json.encode(call).decode()


def _is_answer(item: Any) -> bool:
    return isinstance(item, dict) and "id" in item and "method" not in item


def _record(item: Any, arrival: Arrival) -> Record:
    params = item.get("params") if isinstance(item, dict) else None
    if not isinstance(params, dict) or item.get("method") != "incoming.message":
        shown = msgspec.json.encode(item).decode()
        return BadFrame(shown, "not an incoming.message", None, arrival)
    if not isinstance(params.get("mid"), str):
        shown = msgspec.json.encode(item).decode()
        return BadFrame(shown, "a message without mid", None, arrival)
    return loose_event(
        params["mid"],
        _merged(params),
        arrival,
        params.get("extra"),
        sender_name(params.get("sender")),
    )


def _merged(message: dict[str, Any]) -> Any:
    """The body, with `user_params` and `dictionary` laid over its params."""
    body = message.get("body")
    if isinstance(body, str):
        body = _as_json(body)
    over = [message[name] for name in _MERGED if isinstance(message.get(name), dict)]
    if not over or not isinstance(body, dict):
        return body
    params = body.get("params")
    merged = dict(params) if isinstance(params, dict) else {}
    for values in over:
        merged |= values
    return body | {"params": merged}


def _as_json(text: str) -> Any:
    """What a body of JSON text says; any other text is a body by itself."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return text


def _error(error: Any) -> dict[str, Any] | None:
    if error is None or isinstance(error, dict):
        return error
    return {"code": 0, "message": str(error)}


def _request(message: Message) -> dict[str, Any]:
    kind = {"unknown": 0, "client": 1, "backend": 2}[message.sender_type]
    return {
        "jsonrpc": "2.0",
        "method": "incoming.message",
        "params": {
            "mid": message.mid,
            "body": msgspec.Raw(message.body.encode()),
            "sender": {"type": kind, "id": message.sender_id},
        },
    }
