"""Frames of a push server, compared with recorded bytes of a protocol 4 server."""

import pytest

from bxpull_nb.models import Message
from bxpull_nb.sandbox.push.dialects import JSON_RPC, PROTOBUF, TEXT, Dialect, dialect_for

PUBLISHER = "ae1ecef9b5b99f84861435a26322762e"


def body(n: str) -> str:
    """Return the body of the recorded messages."""
    return (
        '{"module_id":"application","command":"test","params":{"n":'
        f'{n}}},"extra":{{"server_time_unix":1795448999.5}}}}'
    )


STORED = (
    Message("17954490140000000000003995", body("1"), "-", 1795449687, 60),
    "0a89010a86010a83010a0d1795449014000000000000399512677b226d6f64756c655f6964223a226170706c"
    "69636174696f6e222c22636f6d6d616e64223a2274657374222c22706172616d73223a7b226e223a317d2c22"
    "6578747261223a7b227365727665725f74696d655f756e6978223a313739353434383939392e357d7d183c25"
    "5763046b2a020802",
)
UNSTORED = (
    Message("17954490140000000000003997", body("3"), "-", 1795449688, 0),
    "0a89010a86010a83010a0d1795449014000000000000399712677b226d6f64756c655f6964223a226170706c"
    "69636174696f6e222c22636f6d6d616e64223a2274657374222c22706172616d73223a7b226e223a337d2c22"
    "6578747261223a7b227365727665725f74696d655f756e6978223a313739353434383939392e357d7d180025"
    "5863046b2a020802",
)
LONGEST = (
    Message("17954490140000000000004230", body("1"), "-", 1795449948, 86400),
    "0a8b010a88010a85010a0d1795449014000000000000423012677b226d6f64756c655f6964223a226170706c"
    "69636174696f6e222c22636f6d6d616e64223a2274657374222c22706172616d73223a7b226e223a317d2c22"
    "6578747261223a7b227365727665725f74696d655f756e6978223a313739353434383939392e357d7d1880a3"
    "05255c64046b2a020802",
)
FROM_CLIENT = (
    Message("17954490140000000000004007", body('"rest"'), "-", 1795449691, 0, "client", PUBLISHER),
    "0aa0010a9d010a9a010a0d17954490140000000000004007126c7b226d6f64756c655f6964223a226170706c"
    "69636174696f6e222c22636f6d6d616e64223a2274657374222c22706172616d73223a7b226e223a22726573"
    "74227d2c226578747261223a7b227365727665725f74696d655f756e6978223a313739353434383939392e35"
    "7d7d1800255b63046b2a1408011210ae1ecef9b5b99f84861435a26322762e",
)


@pytest.mark.parametrize(
    ("message", "recorded"),
    [STORED, UNSTORED, LONGEST, FROM_CLIENT],
    ids=["stored", "unstored", "longest", "from a client"],
)
def test_a_binary_frame_is_that_of_a_real_server(message: Message, recorded: str) -> None:
    """All bytes agree: explicit zeros, the sender, `created` of a fixed width."""
    assert PROTOBUF.write(message) == bytes.fromhex(recorded)


def test_joined_binary_messages_are_responses_of_their_own() -> None:
    """The recording has one message by two channels within the buffer's time."""
    message = Message("17954490140000000000004136", body('"b"'), "-", 1795449896, 3600)
    recorded = (
        "0a8c010a89010a86010a0d1795449014000000000000413612697b226d6f64756c655f6964223a226170"
        "706c69636174696f6e222c22636f6d6d616e64223a2274657374222c22706172616d73223a7b226e223a"
        "2262227d2c226578747261223a7b227365727665725f74696d655f756e6978223a313739353434383939"
        "392e357d7d18901c252864046b2a020802"
    )
    assert PROTOBUF.join([PROTOBUF.write(message)] * 2) == bytes.fromhex(recorded * 2)


