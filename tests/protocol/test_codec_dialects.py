"""The dialects other than text: recorded bytes and vectors first, round trips second."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bxpull_nb.models import BadFrame, Event, Message
from bxpull_nb.protocol.codec import (
    Codec,
    JsonCodec,
    JsonRpcCodec,
    ProtobufCodec,
    RpcAnswer,
    TextCodec,
    codec_for,
    push_pb2,
    recognised,
)
from tests.support.paths import WIRE
from tests.support.wire import ARRIVAL, json_values

RECORDED = json.loads((WIRE / "srv4-frames.json").read_bytes())
CODECS: list[Codec] = [TextCodec(), JsonCodec(), ProtobufCodec(), JsonRpcCodec()]

RESPONSE = bytes.fromhex(
    "0a570a550a530a0d1710494104000000000000000112357b226d6f64756c655f6964223a226170706c69636174696f"
    "6e222c22636f6d6d616e64223a2274222c22706172616d73223a7b7d7d1880a305257656b26a2a020802"
)
"""One message with mid 17104941040000000000000001, created 1790072438, expiry 86400, BACKEND."""

REQUEST = bytes.fromhex(
    "0a320a300a2e0a280a10fedcba9876543210fedcba98765432101a142eac15640a5846bf7edcd0b3d3fc6c8811b13e"
    "5c1a027b7d"
)
"""To one public channel, with the body {}."""


def frame_of(recorded: dict[str, Any]) -> str | bytes:
    """Return the frame as the transport gives it."""
    data = bytes.fromhex(recorded["hex"])
    return data.decode() if recorded["kind"] == "ws-text" else data


def recorded_id(recorded: dict[str, Any]) -> str:
    """Return a name for the test."""
    return f"{recorded['case']}-{recorded['kind']}"


@pytest.mark.parametrize("recorded", RECORDED, ids=recorded_id)
def test_every_recorded_frame_gives_its_messages(recorded: dict[str, Any]) -> None:
    """They come in the order of arrival, in every dialect."""
    frame = frame_of(recorded)
    records = recognised(frame, codec_for(4)).decode(frame, ARRIVAL)
    assert [record.mid for record in records if record.error is None] == recorded["mids"]


@pytest.mark.parametrize(
    "recorded", [r for r in RECORDED if r["kind"] == "ws-binary"], ids=recorded_id
)
def test_every_recorded_binary_frame_is_read_to_the_last_field(recorded: dict[str, Any]) -> None:
    """Body, sender and mid equal those of an independent decoder."""
    frame = frame_of(recorded)
    expected = [
        message
        for response in recorded["decoded"]
        for message in response.get("outgoingMessages", [])
    ]
    events = ProtobufCodec().decode(frame, ARRIVAL)
    assert len(events) == len(expected)
    for event, message in zip(events, expected, strict=True):
        body = json.loads(message["body"])
        assert event.params == body["params"]
        assert event.server_time_unix == body["extra"]["server_time_unix"]
        kind = {1: "client", 2: "backend"}[message["sender"]["type"]]
        sender = message["sender"].get("id")
        assert event.sender == (f"{kind}:{sender}" if sender else kind)


def test_the_response_vector_is_read_and_written() -> None:
    """It is equal byte for byte, explicit zeros included."""
    message = Message(
        "17104941040000000000000001",
        '{"module_id":"application","command":"t","params":{}}',
        created=1790072438,
        expiry=86400,
    )
    assert ProtobufCodec().encode([message]) == RESPONSE
    [event] = ProtobufCodec().decode(RESPONSE, ARRIVAL)
    assert event == Event(
        "17104941040000000000000001", "application", "t", b"{}", None, "backend", ARRIVAL
    )


def test_the_request_vector_is_written() -> None:
    """A client publishes with such a request."""
    receiver = push_pb2.Receiver(
        id=bytes.fromhex("fedcba9876543210fedcba9876543210"),
        signature=bytes.fromhex("2eac15640a5846bf7edcd0b3d3fc6c8811b13e5c"),
    )
    message = push_pb2.IncomingMessage(receivers=[receiver], body=b"{}")
    incoming = push_pb2.IncomingMessagesRequest(messages=[message])
    batch = push_pb2.RequestBatch(requests=[push_pb2.Request(incomingMessages=incoming)])
    assert batch.SerializeToString() == REQUEST


def binary_frame(*bodies: bytes) -> bytes:
    """Return a frame with messages of these bodies."""
    outgoing = [push_pb2.OutgoingMessage(id=bytes([n] * 13), body=b) for n, b in enumerate(bodies)]
    messages = push_pb2.OutgoingMessagesResponse(messages=outgoing)
    batch = push_pb2.ResponseBatch(responses=[push_pb2.Response(outgoingMessages=messages)])
    return batch.SerializeToString()


def test_a_binary_message_without_a_sender_is_an_event_too() -> None:
    """The official client loses such messages."""
    outgoing = push_pb2.OutgoingMessage(id=bytes(13), body=b'{"command":"c"}')
    messages = push_pb2.OutgoingMessagesResponse(messages=[outgoing])
    batch = push_pb2.ResponseBatch(responses=[push_pb2.Response(outgoingMessages=messages)])
    [event] = ProtobufCodec().decode(batch.SerializeToString())
    assert (event.command, event.sender, event.mid) == ("c", None, "0" * 26)


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        (b"", "unknown"),
        (b"\x08\x02", "backend"),
        (b"\x08\x01\x12\x01\xab", "client:ab"),
        (b"\x08\x07", "unknown"),
        (b"\x08", "unknown"),
    ],
    ids=["empty", "backend", "client", "a-type-of-later", "damaged"],
)
def test_a_binary_sender_costs_nothing_but_itself(told: bytes, sender: str) -> None:
    """A damaged sender does not hide the message; a sender goes before the extra's."""
    body = b'{"command":"c","extra":{"sender":{"type":1,"id":"cd"}}}'
    outgoing = [push_pb2.ReadMessage(id=bytes(13), body=body, sender=s) for s in (told, None)]
    messages = push_pb2.ReadMessages(messages=outgoing)
    batch = push_pb2.ReadBatch(responses=[push_pb2.ReadResponse(outgoingMessages=messages)])
    events = ProtobufCodec().decode(batch.SerializeToString())
    assert [event.sender for event in events] == [sender, "client:cd"]


