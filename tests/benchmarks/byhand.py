"""What one would write by hand, and write well: the other side of every comparison.

Fair means: no needless work, the fastest spelling that people really use, the standard library
and pandas; the same values in the end; and where the two differ, less to do than ours (no
duplicates dropped, nothing said about unreadable messages).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bxpull_nb.models import Event
from bxpull_nb.protocol.codec import push_pb2

Row = dict[str, Any]

__all__ = ["DECODERS", "Row", "json_rows", "jsonrpc_rows", "protobuf_rows", "rows_of", "text_rows"]

_MESSAGE = re.compile(r"#!NGINXNMS!#(.*?)#!NGINXNME!#", re.DOTALL)
"""As in the SDKs, JavaScript and Python ones alike."""
_to_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Made once: json.dumps() with arguments makes an encoder for every call."""


def row(mid: str, body: Row, received: datetime, sender: str | None = None) -> Row:
    """One row: what the live DataFrame shows, less the lag."""
    return {
        "received_at": received,
        "server_time": datetime.fromtimestamp(body["extra"]["server_time_unix"], UTC),
        "mid": mid,
        "channel": "shared",
        "module_id": body["module_id"],
        "command": body["command"],
        "params": _to_text(body["params"]),
        "sender": sender,
        "transport": "websocket",
    }


def text_rows(frame: str) -> Iterator[Row]:
    """The rows of a text frame: a regular expression, then json.loads for each message."""
    received = datetime.now(UTC)
    for found in _MESSAGE.findall(frame):
        message = json.loads(found)
        yield row(message["mid"], message["text"], received)


def json_rows(frame: str) -> Iterator[Row]:
    """The rows of a JSON answer: one json.loads for all of it."""
    received = datetime.now(UTC)
    for message in json.loads(frame):
        yield row(message["mid"], message["text"], received)


def jsonrpc_rows(frame: str) -> Iterator[Row]:
    """The rows of a JSON-RPC frame: one json.loads for all of it."""
    received = datetime.now(UTC)
    decoded = json.loads(frame)
    for request in decoded if isinstance(decoded, list) else [decoded]:
        message = request["params"]
        sender = _SENDERS[message["sender"]["type"]]
        yield row(message["mid"], message["body"], received, sender)


def protobuf_rows(frame: bytes) -> Iterator[Row]:
    """The rows of a binary frame: the official protobuf runtime in C, json.loads for the bodies."""
    received = datetime.now(UTC)
    batch = push_pb2.ResponseBatch()
    batch.ParseFromString(frame)
    for response in batch.responses:
        for message in response.outgoingMessages.messages:
            sender = _SENDERS[message.sender.type]
            yield row(message.id.hex(), json.loads(message.body), received, sender)


_SENDERS = {0: "unknown", 1: "client", 2: "backend"}

DECODERS: dict[str, Callable[[Any], Iterator[Row]]] = {
    "text": text_rows,
    "json": json_rows,
    "jsonrpc": jsonrpc_rows,
    "protobuf": protobuf_rows,
}


def rows_of(events: Iterable[Event], *, as_text: bool = False) -> list[Row]:
    """Finished rows of events, with `params` as dicts, or as JSON text."""
    received = datetime(2026, 11, 23, 15, 29, 33, tzinfo=UTC)
    return [
        {
            "received_at": received,
            "server_time": datetime.fromtimestamp(event.server_time_unix or 0.0, UTC),
            "mid": event.mid,
            "channel": event.channel,
            "module_id": event.module_id,
            "command": event.command,
            "params": event.params_json.decode() if as_text else event.params,
            "sender": event.sender,
            "transport": "websocket",
        }
        for event in events
    ]
