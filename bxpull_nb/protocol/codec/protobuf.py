"""The binary dialect of push servers of version 4: protobuf around JSON bodies."""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import msgspec
from google.protobuf.message import DecodeError

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record, RecordBatch
from bxpull_nb.protocol.codec import push_pb2 as pb
from bxpull_nb.protocol.codec.base import NO_EXTRA, Body, Extra, loose_event, names_of

__all__ = ["ProtobufCodec"]

_decode_body = msgspec.json.Decoder(Body).decode
_UNUSUAL = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SENDERS = {pb.UNKNOWN: "unknown", pb.CLIENT: "client", pb.BACKEND: "backend"}
_SENDER_TYPES = {name: number for number, name in _SENDERS.items()}


class ProtobufCodec:
    """ResponseBatch frames; a message's `created` is not trusted over `extra`."""

    dialect = "protobuf"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """Return the frame's messages in order; unreadable ones become BadFrames, never errors."""
        data = frame if isinstance(frame, bytes) else frame.encode(errors="replace")
        try:
            batch = pb.ReadBatch.FromString(data)
        except DecodeError:
            shown = data.decode(errors="replace")
            reason = "not a protobuf ResponseBatch"
            return RecordBatch.of([BadFrame(shown, reason, None, arrival, is_torn=True)])
        messages = [
            message
            for response in batch.responses
            for message in response.outgoingMessages.messages
        ]
        # Nearly always all have the usual shape; if not, they are read one by one.
        with suppress(*_UNUSUAL):
            return _usual_batch(messages, arrival)
        return RecordBatch.of(_record(message, arrival) for message in messages)

    def encode(self, messages: Sequence[Message]) -> bytes:
        """Return one ResponseBatch with all the messages in one response."""
        outgoing = pb.OutgoingMessagesResponse(messages=map(_outgoing, messages))
        return pb.ResponseBatch(
            responses=[pb.Response(outgoingMessages=outgoing)]
        ).SerializeToString()


def _usual_batch(messages: Sequence[pb.ReadMessage], arrival: Arrival) -> RecordBatch:
    """Return the events of messages whose bodies have the usual shape.

    A message's own sender goes before that of the extra. Raises one of `_UNUSUAL`.
    """
    bodies = [_decode_body(message.body) for message in messages]
    extras = [body.extra or NO_EXTRA for body in bodies]
    batch = RecordBatch(
        [message.id.hex() for message in messages],
        [body.module_id for body in bodies],
        [body.command for body in bodies],
        [body.params for body in bodies],
        [extra.server_time_unix for extra in extras],
        _senders_of(messages, extras),
        arrival,
    )
    if not batch.params.isascii():
        batch.params.decode()  # may raise: params are not parsed here, and the log takes only UTF-8
    return batch


def _senders_of(messages: Sequence[pb.ReadMessage], extras: Sequence[Extra]) -> list[str | None]:
    """Return the senders' names; nearly every frame has the same sender throughout."""
    senders = [message.sender for message in messages]
    if senders and senders[0] and senders.count(senders[0]) == len(senders):
        return [_sender_name(senders[0])] * len(senders)
    return [
        _sender_name(sender) if sender else _sender_without_field(message, extra)
        for sender, message, extra in zip(senders, messages, extras, strict=True)
    ]


def _record(message: pb.ReadMessage, arrival: Arrival) -> Record:
    try:
        [event] = _usual_batch([message], arrival)
    except _UNUSUAL:
        return _loose_record(message, arrival)
    return event


def _loose_record(message: pb.ReadMessage, arrival: Arrival) -> Record:
    mid, body = message.id.hex(), message.body
    [sender] = _senders_of([message], [NO_EXTRA])
    try:
        return loose_event(mid, msgspec.json.decode(body.decode()), arrival, None, sender)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return BadFrame(body.decode(errors="replace"), f"not JSON: {exc}", mid, arrival)


def _sender_without_field(message: pb.ReadMessage, extra: Extra) -> str | None:
    """Return the extra's sender where the message has none; an empty one is `unknown`."""
    if message.HasField("sender"):
        return _sender_name(b"")
    return names_of([extra.sender])[0]


@lru_cache(maxsize=512)  # a few senders write nearly all messages
def _sender_name(data: bytes) -> str:
    """Return the name of a serialized `Sender`; `unknown` for damaged bytes."""
    try:
        sender = pb.Sender.FromString(data)
    except DecodeError:
        return "unknown"
    name = _SENDERS.get(sender.type, "unknown")
    return f"{name}:{sender.id.hex()}" if sender.id else name


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
