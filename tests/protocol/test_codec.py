"""The text codec turns frames into events: recorded bytes first, round trips second."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bxpull_nb.models import BadFrame, Event, Message
from bxpull_nb.protocol.codec import TextCodec
from tests.support.paths import WIRE
from tests.support.wire import ARRIVAL, json_values

RECORDED = sorted(path.name for path in (WIRE / "text3").iterdir())


def frame(name: str) -> str:
    """Return a recorded text frame of a version 3 server."""
    return (WIRE / "text3" / f"{name}.txt").read_bytes().decode()


def decode(text: str | bytes) -> Sequence[Any]:
    """Return the frame's records, in the text dialect."""
    return TextCodec().decode(text, ARRIVAL)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("A20-ws-one-channel.frame1", [10]),
        ("A23-ws-burst-buffered.frame1", [20]),
        ("A23-ws-burst-buffered.frame2", [21, 22, 23, 24]),
        ("A24-ws-mid-resume.frame1", [22, 23, 24]),
        ("A26-ws-mid-zero-two-channels.frame1", [12, 13, 10, 11, 13, 20, 21, 22, 23, 24]),
        ("A95-redis-history-two-channels.frame1", [100, 101, 102, 103, 104, 105]),
    ],
)
def test_recorded_frames_give_their_events_in_order(name: str, numbers: list[int]) -> None:
    """The frames hold one message, a burst, a resume, and a doubled, unordered history."""
    events = decode(frame(name))
    assert [event.params["n"] for event in events] == numbers
    assert {event.module_id for event in events} == {"bxpull"}
    assert {event.command for event in events} == {"ping"}
    assert {event.server_time_unix for event in events} == {1767225600.0}
    assert all(event.arrival is ARRIVAL for event in events)


def test_a_recorded_message_is_read_to_the_last_field() -> None:
    """Mid and JSON text are exactly as they came."""
    [event] = decode(frame("A20-ws-one-channel.frame1"))
    assert event == Event(
        "17954478440000000000000005", "bxpull", "ping", b'{"n":10}', 1767225600.0, None, ARRIVAL
    )


def test_a_message_to_two_channels_comes_twice_with_one_mid() -> None:
    """The codec returns both; the session drops the duplicate."""
    both = [decode(frame(f"A22-ws-one-message-to-both-channels.frame{n}"))[0] for n in (1, 2)]
    assert [event.mid for event in both] == ["17954478440000000000000008"] * 2


def test_a_body_that_is_not_json_is_kept_as_a_bad_frame() -> None:
    """The BadFrame has the mid, the raw text and the reason."""
    [bad] = decode(frame("A30-ws-body-not-json.frame1"))
    assert isinstance(bad, BadFrame)
    assert bad.mid == "17954478440000000000000014"
    assert bad.raw.endswith('"text":hello not json}')
    assert bad.error.startswith("not JSON")


def test_unicode_markers_and_newlines_inside_a_body_are_content() -> None:
    """A split by markers would go wrong on these three bodies."""
    [cyrillic] = decode(frame("A31-ws-body-unicode.frame1"))
    [marked] = decode(frame("A34-ws-body-with-markers.frame1"))
    [broken] = decode(frame("A35-ws-body-newlines.frame1"))
    assert cyrillic.params == {"t": "Привет, мир 🌍"}
    assert marked.params == {"t": "x#!NGINXNME!#y#!NGINXNMS!#z"}
    assert broken.params == {"t": "a\nb"}


def test_a_body_that_is_no_object_becomes_the_params() -> None:
    """A published JSON string is an event without module and command."""
    [event] = decode(frame("A32-ws-body-string.frame1"))
    assert (event.module_id, event.command, event.params) == (None, None, "just a string")


def test_neighbours_of_an_unreadable_message_survive() -> None:
    """A bad message in the middle of a frame does not affect the others."""
    records = decode(
        frame("A20-ws-one-channel.frame1")
        + frame("A30-ws-body-not-json.frame1")
        + frame("A34-ws-body-with-markers.frame1")
    )
    assert [type(record) for record in records] == [Event, BadFrame, Event]
    assert records[2].params == {"t": "x#!NGINXNME!#y#!NGINXNMS!#z"}


@pytest.mark.parametrize("name", RECORDED)
def test_text_and_bytes_are_read_alike(name: str) -> None:
    """A poll's body may come as either."""
    text = (WIRE / "text3" / name).read_bytes().decode()
    assert decode(text.encode()) == decode(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("garbage", "text outside of the message markers"),
        ("#!NGINXNMS!#{}#!NGINXNME!#", "a message without mid"),
        ('#!NGINXNMS!#{"mid":5,"text":{}}#!NGINXNME!#', "a message without mid"),
        ('#!NGINXNMS!#{"mid":"1","text":{}}', "the end marker is missing after the message"),
        ("#!NGINXNMS!#" + "[" * 100_000 + "#!NGINXNME!#", "JSON nested too deeply"),
    ],
)
def test_unreadable_frames_say_why(text: str, error: str) -> None:
    """Every input becomes a row, never an exception."""
    [bad] = decode(text)
    assert bad.error == error