def test_a_binary_body_that_is_no_json_costs_only_itself() -> None:
    """The other messages are read even where the body is not text."""
    bodies = [b'{"command":"a"}', b"oops \xff", b'{"command":"b"}', b'"text"', b"7"]
    records = ProtobufCodec().decode(binary_frame(*bodies))
    assert [type(record) for record in records] == [Event, BadFrame, Event, Event, Event]
    assert records[1].params == "oops \ufffd"
    assert records[1].mid == "01" * 13
    assert [record.params for record in records[3:]] == ["text", 7]


@pytest.mark.parametrize(
    ("frame", "mids"),
    [
        ('[{"mid":"1","text":{"command":"a"}},{"mid":"2","text":"b"}]', ["1", "2"]),
        ('{"mid":"3","text":{"command":"a"},"extra":{"server_time_unix":5}}', ["3"]),
        ('{"mid":"4","body":{"command":"a"}}', ["4"]),
        ("[]", []),
        (" ", []),
    ],
)
def test_json_answers_are_lists_or_one_object(frame: str, mids: list[str]) -> None:
    """The description of `format=json` allows both."""
    assert [record.mid for record in JsonCodec().decode(frame)] == mids


def incoming(**params: Any) -> dict[str, Any]:
    """Return a request of a version 5 server."""
    return {"jsonrpc": "2.0", "method": "incoming.message", "params": params}


def test_a_json_rpc_message_has_its_extras_laid_over_its_params() -> None:
    """`user_params` and `dictionary` are merged where they are objects."""
    request = incoming(
        mid="1",
        body={"module_id": "im", "command": "message", "params": {"a": 1, "b": 1}},
        sender={"type": 2, "id": ""},
        user_params={"b": 2},
        dictionary={"c": 3},
    )
    [event] = JsonRpcCodec().decode(json.dumps(request))
    assert (event.module_id, event.command, event.sender) == ("im", "message", "backend")
    assert event.params == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("user_params", [[], None, "x"])
def test_what_is_no_object_is_not_laid_over(user_params: Any) -> None:
    """PHP writes an empty map as a list."""
    request = incoming(mid="1", body={"params": {"a": 1}}, user_params=user_params)
    [event] = JsonRpcCodec().decode(json.dumps(request))
    assert event.params == {"a": 1}


