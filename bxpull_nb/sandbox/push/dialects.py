"""Frames of a push server in the dialect that the connection asked for.

Each dialect can write one message, join several written ones into a frame, and write a backlog.
Joining encodes nothing again: texts and protobuf batches are concatenated, as real servers do, so a
message is encoded once for any number of connections.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import Codec, JsonRpcCodec, ProtobufCodec, TextCodec

__all__ = ["JSON_RPC", "PROTOBUF", "TEXT", "Dialect", "Frame", "dialect_for"]

Frame = str | bytes
"""The content of one WebSocket message, or the body of one poll."""


@dataclass(frozen=True)
class Dialect:
    """One format of frames."""

    codec: Codec
    content_type: str
    """Content type of a poll's response."""
    join: Callable[[Sequence[Frame]], Frame]
    """Joins messages that are written already into one frame."""
    garbage: Frame
    """A frame that cannot be decoded."""

    def write(self, message: Message) -> Frame:
        """Encode one message, as a frame or a piece of one."""
        return self.codec.encode([message])

    def backlog(self, messages: Sequence[Message]) -> Frame:
        """Encode all messages as one frame, which is empty for none."""
        return self.codec.encode(messages) if messages else ""


class _LenientJsonRpc(JsonRpcCodec):
    """JSON-RPC with valid frames: a body that is not JSON is sent as a string."""

    def encode(self, messages: Sequence[Message]) -> str:
        return super().encode([_with_json_body(message) for message in messages])


def _with_json_body(message: Message) -> Message:
    try:
        msgspec.json.decode(message.body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        body = msgspec.json.encode(message.body).decode()
        return msgspec.structs.replace(message, body=body)
    return message


class _FastProtobuf(ProtobufCodec):
    """Protobuf that encodes single messages by hand, three times as fast as the library."""

    def encode(self, messages: Sequence[Message]) -> bytes:
        if len(messages) != 1:
            return super().encode(messages)
        (message,) = messages
        sender = (message.sender_type, message.sender_id)
        return _nested(
            _nested(
                _nested(
                    b"\x0a\x0d"
                    + bytes.fromhex(message.mid)
                    + _bytes_field(0x12, message.body.encode())
                    + _message_end(message.expiry, message.created & 0xFFFFFFFF, *sender)
                )
            )
        )


@lru_cache(maxsize=64)
def _message_end(expiry: int, created: int, sender_type: str, sender_id: str) -> bytes:
    """Encode expiry, created and sender; cached, as thousands of messages share them."""
    sender = bytes((0x08, 1 if sender_type == "client" else 2))
    if sender_id:
        sender += _bytes_field(0x12, bytes.fromhex(sender_id))
    stamp = b"\x25" + created.to_bytes(4, "little")
    return b"\x18" + _varint(expiry) + stamp + _bytes_field(0x2A, sender)


def _nested(content: bytes) -> bytes:
    """Encode the content as field 1 of the message around it."""
    return _bytes_field(0x0A, content)


def _bytes_field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _join_text(pieces: Sequence[Frame]) -> Frame:
    return "".join(map(str, pieces))


def _join_batches(pieces: Sequence[Frame]) -> Frame:
    # Protobuf joins repeated fields of concatenated encodings: one response per message.
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def _join_requests(pieces: Sequence[Frame]) -> Frame:
    return pieces[0] if len(pieces) == 1 else f"[{','.join(map(str, pieces))}]" if pieces else ""


TEXT = Dialect(TextCodec(), "text/plain", _join_text, "#!NGINXNMS!#{not JSON}#!NGINXNME!#")
PROTOBUF = Dialect(
    _FastProtobuf(), "application/octet-stream", _join_batches, b"\x0a\xff\xff\xff\xff\x07"
)
JSON_RPC = Dialect(_LenientJsonRpc(), "text/plain", _join_requests, '{"jsonrpc": not JSON}')


def dialect_for(version: int, query: Mapping[str, str]) -> Dialect:
    """Return the dialect for a connection with that query to a server of that version.

    `jsonRpc=true` from version 5 on, `binaryMode=true` from version 4 on, with exactly this
    value; otherwise text.
    """
    if version >= 5 and query.get("jsonRpc") == "true":
        return JSON_RPC
    return PROTOBUF if version >= 4 and query.get("binaryMode") == "true" else TEXT
