"""The dialect of push servers from version 5 on: JSON-RPC in both directions.

The server sends `incoming.message` requests, alone or in arrays, and the word `ping` in between;
the client answers `mack:<mid>` and `pong`, and may call methods of its own.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record, RecordBatch
from bxpull_nb.protocol.codec.base import (
    NO_SENDER,
    Body,
    Extra,
    json_records,
    loose_event,
    sender_name,
    usual_batch,
)

__all__ = ["JsonRpcCodec", "RpcAnswer"]

_NoObject = str | int | float | bool | list[Any] | None


class _Params(msgspec.Struct, gc=False):
    mid: str
    body: Body
    sender: msgspec.Raw = NO_SENDER
    extra: Extra | None = None
    user_params: Any = None
    dictionary: Any = None


class _Incoming(msgspec.Struct, gc=False):
    method: Literal["incoming.message"]
    params: _Params


class _Response(msgspec.Struct, gc=False):
    id: Any = None
    method: Any = UNSET
    result: Any = None
    error: Any = None


_decode_usual = msgspec.json.Decoder(list[_Incoming] | _Incoming).decode
_decode_answers = msgspec.json.Decoder(list[_Response | _NoObject] | _Response).decode


class RpcAnswer(msgspec.Struct, frozen=True):
    """The server's answer to a call of this client."""

    id: int
    result: Any = None
    error: dict[str, Any] | None = None


class JsonRpcCodec:
    """JSON-RPC frames: `decode` returns the messages, `answers` the answers to our calls."""

    dialect = "jsonrpc"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """Return the frame's messages in order; unreadable ones become BadFrames, never errors."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if text in ("ping", "pong", ""):
            return RecordBatch.of([])
        # Nearly always all have the usual shape; if not, they are read one by one.
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            return _usual(text, arrival)
        return RecordBatch.of(json_records(text, _usual, _record, arrival))

    def encode(self, messages: Sequence[Message]) -> str:
        """Return one message as an object, several as an array."""
        requests = [_request(message) for message in messages]
        content = requests[0] if len(requests) == 1 else requests
        return msgspec.json.encode(content).decode()

    @staticmethod
    def answers(frame: str) -> list[RpcAnswer]:
        """Return the answers in the frame; an error is the server's `{code, message}`."""
        if '"jsonrpc"' not in frame:
            return []
        try:
            decoded = _decode_answers(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return []
        items = decoded if isinstance(decoded, list) else [decoded]
        return [
            RpcAnswer(item.id, item.result, _error(item.error))
            for item in items
            if isinstance(item, _Response) and item.method is UNSET and isinstance(item.id, int)
        ]

    @staticmethod
    def call(number: int, method: str, params: dict[str, Any]) -> str:
        """Return the frame that calls a method of the server."""
        call = {"jsonrpc": "2.0", "method": method, "params": params, "id": number}
        return msgspec.json.encode(call).decode()


def _usual(text: str, arrival: Arrival) -> RecordBatch:
    usual = _decode_usual(text)
    requests = usual if isinstance(usual, list) else [usual]
    messages = [request.params for request in requests]
    _overlay(messages)
    return usual_batch(messages, arrival, [message.sender for message in messages])


def _overlay(messages: list[_Params]) -> None:
    for message in messages:
        if message.user_params is not None or message.dictionary is not None:
            message.body.params = _overlaid(message)


def _overlaid(message: _Params) -> msgspec.Raw:
    over = _objects(message.user_params, message.dictionary)
    if not over:
        return message.body.params
    params = msgspec.json.decode(message.body.params)
    return msgspec.Raw(msgspec.json.encode(_laid_over(params, over)))


def _objects(*values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)]


def _is_answer(item: Any) -> bool:
    return isinstance(item, dict) and "id" in item and "method" not in item


def _record(item: Any, arrival: Arrival) -> Record | None:
    """Return the record of a request; None for the answer to a call."""
    if _is_answer(item):
        return None
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
    """Return the body with `user_params` and `dictionary` merged over its params."""
    body = message.get("body")
    if isinstance(body, str):
        body = _as_json(body)
    over = _objects(message.get("user_params"), message.get("dictionary"))
    if not over or not isinstance(body, dict):
        return body
    return body | {"params": _laid_over(body.get("params"), over)}


def _laid_over(params: Any, over: list[dict[str, Any]]) -> dict[str, Any]:
    merged = dict(params) if isinstance(params, dict) else {}
    for values in over:
        merged |= values
    return merged


def _as_json(text: str) -> Any:
    """Return the decoded JSON text; any other text comes back unchanged."""
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