def test_json_rpc_comes_alone_or_in_arrays_with_answers_between() -> None:
    """Messages and answers to our calls share the connection."""
    answer = {"jsonrpc": "2.0", "id": 7, "result": {"channels": []}}
    refused = {"jsonrpc": "2.0", "id": 8, "error": {"code": -32601, "message": "Method not found"}}
    frame = json.dumps([incoming(mid="1", body={}), answer, incoming(mid="2", body={}), refused])
    assert [record.mid for record in JsonRpcCodec().decode(frame)] == ["1", "2"]
    assert JsonRpcCodec.answers(frame) == [
        RpcAnswer(7, {"channels": []}),
        RpcAnswer(8, None, {"code": -32601, "message": "Method not found"}),
    ]


def test_a_json_rpc_sender_goes_before_that_of_the_extra() -> None:
    """The extra outside of the body counts where the body has none."""
    backend, client = {"type": 2, "id": ""}, {"type": 1, "id": "ab"}
    extra = {"server_time_unix": 5.5, "sender": client}
    requests = [
        incoming(mid="1", body={"extra": extra}, sender=backend),
        incoming(mid="2", body={"extra": extra}),
        incoming(mid="3", body={}, extra=extra),
        incoming(mid="4", body={}, sender={"type": 7}),
        incoming(mid="5", body={"extra": extra}, sender=None),
        incoming(mid="6", body={}),
    ]
    events = JsonRpcCodec().decode(json.dumps(requests))
    names = ["backend", "client:ab", "client:ab", "7", "client:ab", None]
    assert [event.sender for event in events] == names
    assert [event.server_time_unix for event in events] == [5.5, 5.5, 5.5, None, 5.5, None]


