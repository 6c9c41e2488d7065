"""The text dialect of push servers up to version 3 (and of version 4 in text mode).

A message is `#!NGINXNMS!#{"id":…,"mid":…,"channel":…,"tag":…,"time":…,"text":BODY}#!NGINXNME!#`;
a frame or an HTTP body holds any number of them with nothing in between. BODY is pasted in
unchanged, so it may be anything: not JSON at all, or JSON with the markers inside a string.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import lru_cache
from typing import Any

import msgspec

from bxpull_nb.models import UNKNOWN_ARRIVAL, Arrival, Message, Record, RecordBatch
from bxpull_nb.protocol.codec.base import Envelope, bad_frame, loose_event, usual_batch

__all__ = ["TextCodec"]

_START, _END = "#!NGINXNMS!#", "#!NGINXNME!#"
_BETWEEN = _END + _START


_envelope = msgspec.json.Decoder(Envelope)
_decode_envelope, _decode_lines = _envelope.decode, _envelope.decode_lines
_json_value = json.JSONDecoder(strict=False)


class TextCodec:
    """Text frames, with the markers around every message."""

    dialect = "text"

    def decode(self, frame: str | bytes, arrival: Arrival = UNKNOWN_ARRIVAL) -> RecordBatch:
        """Return the frame's messages in order; unreadable ones become BadFrames, never errors."""
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        if text.startswith(_START) and text.endswith(_END):
            with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
                envelopes = _usual_envelopes(text)
                if envelopes is not None:
                    return usual_batch(envelopes, arrival)
        return RecordBatch.of(self._decode_carefully(text, arrival))

    def encode(self, messages: Sequence[Message]) -> str:
        """Return one text frame that holds the messages."""
        return "".join(
            f'{_START}{{"id":{int(m.mid[10:])},"mid":"{m.mid}","channel":"{m.channel}",'
            f'"tag":"{int(m.mid[10:]) % 1000:03}","time":"{_http_date(m.created)}",'
            f'"text":{m.body}}}{_END}'
            for m in messages
        )

    def _decode_carefully(self, text: str, arrival: Arrival) -> Iterator[Record]:
        """Read message by message: JSON from the start marker on, then the end marker."""
        at = 0
        while at < len(text):
            start = text.find(_START, at)
            if start != at:
                stray = text[at : len(text) if start < 0 else start]
                if stray.strip():
                    reason = "text outside of the message markers"
                    is_torn = start < 0 and not text.endswith(_END)
                    yield bad_frame(stray, reason, arrival, is_torn=is_torn)
                if start < 0:
                    return
            record, at = self._message_at(text, start + len(_START), arrival)
            yield record

    def _message_at(self, text: str, at: int, arrival: Arrival) -> tuple[Record, int]:
        """Return the message whose JSON begins at `at`, and where the next one may begin."""
        try:
            value, end = _json_at(text, at)
        except (ValueError, RecursionError) as exc:
            reason = f"not JSON: {exc}" if isinstance(exc, ValueError) else "JSON nested too deeply"
        else:
            if text.startswith(_END, end):
                return self._loose_record(value, text[at:end], arrival), end + len(_END)
            reason = "the end marker is missing after the message"
        raw, following = _up_to_end_marker(text, at)
        is_torn = following == len(text) and not text.endswith(_END)
        return bad_frame(raw, reason, arrival, is_torn=is_torn), following

    def _loose_record(self, value: Any, raw: str, arrival: Arrival) -> Record:
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            [event] = usual_batch([_decode_envelope(raw)], arrival)
            return event  # with the params as they came
        if not isinstance(value, dict) or not isinstance(value.get("mid"), str):
            return bad_frame(raw, "a message without mid", arrival)
        try:
            return loose_event(value["mid"], value.get("text"), arrival, value.get("extra"))
        except (UnicodeEncodeError, msgspec.EncodeError, RecursionError) as exc:
            return bad_frame(raw, f"cannot be written as JSON again: {exc}", arrival)


def _usual_envelopes(text: str) -> list[Envelope] | None:
    """Decode all envelopes of a frame at once, as JSON lines; None where their number differs.

    No body can hide the next message: the server writes `}` after a body and `{` before the
    next message, a sequence that JSON forbids, and a line cannot end within a string. Raises a
    decoder's error where a body holds a marker.
    """
    pieces = text.encode()[len(_START) : -len(_END)].split(_BETWEEN.encode())
    envelopes = _decode_lines(b"\n".join(pieces))
    return envelopes if len(envelopes) == len(pieces) else None


def _json_at(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON value at this place and its end; raises ValueError, RecursionError.

    Reads no further than a message can end, unless that is within a string: an error counts the
    lines of all that it was given, which is quadratic over a frame of unreadable messages.
    """
    end = text.find(_BETWEEN, at)
    while True:
        piece = text[at : len(text) if end < 0 else end]
        try:
            value, length = _json_value.raw_decode(piece)
        except json.JSONDecodeError as exc:
            if end < 0 or not exc.msg.startswith("Unterminated string"):
                raise
            end = text.find(_BETWEEN, at + 2 * len(piece))
        else:
            return value, at + length


def _up_to_end_marker(text: str, at: int) -> tuple[str, int]:
    """Return the raw text of an unreadable message, and where the next one begins.

    An end marker counts only where a message can end: before a start marker, or at the end.
    """
    between = text.find(_BETWEEN, at)
    if between >= 0:
        return text[at:between], between + len(_END)
    return text[at:].removesuffix(_END), len(text)


@lru_cache(maxsize=64)
def _http_date(second: int) -> str:
    """Return the second as an HTTP date; cached, for thousands of messages share one."""
    return formatdate(second, usegmt=True)