def test_an_empty_frame_holds_nothing() -> None:
    """An empty frame gives no rows."""
    assert decode("") == []


def test_extra_is_read_inside_and_outside_of_the_body() -> None:
    """The guide draws it next to `text`; servers write it inside."""
    inside = '{"mid":"1","text":{"module_id":"m","extra":{"server_time_unix":5.5}}}'
    beside = '{"mid":"1","text":{"module_id":"m"},"extra":{"server_time_unix":5.5}}'
    for envelope in (inside, beside):
        [event] = decode(f"#!NGINXNMS!#{envelope}#!NGINXNME!#")
        assert event.server_time_unix == 5.5


@pytest.mark.parametrize(
    ("sender", "name"),
    [
        ({"type": 2, "id": ""}, "backend"),
        ({"type": "1", "id": "abc"}, "client:abc"),
        ({"type": "CLIENT", "id": 7}, "client:7"),
        ("somebody", None),
    ],
)
def test_a_sender_is_named_in_either_spelling(sender: Any, name: str | None) -> None:
    """Types are numbers or words; anything else has no name."""
    body = msgspec.json.encode({"command": "c", "extra": {"sender": sender}}).decode()
    [event] = decode(TextCodec().encode([Message("1795447844" + "0" * 16, body)]))
    assert event.sender == name


def test_unusual_types_cost_nothing_but_speed() -> None:
    """Numbers in place of names, extra as a list and a time as text are read."""
    body = '{"module_id":1,"command":true,"params":[],"extra":[]}'
    late = '{"command":"c","extra":{"server_time_unix":"1767225600.5"}}'
    text = TextCodec().encode([Message("1795447844" + "0" * 16, b) for b in (body, late)])
    first, second = decode(text)
    assert (first.module_id, first.command, first.params) == ("1", "True", [])
    assert second.server_time_unix == 1767225600.5


def test_the_encoder_writes_what_the_server_wrote() -> None:
    """The frames are equal byte for byte, except for the tag, the server's own counter."""
    recorded = frame("A20-ws-one-channel.frame1")
    body = recorded[recorded.index('"text":') + 7 : recorded.rindex("}#!NGINXNME!#")]
    written = TextCodec().encode(
        [Message("17954478440000000000000005", body, "c" * 31 + "3", created=1795447845)]
    )
    assert written.replace('"tag":"005"', '"tag":"528"') == recorded


@given(st.lists(st.tuples(st.text(min_size=1), json_values), max_size=5))
def test_what_is_encoded_is_decoded(sent: list[tuple[str, Any]]) -> None:
    """Any command and any params, markers included, survive the round trip."""
    bodies = [
        msgspec.json.encode({"module_id": "m", "command": c, "params": p}).decode() for c, p in sent
    ]
    messages = [Message(f"1795447844{n:016}", body) for n, body in enumerate(bodies)]
    received = decode(TextCodec().encode(messages))
    assert [(event.command, event.params) for event in received] == sent
    assert [event.mid for event in received] == [message.mid for message in messages]


@given(st.text(alphabet='#!NGIXSME{}":midtext,0123 ', max_size=80))
def test_nothing_makes_the_decoder_raise(noise: str) -> None:
    """Any input becomes events or bad frames."""
    for record in decode(f"#!NGINXNMS!#{noise}#!NGINXNME!#"):
        assert isinstance(record, Event | BadFrame)


pieces_of_json = st.sampled_from(
    ["{", "}", "[", "]", '"', ",", ":", "\n", "1", '"a"', "{}", "#!NGINXNME!#", "#!NGINXNMS!#"]
)


@given(st.lists(st.lists(pieces_of_json, max_size=6), min_size=1, max_size=4))
@example([['{"a":[{"b":1'], ['1}]}},{"mid":"x","text":{}},{"mid":"y","text":{}']])  # in a list
def test_no_body_hides_the_messages_around_it(crafted: list[list[str]]) -> None:
    """Servers paste bodies in unchanged; no body may swallow another message."""
    bodies = ["".join(pieces) for pieces in crafted]
    honest = [Message(f"1795447844{n:016}", '{"command":"honest"}') for n in range(len(bodies) + 1)]
    text = TextCodec().encode([honest[0]])
    for number, body in enumerate(bodies):
        hostile = Message(f"1795447845{number:016}", body)
        text += TextCodec().encode([hostile, honest[number + 1]])
    read = [record.mid for record in decode(text) if record.command == "honest"]
    assert read == [message.mid for message in honest]


def test_a_line_in_a_body_is_no_message_of_its_own() -> None:
    """Frames are read as lines of JSON; a body may not add one."""
    message = Message("1795447844" + "0" * 16, '{}}\n{"mid":"forged","text":{}')
    [bad] = decode(TextCodec().encode([message]))
    assert (bad.mid, bad.error) == (message.mid, "the end marker is missing after the message")
