"""Messages saved from a frame that was cut on its way."""

import pytest

from bxpull_nb.models import Message
from bxpull_nb.protocol.codec import (
    Codec,
    JsonCodec,
    JsonRpcCodec,
    ProtobufCodec,
    TextCodec,
    decoded,
)
from bxpull_nb.protocol.codec.cut_frames import whole_messages

_BODY = '{{"module_id":"m","command":"c","params":{{"n":{},"t":"é]}}\\"#!NGINXNME!#,[{{"}}}}'
MESSAGES = [
    Message(f"1700000000{n:016}", _BODY.format(n), "-", 1700000000, 60, "backend", "")
    for n in range(1, 4)
]
CODECS = [TextCodec(), ProtobufCodec(), JsonRpcCodec(), JsonCodec()]


def numbers(frame: bytes | None, codec: Codec) -> list[int]:
    """Return the numbers of the messages in the frame, which are all readable."""
    if frame is None:
        return []
    is_binary = isinstance(codec, ProtobufCodec)
    _, records = decoded(frame if is_binary else frame.decode(), codec)
    assert not records.bad_frames
    return [int((mid or "")[10:]) for mid in records.mids]


def written(codec: Codec) -> bytes:
    """Return a frame of all messages."""
    frame = codec.encode(MESSAGES)
    return frame if isinstance(frame, bytes) else frame.encode()


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_wherever_a_frame_is_cut_the_whole_messages_are_saved(codec: Codec) -> None:
    """Each message is saved from the byte on with which it is whole, and no part of one is."""
    frame = written(codec)
    saved = [numbers(whole_messages(frame[:cut]), codec) for cut in range(len(frame) + 1)]
    assert saved == sorted(saved)
    assert [saved.index(list(range(1, n + 1))) > 0 for n in (1, 2, 3)] == [True] * 3
    third = len(frame) // 3
    assert [len(saved[at]) for at in (third - 8, third * 2 - 8)] == [0, 1]
    assert [len(saved[at]) for at in (third + 8, third * 2 + 8)] == [1, 2]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_a_frame_that_was_not_cut_stays_as_it_is(codec: Codec) -> None:
    """Callers compare it with what they gave."""
    frame = written(codec)
    assert whole_messages(frame) == frame


def test_a_text_frame_may_end_with_a_line_end() -> None:
    """It was not cut: asking for its last message again would bring the same."""
    frame = written(TextCodec()) + b"\r\n"
    assert whole_messages(frame) == frame


def test_responses_of_several_messages_each_are_saved_down_to_the_message() -> None:
    """A server may write a response for each message, or one for all."""
    frame = written(ProtobufCodec()) * 2
    assert numbers(whole_messages(frame[:-1]), ProtobufCodec()) == [1, 2, 3, 1, 2]


@pytest.mark.parametrize(
    "frame", [b"", b"ping", b"<html>", b"\x0a", b"\x0a\xff", b"\x08\x01", b"[", b"[1, 2", b'{"a": ']
)
def test_what_is_no_whole_message_is_none(frame: bytes) -> None:
    """The caller then has nothing to keep."""
    assert whole_messages(frame) is None
