"""Frames that arrived together are decoded at once, as if each had been decoded alone."""

from itertools import permutations

import pytest

from bxpull_nb.models import Arrival, Message
from bxpull_nb.protocol.codec import Codec, JsonCodec, JsonRpcCodec, ProtobufCodec, TextCodec
from bxpull_nb.protocol.codec.joining import DecodedFrame, decoded_together

ARRIVAL = Arrival(1, "shared", "websocket")
CODECS: list[Codec] = [TextCodec(), ProtobufCodec(), JsonCodec(), JsonRpcCodec()]


def message(number: int, body: str | None = None) -> Message:
    """Return a message with this number."""
    usual = f'{{"module_id":"crm","command":"c{number}","params":{{"Ж":{number}}}}}'
    return Message(f"1795447844{number:016}", usual if body is None else body)


def alone(frames: list[str | bytes], codec: Codec) -> list[DecodedFrame]:
    """Decode each frame alone."""
    return [one for frame in frames for one in decoded_together([frame], codec, ARRIVAL)]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_whole_frames_become_one(codec: Codec) -> None:
    """The result is a frame of the same dialect with all messages in order."""
    frames = [codec.encode([message(3 * n), message(3 * n + 1)]) for n in range(20)]
    frames += [codec.encode([message(3 * n + 2)]) for n in range(20)]
    [joined] = decoded_together(frames, codec, ARRIVAL)
    assert joined.records == [r for one in alone(frames, codec) for r in one.records]
    assert len(joined.records) == 60
    assert list(joined.parts) == frames
    assert codec.decode(joined.content, ARRIVAL) == joined.records
    assert joined.dialect == codec.dialect


def hostile(codec: Codec) -> list[str | bytes]:
    """Return frames that must not spoil their neighbours."""
    whole = codec.encode([message(7, '{"module_id":"m","command":"c","params":{"a":[1,2]}}')])
    marked = '{"command":"#!NGINXNME!##!NGINXNMS!#{\\"mid\\":\\"9\\"}","params":1}'
    frames: list[str | bytes] = [
        whole[: len(whole) // 2],
        whole[:-1],
        whole[1:],
        whole[:1],
        whole[-1:],
    ]
    if codec.dialect in ("text", "protobuf"):
        frames.append(codec.encode([message(8, '{"command": not JSON')]))
    frames += ["{}", "[]", "", "null", b"", b"\n\x02\n", b"\n\xff\xff\xff\xff\xff\x7f", "]", "["]
    return [*frames, codec.encode([message(9, marked)])]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_an_unreadable_frame_spoils_no_other(codec: Codec) -> None:
    """At any place among whole frames, the records are those of frames decoded alone."""
    first, last = codec.encode([message(1)]), codec.encode([message(2)])
    for bad in hostile(codec):
        trio: tuple[str | bytes, ...] = (first, bad, last)
        for frames in permutations(trio):
            came: list[str | bytes] = list(frames)
            together, apart = decoded_together(came, codec, ARRIVAL), alone(came, codec)
            assert [r for one in together for r in one.records] == [
                r for one in apart for r in one.records
            ], (bad, frames)


def test_frames_of_two_dialects_stay_apart() -> None:
    """A proxy may drop the binary mode of a part of the frames."""
    frames: list[str | bytes] = [
        TextCodec().encode([message(1)]),
        ProtobufCodec().encode([message(2)]),
    ]
    found = decoded_together(frames, ProtobufCodec(), ARRIVAL)
    assert [one.dialect for one in found] == ["text", "protobuf"]
    assert [len(one.records) for one in found] == [1, 1]
