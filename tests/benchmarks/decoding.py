"""Frames to records, and to rows in the log, in every dialect."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from bxpull_nb.protocol.codec import (
    Codec,
    JsonCodec,
    JsonRpcCodec,
    ProtobufCodec,
    TextCodec,
    push_pb2,
)
from bxpull_nb.storage.eventlog import EventLog
from tests.benchmarks import byhand
from tests.benchmarks.material import ARRIVAL, cyrillic, frames
from tests.benchmarks.measure import Benchmark, Line, Size, faster, in_turn, within

__all__ = ["BENCHMARKS"]

_MESSAGES = 50_000
_scan = msgspec.json.Decoder(msgspec.Raw).decode
_scan_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def frame_to_rows(
    codec: Codec, times: float, how: str, size: Size, *, in_cyrillic: bool = False
) -> Sequence[Line]:
    """From frames of 50 to the rows of a log, its columns written; by hand to a list of dicts.

    By hand nothing is made of the dicts: the DataFrame that a reader wants is not in its time.
    """
    sent = frames(codec, size.of(_MESSAGES))
    if in_cyrillic:
        sent = [cyrillic(frame) for frame in sent]
    rows_of = byhand.DECODERS[codec.dialect]

    def ours() -> EventLog:
        log = EventLog()
        for frame in sent:
            log.extend(codec.decode(frame, ARRIVAL))
        assert len(log.df) == size.of(_MESSAGES)
        return log

    def theirs() -> list[byhand.Row]:
        rows: list[byhand.Row] = []
        for frame in sent:
            rows.extend(rows_of(frame))
        return rows

    mine, other = in_turn(size.rounds, ours, theirs, per=size.of(_MESSAGES))
    what = f"{codec.dialect} frame of 50{', Cyrillic' if in_cyrillic else ''} → rows"
    return [Line(what, "µs/event", mine, faster(times), how, other)]


def decode_only(codec: Codec, how: str, scan: Callable[[Any], object], size: Size) -> list[Line]:
    """Decoding against the least that can be done: the library only looks where values end."""
    sent = frames(codec, size.of(_MESSAGES))

    def ours() -> None:
        for frame in sent:
            codec.decode(frame, ARRIVAL)

    def theirs() -> None:
        for frame in sent:
            scan(frame)

    mine, other = in_turn(size.rounds, ours, theirs, per=size.of(_MESSAGES))
    return [Line(f"decode {codec.dialect}", "µs/event", mine, within(2.0), how, other)]


def scan_text(frame: str) -> object:
    """The messages of a text frame as they stand: split by the markers, each looked through."""
    pieces = frame[12:-12].split("#!NGINXNME!##!NGINXNMS!#")
    return [_scan(piece) for piece in pieces]


def untyped_text(frame: str) -> object:
    """The same, as untyped Python values."""
    pieces = frame[12:-12].split("#!NGINXNME!##!NGINXNMS!#")
    return [msgspec.json.decode(piece) for piece in pieces]


def scan_protobuf(frame: bytes) -> object:
    """The bodies of a binary frame, each looked through."""
    batch = push_pb2.ResponseBatch.FromString(frame)
    return [
        _scan(message.body)
        for response in batch.responses
        for message in response.outgoingMessages.messages
    ]


_BY_HAND = (
    (TextCodec(), 10, "regex, json.loads, dicts"),
    (ProtobufCodec(), 7, "protobuf runtime, json.loads, dicts"),
    (JsonRpcCodec(), 6, "json.loads, dicts"),
    (JsonCodec(), 7, "json.loads, dicts"),
)
_SCANS: tuple[tuple[Codec, str, Callable[[Any], object]], ...] = (
    (TextCodec(), "split, msgspec Raw scan", scan_text),
    (TextCodec(), "split, msgspec.json.decode", untyped_text),
    (ProtobufCodec(), "protobuf runtime, msgspec Raw scan", scan_protobuf),
    (JsonRpcCodec(), "msgspec Raw scan", _scan_list),
    (JsonRpcCodec(), "msgspec.json.decode", msgspec.json.decode),
    (JsonCodec(), "msgspec Raw scan", _scan_list),
    (JsonCodec(), "msgspec.json.decode", msgspec.json.decode),
)

BENCHMARKS = (
    *(
        Benchmark(f"rows-{codec.dialect}", partial(frame_to_rows, codec, times, how))
        for codec, times, how in _BY_HAND
    ),
    Benchmark(
        "rows-cyrillic",
        partial(frame_to_rows, TextCodec(), 8, "regex, json.loads, dicts", in_cyrillic=True),
    ),
    *(
        Benchmark(
            f"decode-{codec.dialect}-{'scan' if 'scan' in how else 'untyped'}",
            partial(decode_only, codec, how, scan),
        )
        for codec, how, scan in _SCANS
    ),
)
