"""Frames to events and back: four dialects of one shape, `Codec`."""

from bxpull_nb.protocol.codec.base import Codec
from bxpull_nb.protocol.codec.json import JsonCodec
from bxpull_nb.protocol.codec.jsonrpc import JsonRpcCodec, RpcAnswer
from bxpull_nb.protocol.codec.protobuf import ProtobufCodec
from bxpull_nb.protocol.codec.text import TextCodec

__all__ = [
    "Codec",
    "JsonCodec",
    "JsonRpcCodec",
    "ProtobufCodec",
    "RpcAnswer",
    "TextCodec",
    "codec_for",
    "recognised",
]

_TEXT, _JSON, _JSONRPC, _PROTOBUF = TextCodec(), JsonCodec(), JsonRpcCodec(), ProtobufCodec()


def codec_for(version: int) -> Codec:
    """The codec a push server of that protocol version talks."""
    if version >= 5:
        return _JSONRPC
    return _PROTOBUF if version == 4 else _TEXT


def recognised(frame: str | bytes, expected: Codec) -> Codec:
    """The codec this very frame is for, by its first characters; `expected` when they do not tell.

    A server of version 4 sends text when binary mode was not understood on the way, and any
    text answer may be JSON: the config's version is a hint, the frame is the fact.
    """
    if isinstance(frame, bytes):
        if frame[:1] not in (b"#", b"[", b"{"):
            return expected if frame[:1] != b"\n" else _PROTOBUF
        head = frame[:200].decode(errors="replace")
    else:
        head = frame[:200]
    if head.startswith("#!NGINXNMS!#"):
        return _TEXT
    if head.startswith(("[", "{")):
        return _JSONRPC if '"jsonrpc"' in head else _JSON
    return expected
