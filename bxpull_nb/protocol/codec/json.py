"""The JSON dialect (`format=json`): a list of messages, or one message as an object."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record, RecordBatch
from bxpull_nb.protocol.codec.base import Envelope, json_records, loose_event, usual_batch

__all__ = ["JsonCodec"]


_decode_list = msgspec.json.Decoder(list[Envelope]).decode


class JsonCodec:
    """JSON without markers: the text dialect's envelopes, in a list or alone."""

    dialect = "json"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """Return the frame's messages in order; unreadable ones become BadFrames, never errors."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if not text.strip():
            return RecordBatch.of([])
        # Nearly always all have the usual shape; if not, they are read one by one.
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            return _usual(text, arrival)
        return RecordBatch.of(json_records(text, _usual, _record, arrival))

    def encode(self, messages: Sequence[Message]) -> str:
        """Return a list of envelopes."""
        envelopes = [
            {
                "id": int(message.mid[10:]),
                "mid": message.mid,
                "channel": message.channel,
                "text": msgspec.Raw(message.body.encode()),
            }
            for message in messages
        ]
        return msgspec.json.encode(envelopes).decode()


def _usual(text: str, arrival: Arrival) -> RecordBatch:
    return usual_batch(_decode_list(text), arrival)


def _record(item: Any, arrival: Arrival) -> Record:
    mid = item.get("mid") if isinstance(item, dict) else None
    if not isinstance(mid, str):
        shown = msgspec.json.encode(item).decode()
        return BadFrame(shown, "a message without mid", None, arrival)
    body = item["text"] if "text" in item else item.get("body")
    return loose_event(mid, body, arrival, item.get("extra"))