ODD_BODIES: list[Any] = [
    "text",
    7,
    None,
    {"module_id": 1},
    {"extra": []},
    {"extra": {"sender": "somebody"}},
    {"extra": {"sender": {"type": "2"}}},
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
@pytest.mark.parametrize("odd", ODD_BODIES, ids=str)
def test_an_odd_message_changes_nothing_about_its_neighbours(codec: Codec, odd: Any) -> None:
    """They are read in another way then, with the same result."""
    usual = {
        "module_id": "crm",
        "command": "dealAdd",
        "params": {"a": [1, "Ж"]},
        "extra": {"server_time_unix": 5.5, "sender": {"type": 1, "id": "ab"}},
    }
    bodies = [msgspec.json.encode(body).decode() for body in (usual, odd, usual)]
    messages = [
        Message(f"1795447844{n:016}", body, sender_type="client", sender_id="ab")
        for n, body in enumerate(bodies)
    ]
    alone = [codec.decode(codec.encode([message]))[0] for message in messages]
    assert codec.decode(codec.encode(messages)) == alone
    assert (alone[0].command, alone[0].sender) == ("dealAdd", "client:ab")


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_no_depth_of_nesting_raises(codec: Codec) -> None:
    """It may lie in the params, which are not parsed, or in a part that is."""
    body = f'{{"command":"c","params":{"[" * 100_000}{"]" * 100_000}}}'
    frame = codec.encode([Message("1795447844" + "0" * 16, "{}")])
    deep = frame.replace("{}", body) if isinstance(frame, str) else binary_frame(body.encode())
    [record] = codec.decode(deep)
    assert isinstance(record, Event | BadFrame)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1e400", "9" * 5_000])
def test_a_number_without_bounds_costs_no_other_message(codec: Codec, number: str) -> None:
    """It is one event without a time, or one unreadable message; it breaks no frame off."""
    hostile = f'{{"command":"c","params":1,"extra":{{"server_time_unix":{number}}}}}'
    bodies = ['{"command":"before"}', hostile, '{"command":"after"}']
    sent = [Message(f"1795447844{n:016}", body) for n, body in enumerate(bodies)]
    for messages in (sent, sent[1:2]):
        records = list(codec.decode(codec.encode(messages)))
        assert [record.mid for record in records] == [message.mid for message in messages]
        assert not any(isinstance(one, BadFrame) and one.is_torn for one in records)
    assert (records[0].command, records[0].server_time_unix) in [("c", None), (None, None)]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
def test_a_message_is_the_same_whatever_came_with_it(codec: Codec) -> None:
    """A frame that is read with care does not spell its usual messages differently."""
    message = Message("1795447844" + "0" * 16, '{"command":"c","params":[1e999, 1.50]}')
    hostile = Message("1795447844" + "0" * 15 + "1", '{"command":5,"extra":7}')
    [alone] = codec.decode(codec.encode([message]))
    together = codec.decode(codec.encode([message, hostile]))
    assert together[0] == alone


ODD_VALUES = [
    "NaN",
    "-Infinity",
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '{"a":"\\ud83d"}',
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
    '"\x00"',
    '"\\x"',
    '"a\nb"',
    "01",
    "[1,]",
    "undefined",
    "'a'",
]
"""JSON as some writers spell it, and JSON that a strict or a recursive reader refuses."""


@pytest.mark.parametrize("codec", [JsonCodec(), JsonRpcCodec()], ids=lambda codec: codec.dialect)
@pytest.mark.parametrize("odd", ODD_VALUES, ids=lambda odd: odd[:12])
@pytest.mark.parametrize("place", ["%s", '{"command":"c","params":%s}', '{"extra":{"sender":%s}}'])
def test_an_odd_item_of_an_array_costs_no_other_one(codec: Codec, odd: str, place: str) -> None:
    """The array is split by its brackets; the odd item keeps its mid, and tears nothing off."""
    bodies = ['{"command":"before"}', '"\x01"', '{"command":"after"}']
    sent = [Message(f"1795447844{n:016}", body) for n, body in enumerate(bodies)]
    for messages in (sent, sent[1:2]):
        frame = codec.encode(messages)
        assert isinstance(frame, str)
        records = list(codec.decode(frame.replace('"\x01"', place % odd)))
        assert [record.mid for record in records] == [message.mid for message in messages]
        assert not any(isinstance(one, BadFrame) and one.is_torn for one in records)
    whole = codec.decode(codec.encode(sent).replace('"\x01"', place % odd))  # type: ignore[arg-type]
    assert [whole[0].command, whole[2].command] == ["before", "after"]


@pytest.mark.parametrize("codec", [JsonCodec(), JsonRpcCodec()], ids=lambda codec: codec.dialect)
@pytest.mark.parametrize("frame", ["[NaN", "[NaN]]", '[{"a":NaN}, "', "NaN", '[NaN] "', "{"])
def test_an_array_without_its_end_is_torn(codec: Codec, frame: str) -> None:
    """Messages may be missing after it."""
    [bad] = codec.decode(frame)
    assert isinstance(bad, BadFrame)
    assert bad.is_torn


@pytest.mark.parametrize("frame", ["ping", "pong", ""])
def test_heartbeats_are_no_messages(frame: str) -> None:
    """They are no errors either."""
    assert JsonRpcCodec().decode(frame) == []
    assert JsonRpcCodec.answers(frame) == []


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ('{"jsonrpc":"2.0","method":"other","params":{}}', "not an incoming.message"),
        ('{"jsonrpc":"2.0","method":"incoming.message","params":{}}', "a message without mid"),
        ("[7]", "not an incoming.message"),
    ],
)
def test_unknown_json_rpc_says_why(frame: str, error: str) -> None:
    """It is kept as a row with a reason."""
    [bad] = JsonRpcCodec().decode(frame)
    assert bad.error == error


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
@pytest.mark.parametrize("frame", ["oops", b"oops\xff\xfe", "{", "[{]", b"\n\x05abc"])
def test_unreadable_frames_end_as_bad_frames(codec: Codec, frame: str | bytes) -> None:
    """Every dialect keeps them as rows."""
    [bad] = codec.decode(frame, ARRIVAL)
    assert isinstance(bad, BadFrame)
    assert bad.arrival is ARRIVAL


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.dialect)
@given(sent=st.lists(st.tuples(st.text(min_size=1), json_values), min_size=1, max_size=4))
def test_what_is_encoded_is_recognised_and_decoded(
    codec: Codec, sent: list[tuple[str, Any]]
) -> None:
    """Any command and any params survive, whatever dialect was expected."""
    bodies = [
        msgspec.json.encode({"module_id": "m", "command": c, "params": p}).decode() for c, p in sent
    ]
    messages = [Message(f"1795447844{n:016}", body) for n, body in enumerate(bodies)]
    frame = codec.encode(messages)
    for version in (3, 4, 5):
        found = recognised(frame, codec_for(version))
        assert found.dialect == codec.dialect
        assert [(event.command, event.params) for event in found.decode(frame)] == sent


@pytest.mark.parametrize(
    ("version", "dialect"),
    [(1, "text"), (3, "text"), (4, "protobuf"), (5, "jsonrpc"), (9, "jsonrpc")],
)
def test_the_version_decides_what_is_expected(version: int, dialect: str) -> None:
    """Later versions are taken for the latest known one."""
    assert codec_for(version).dialect == dialect