def test_a_binary_backlog_is_one_response() -> None:
    """The recording of a resume has four messages, one of another length."""
    numbered = [(4238, "0", 60), (4239, "1", 60), (4240, '"second inside 400 ms"', 60)]
    messages = [
        Message(f"1795449014{number:016}", body(n), "-", 1795449952, expiry)
        for number, n, expiry in numbered
    ]
    messages.append(Message("17954490140000000000004241", body("2"), "-", 1795449953, 60))
    frame = PROTOBUF.backlog(messages)
    assert isinstance(frame, bytes)
    assert len(frame) == 563
    assert frame.startswith(bytes.fromhex("0ab0040aad040a83010a0d1795449014000000000000423812677b"))
    assert frame.endswith(bytes.fromhex("392e357d7d183c256164046b2a020802"))


def test_a_text_frame_is_that_of_a_real_server_but_for_the_tag() -> None:
    """A protocol 4 server does not name the channel."""
    message = Message("17954490140000000000003991", body("1"), "-", 1795449684, 60)
    assert TEXT.write(message) == (
        '#!NGINXNMS!#{"id":3991,"mid":"17954490140000000000003991","channel":"-","tag":"991",'
        '"time":"Mon, 23 Nov 2026 16:01:24 GMT","text":{"module_id":"application","command":'
        '"test","params":{"n":1},"extra":{"server_time_unix":1795448999.5}}}#!NGINXNME!#'
    )


def test_json_rpc_requests_come_alone_or_in_an_array() -> None:
    """Both live frames and backlogs have this form."""
    one = Message("17954490140000000000000001", '{"n":1}', "-", 0, 0)
    two = Message("17954490140000000000000002", '{"n":2}', "-", 0, 0, "client", PUBLISHER)
    first = (
        '{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17954490140000000000000001"'
        ',"body":{"n":1},"sender":{"type":2,"id":""}}}'
    )
    second = (
        '{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17954490140000000000000002"'
        f',"body":{{"n":2}},"sender":{{"type":1,"id":"{PUBLISHER}"}}}}}}'
    )
    assert JSON_RPC.join([JSON_RPC.write(one)]) == first
    assert JSON_RPC.join([JSON_RPC.write(one), JSON_RPC.write(two)]) == f"[{first},{second}]"
    assert JSON_RPC.backlog([one, two]) == f"[{first},{second}]"


@pytest.mark.parametrize("text", ["just text", '{"torn":', ""])
def test_a_body_that_is_no_json_travels_in_json_rpc_as_a_string(text: str) -> None:
    """The frame around it must stay JSON."""
    frame = JSON_RPC.write(Message("1" * 26, text, "-", 0, 0))
    assert f'"body":"{text.replace(chr(34), chr(92) + chr(34))}","sender"' in str(frame)


@pytest.mark.parametrize("dialect", [TEXT, PROTOBUF, JSON_RPC])
def test_nothing_waiting_is_no_frame(dialect: Dialect) -> None:
    """There is no empty frame, live or on resuming."""
    assert not dialect.join([])
    assert not dialect.backlog([])


@pytest.mark.parametrize("dialect", [TEXT, PROTOBUF, JSON_RPC])
def test_the_garbage_of_every_dialect_is_unreadable(dialect: Dialect) -> None:
    """The codec of the dialect gives a record with an error."""
    (record,) = dialect.codec.decode(dialect.garbage)
    assert record.error is not None


@pytest.mark.parametrize(
    ("version", "query", "expected"),
    [
        (3, {"binaryMode": "true", "jsonRpc": "true"}, TEXT),
        (4, {}, TEXT),
        (4, {"binaryMode": "true"}, PROTOBUF),
        (4, {"binaryMode": "True"}, TEXT),
        (4, {"binaryMode": "1"}, TEXT),
        (4, {"jsonRpc": "true", "format": "json"}, TEXT),
        (5, {}, TEXT),
        (5, {"jsonRpc": "true"}, JSON_RPC),
        (5, {"jsonRpc": "1"}, TEXT),
        (5, {"jsonRpc": "true", "binaryMode": "true"}, JSON_RPC),
    ],
)
def test_the_dialect_is_what_was_asked_for_to_the_letter(
    version: int, query: dict[str, str], expected: Dialect
) -> None:
    """Text is the dialect for all other values and older versions."""
    assert dialect_for(version, query) is expected
