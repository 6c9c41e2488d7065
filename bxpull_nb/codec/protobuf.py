"""The binary dialect of push servers of version 4: protobuf around JSON bodies."""

from collections.abc import Sequence

import msgspec
from google.protobuf.message import DecodeError

from bxpull_nb.codec import push_pb2 as pb
from bxpull_nb.codec.base import Body, body_event, loose_event
from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record

__all__ = ["ProtobufCodec"]

_decode_body = msgspec.json.Decoder(Body).decode
_SENDERS = {pb.UNKNOWN: "unknown", pb.CLIENT: "client", pb.BACKEND: "backend"}
_SENDER_TYPES = {name: number for number, name in _SENDERS.items()}


class ProtobufCodec:
    """ResponseBatch frames; a message's `created` is not trusted over `extra`."""

    dialect = "protobuf"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> list[Record]:
        """The frame's messages in order; what cannot be read comes as BadFrame, never raised."""
        data = frame if isinstance(frame, bytes) else frame.encode(errors="replace")
        try:
            batch = pb.ResponseBatch.FromString(data)
        except DecodeError:
            shown = data.decode(errors="replace")
            return [BadFrame(shown, "not a protobuf ResponseBatch", None, arrival, is_torn=True)]
        return [
            _record(message, arrival)
            for response in batch.responses
            for message in response.outgoingMessages.messages
        ]

    def encode(self, messages: Sequence[Message]) -> bytes:
        """One ResponseBatch with all the messages in one response."""
        outgoing = pb.OutgoingMessagesResponse(messages=map(_outgoing, messages))
        return pb.ResponseBatch(
            responses=[pb.Response(outgoingMessages=outgoing)]
        ).SerializeToString()


def _record(message: pb.OutgoingMessage, arrival: Arrival) -> Record:
    mid, body = message.id.hex(), message.body
    sender = _sender_of(message)
    try:
        if not body.isascii():
            body.decode()  # params are kept unread, and the log takes UTF-8 only
        return body_event(mid, _decode_body(body), None, arrival, sender)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _loose_record(mid, body, arrival, sender)


def _loose_record(mid: str, body: bytes, arrival: Arrival, sender: str | None) -> Record:
    try:
        return loose_event(mid, msgspec.json.decode(body.decode()), arrival, None, sender)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return BadFrame(body.decode(errors="replace"), f"not JSON: {exc}", mid, arrival)


def _sender_of(message: pb.OutgoingMessage) -> str | None:
    sender = message.sender  # an empty one where the message has none
    kind, public_id = sender.type, sender.id
    if not kind and not message.HasField("sender"):
        return None
    name = _SENDERS.get(kind, "unknown")
    return f"{name}:{public_id.hex()}" if public_id else name


def _outgoing(message: Message) -> pb.OutgoingMessage:
    return pb.OutgoingMessage(
        id=bytes.fromhex(message.mid),
        body=message.body.encode(),
        expiry=message.expiry,
        created=message.created & 0xFFFFFFFF,
        sender=pb.Sender(
            type=_SENDER_TYPES[message.sender_type], id=bytes.fromhex(message.sender_id)
        ),
    )
