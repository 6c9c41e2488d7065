"""Codecs turn frames into events and back: four dialects with one interface, `Codec`."""

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, RecordBatch
from bxpull_nb.protocol.codec.base import Codec, bad_frame
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
    "decoded",
    "recognised",
]

_TEXT, _JSON, _JSONRPC, _PROTOBUF = TextCodec(), JsonCodec(), JsonRpcCodec(), ProtobufCodec()


def codec_for(version: int) -> Codec:
    """Return the codec for the frames of a push server of that protocol version."""
    if version >= 5:
        return _JSONRPC
    return _PROTOBUF if version == 4 else _TEXT


def decoded(
    frame: str | bytes, expected: Codec, arrival: Arrival = UNKNOWN_ARRIVAL
) -> tuple[str, RecordBatch]:
    """Return the dialect of a frame and its records; a frame that breaks a codec is a BadFrame.

    A codec returns unreadable messages as BadFrame already. This is the second line
    of defence: no message may end a lane.
    """
    codec = recognised(frame, expected)
    try:
        return codec.dialect, codec.decode(frame, arrival)
    except Exception as exc:  # noqa: BLE001 - no error of a codec may end the lane
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        reason = f"the codec failed: {type(exc).__name__}"
        return codec.dialect, RecordBatch.of([bad_frame(text, reason, arrival)])


def recognised(frame: str | bytes, expected: Codec) -> Codec:
    """Return the codec for this frame by its first characters; `expected` if they are ambiguous.

    A server of version 4 sends text where a proxy dropped its binary mode, and any text answer
    may be JSON. So the config's version is a hint; the frame is the fact.
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
