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
        """The frame's messages in order; what cannot be read comes as BadFrame, never raised."""
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
        # Nearly always all are of the usual shape; if not, each is read by itself.
        with suppress(*_UNUSUAL):
            return _usual_batch(messages, arrival)
        return RecordBatch.of(_record(message, arrival) for message in messages)

    def encode(self, messages: Sequence[Message]) -> bytes:
        """One ResponseBatch with all the messages in one response."""
        outgoing = pb.OutgoingMessagesResponse(messages=map(_outgoing, messages))
        return pb.ResponseBatch(
            responses=[pb.Response(outgoingMessages=outgoing)]
        ).SerializeToString()


def _usual_batch(messages: Sequence[pb.ReadMessage], arrival: Arrival) -> RecordBatch:
    """The events of messages whose bodies have the usual shape; raises one of `_UNUSUAL`.

    Their own sender goes before that of the extra.
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
        batch.params.decode()  # raises: they are kept unread, and the log takes only UTF-8
    return batch


def _senders_of(messages: Sequence[pb.ReadMessage], extras: Sequence[Extra]) -> list[str | None]:
    """Who published them; nearly always the same one all messages of a frame."""
    told = [message.sender for message in messages]
    if told and told[0] and told.count(told[0]) == len(told):
        return [_sender_name(told[0])] * len(told)
    return [
        _sender_name(name) if name else _untold_sender(message, extra)
        for name, message, extra in zip(told, messages, extras, strict=True)
    ]


def _record(message: pb.ReadMessage, arrival: Arrival) -> Record:
    try:
        [event] = _usual_batch([message], arrival)
    except _UNUSUAL:
        return _loose_record(message, arrival)
    return event


def _loose_record(message: pb.ReadMessage, arrival: Arrival) -> Record:
    mid, body, told = message.id.hex(), message.body, message.sender
    sender = _sender_name(told) if told else _untold_sender(message, NO_EXTRA)
    try:
        return loose_event(mid, msgspec.json.decode(body.decode()), arrival, None, sender)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        return BadFrame(body.decode(errors="replace"), f"not JSON: {exc}", mid, arrival)


def _untold_sender(message: pb.ReadMessage, extra: Extra) -> str | None:
    """The sender of a message that says nothing of it; an empty one is somebody unknown too."""
    if message.HasField("sender"):
        return _sender_name(b"")
    return names_of([extra.sender])[0]


@lru_cache(maxsize=512)  # a few senders write nearly all messages
def _sender_name(told: bytes) -> str:
    """The name of a `Sender` by its bytes; damaged ones leave it unknown and cost nothing else."""
    try:
        sender = pb.Sender.FromString(told)
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
