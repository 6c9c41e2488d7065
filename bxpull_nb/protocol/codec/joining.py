"""Decodes frames that arrived together at once: a call for many is as cheap as one for a few."""

from collections.abc import Callable, Sequence

import msgspec

from bxpull_nb.models import Arrival, RecordBatch
from bxpull_nb.protocol.codec import Codec, decoded, recognised

__all__ = ["DecodedFrame", "decoded_together"]

_START, _END = "#!NGINXNMS!#", "#!NGINXNME!#"


class DecodedFrame(msgspec.Struct, frozen=True):
    """A frame and its records."""

    content: str | bytes
    """Several frames of one dialect joined to one that holds the messages of all, in order."""
    dialect: str
    records: RecordBatch
    parts: Sequence[str | bytes] = ()
    """The frames as they came, where several are joined."""


def decoded_together(
    frames: Sequence[str | bytes], expected: Codec, arrival: Arrival
) -> list[DecodedFrame]:
    """Return the frames decoded, joined to one where that changes no message.

    A frame that is unreadable must not spoil others: then each is decoded alone.
    """
    if len(frames) > 1:
        codec = recognised(frames[0], expected)
        join = _JOINS.get(codec.dialect)
        joined = join(frames) if join else None
        if joined is not None:
            dialect, records = decoded(joined, codec, arrival)
            if not records.bad_frames:
                return [DecodedFrame(joined, dialect, records, frames)]
    return [DecodedFrame(frame, *decoded(frame, expected, arrival)) for frame in frames]


def _join_text(frames: Sequence[str | bytes]) -> str | None:
    """Join frames that are whole by their markers: nothing is written between two messages."""
    for frame in frames:
        if not (isinstance(frame, str) and frame.startswith(_START) and frame.endswith(_END)):
            return None
    return "".join(frames)  # type: ignore[arg-type]  # all are str


def _join_json(frames: Sequence[str | bytes]) -> str | None:
    """Join JSON objects and arrays to one array."""
    items: list[str] = []
    for frame in frames:
        if not isinstance(frame, str):
            return None
        if frame.startswith("{") and frame.endswith("}"):
            items.append(frame)
        elif frame.startswith("[") and frame.endswith("]"):
            items += filter(None, [frame[1:-1].strip()])
        else:
            return None
    return f"[{','.join(items)}]"


def _join_protobuf(frames: Sequence[str | bytes]) -> bytes | None:
    """Join batches of one response each: a protobuf's repeated fields concatenate.

    The size in front must be that of the frame, or a cut frame would take the next one's bytes.
    """
    for frame in frames:
        if not (isinstance(frame, bytes) and _is_one_response(frame)):
            return None
    return b"".join(frames)  # type: ignore[arg-type]  # all are bytes


def _is_one_response(frame: bytes) -> bool:
    if frame[:1] != b"\n":
        return False
    size = shift = 0
    for at, byte in enumerate(frame[1:6], 2):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return len(frame) == at + size
    return False


_JOINS: dict[str, Callable[[Sequence[str | bytes]], str | bytes | None]] = {
    "text": _join_text,
    "json": _join_json,
    "jsonrpc": _join_json,
    "protobuf": _join_protobuf,
}
