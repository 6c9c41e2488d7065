"""The messages of a text answer as a JSON list, or one as an object (`format=json`)."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, BadFrame, Message, Record, RecordBatch
from bxpull_nb.protocol.codec.base import Envelope, guarded, loose_event, usual_batch

__all__ = ["JsonCodec"]


_decode_list = msgspec.json.Decoder(list[Envelope]).decode


class JsonCodec:
    """JSON without markers: the text dialect's envelopes, in a list or alone."""

    dialect = "json"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """The frame's messages in order; what cannot be read comes as BadFrame, never raised."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if not text.strip():
            return RecordBatch.of([])
        # Nearly always all are of the usual shape; if not, they are read as whatever they are.
        with suppress(msgspec.DecodeError, UnicodeError, RecursionError):
            return usual_batch(_decode_list(text), arrival)
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as exc:
            bad = BadFrame(text, f"not JSON: {exc}", None, arrival, is_torn=True)
            return RecordBatch.of([bad])
        items = value if isinstance(value, list) else [value]
        return RecordBatch.of(guarded(_record, item, text, arrival) for item in items)

    def encode(self, messages: Sequence[Message]) -> str:
        """A list of envelopes."""
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


def _record(item: Any, arrival: Arrival) -> Record:
    mid = item.get("mid") if isinstance(item, dict) else None
    if not isinstance(mid, str):
        shown = msgspec.json.encode(item).decode()
        return BadFrame(shown, "a message without mid", None, arrival)
    body = item["text"] if "text" in item else item.get("body")
    return loose_event(mid, body, arrival, item.get("extra"))
