"""Publishing to the push server over real sockets: `/pub/`, `/pubweb/`, WebSocket."""

from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError

from bxpull_nb.models import Event
from bxpull_nb.protocol.codec import push_pb2 as pb
from tests.support.batches import (
    Named,
    channel_question,
    message_request,
    public_name,
    server_question,
)
from tests.support.visitor import Visitor, received, visiting
from tests.support.waiting import eventually

ALL = "0" * 26
BODY = '{"module_id":"m","command":"c","params":{"n":1}}'
ABSENT: Named = {"id": b"n" * 16, "isPrivate": True}


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox of version 4."""
    with visiting(server_version=4, poll_hold=0.05, buffer=0) as visitor:
        yield visitor


@pytest.fixture
def private(visitor: Visitor) -> str:
    """Return the signed id of the private channel: `id:public.signature`."""
    return visitor.channel("private")


@pytest.fixture
def public(visitor: Visitor) -> Named:
    """Return the private channel's public part, as a receiver."""
    return public_name(visitor.config()["channels"]["private"]["public_id"])


def post(visitor: Visitor, path: str, body: bytes, **query: str) -> httpx.Response:
    """Return the answer to a request in binary mode."""
    return visitor.http.post(path, params={**query, "binaryMode": "true"}, content=body)


def test_the_trusted_side_publishes_a_batch(visitor: Visitor, private: str, public: Named) -> None:
    """Private, public and shared ids need no signature; the sender is the back end."""
    shared = visitor.channel()
    names: list[Named] = [
        {"id": bytes.fromhex(private[:32]), "isPrivate": True},
        {"id": bytes.fromhex(shared[:32]), "isPrivate": True},
        {"id": public["id"]},
    ]
    with visitor.listen(f"{private}/{shared}", binaryMode="true") as websocket:
        answer = post(visitor, "/pub/", message_request(BODY, to=names))
        assert (answer.status_code, answer.content) == (200, b"")
        events = received(websocket, 3)
    assert len({event.mid for event in events}) == 1
    assert {event.sender for event in events} == {"backend"}


def test_a_client_publishes_under_its_public_id(
    visitor: Visitor, private: str, public: Named
) -> None:
    """It may use HTTP or WebSocket, gets its own messages, and cannot choose its sender."""
    lie = pb.Sender(type=pb.BACKEND)
    request = pb.RequestBatch.FromString(message_request(BODY, to=[public], expiry=60))
    request.requests[0].incomingMessages.messages[0].sender.CopyFrom(lie)
    data = request.SerializeToString()
    with visitor.listen(private, binaryMode="true") as websocket:
        answer = post(visitor, "/pubweb/", data, CHANNEL_ID=private)
        assert (answer.status_code, answer.content) == (200, b"")
        websocket.send(data)
        events = received(websocket, 2)
        websocket.send(message_request(to=[]))  # no messages: nothing happens
        websocket.send(message_request(BODY, to=[public]))
        received(websocket, 1)
    assert [event.params for event in events] == [{"n": 1}] * 2
    assert {event.sender for event in events} == {f"client:{public['id'].hex()}"}
    stored = visitor.poll(private, mid=events[0].mid, binaryMode="true")
    assert b"client" not in stored.content
    assert public["id"] in stored.content


def test_a_batch_of_messages_arrives_in_order(
    visitor: Visitor, private: str, public: Named
) -> None:
    """A batch has up to a hundred messages."""
    bodies = [f'{{"params":{n}}}' for n in range(100)]
    with visitor.listen(private, binaryMode="true") as websocket:
        websocket.send(message_request(*bodies, to=[public]))
        events = received(websocket, 100)
    assert [event.params for event in events] == list(range(100))


def test_text_is_published_to_as_many_channels_as_are_named(visitor: Visitor, private: str) -> None:
    """A repeated channel gets two messages; an id with a public part needs its signature."""
    shared = visitor.channel()
    ids = f"{private}/{shared[:32]}/{shared[:32]}"
    with visitor.listen(f"{private}/{shared}") as websocket:
        visitor.http.post("/pub/", params={"CHANNEL_ID": ids}, content=BODY)
        first, second, third = received(websocket, 3)
    assert first == second == third


@pytest.mark.parametrize(
    ("kind", "data", "refusal"),
    [
        ("private", b"\xff", "4013: Wrong Request Data."),
        ("private", b"", "4013: Wrong Request Data."),
        ("private", "text", "4013: Wrong Request Data."),
        ("private", server_question(), "4014: Request command is not allowed."),
        ("private", message_request(BODY, to=[ABSENT]), "4020: Private channel is not allowed."),
        ("shared", message_request(BODY, to=[]), "4012: Public Channel Id is Required."),
        ("shared", "text", "4012: Public Channel Id is Required."),
    ],
)
def test_a_client_that_asks_for_too_much_is_refused_and_closed(
    visitor: Visitor, kind: str, data: str | bytes, refusal: str
) -> None:
    """A WebSocket gets a close code, HTTP gets 400; the text is the same."""
    channel = visitor.channel(kind)
    with visitor.listen(channel, binaryMode="true") as websocket:
        websocket.send(data)
        with pytest.raises(ConnectionClosedError) as closed:
            websocket.recv(5)
    assert closed.value.rcvd is not None
    assert f"{closed.value.rcvd.code}" == refusal[:4]
    assert closed.value.rcvd.reason == refusal
    if isinstance(data, bytes):
        answer = post(visitor, "/pubweb/", data, CHANNEL_ID=channel)
        assert (answer.status_code, answer.text) == (400, refusal)


@pytest.mark.parametrize("channel_id", ["", "abc", "0123456789abcdef" * 2])
def test_a_client_must_name_a_channel_with_a_public_part(visitor: Visitor, channel_id: str) -> None:
    """The channel must be signed, too."""
    answer = post(visitor, "/pubweb/", message_request(to=[]), CHANNEL_ID=channel_id)
    assert (answer.status_code, answer.text) == (400, "4012: Public Channel Id is Required.")


def test_in_text_mode_a_listener_cannot_publish(
    visitor: Visitor, private: str, public: Named
) -> None:
    """Its messages are ignored."""
    with visitor.listen(private) as websocket:
        websocket.send("hello")
        websocket.send(message_request(BODY, to=[public]))
        mid = visitor.sandbox.publish("mine", channel="private")
        assert [event.mid for event in received(websocket, 1)] == [mid]


def test_clients_and_the_trusted_side_may_ask_who_is_online(
    visitor: Visitor, private: str, public: Named
) -> None:
    """The answer has the order of the question; clients may use public ids only."""
    names = [public, public_name(public_of_absent_user(visitor))]
    with visitor.listen(private, binaryMode="true") as websocket:
        websocket.send(channel_question(names))
        frame = websocket.recv(5)
        assert isinstance(frame, bytes)
        assert online(frame) == [(False, True), (False, False)]
        by_http = post(visitor, "/pubweb/", channel_question(names), CHANNEL_ID=private)
        assert by_http.content == frame
        assert by_http.headers["Content-Type"] == "application/octet-stream"
        mine: Named = {"id": bytes.fromhex(private[:32]), "isPrivate": True}
        trusted = post(visitor, "/pub/", channel_question([ABSENT, mine, public]))
        assert online(trusted.content) == [(True, False), (True, True), (False, True)]


@pytest.mark.parametrize("mode", [{}, {"binaryMode": "true"}, {"binaryMode": "false"}])
def test_clients_are_answered_in_binary_in_any_mode(
    visitor: Visitor, private: str, public: Named, mode: dict[str, str]
) -> None:
    """Requests are read as binary too, whatever the query says."""
    query = {"CHANNEL_ID": private, **mode}
    with visitor.listen(private, binaryMode="true") as websocket:
        answer = visitor.http.post("/pubweb/", params=query, content=channel_question([public]))
        sent = visitor.http.post(
            "/pubweb/", params=query, content=message_request(BODY, to=[public])
        )
        assert (sent.status_code, sent.content) == (200, b"")
        assert [event.command for event in received(websocket, 1)] == ["c"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert online(answer.content) == [(False, True)]


def test_the_trusted_side_may_ask_about_a_hundred_channels(visitor: Visitor, private: str) -> None:
    """The infos are JSON in plain text; one channel more is refused."""
    with visitor.listen(private):
        answer, refused = (
            visitor.http.get("/pub/", params={"CHANNEL_ID": "/".join([private] * count)})
            for count in (100, 101)
        )
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.json() == {"infos": [{"channel": private[:32], "subscribers": 1}] * 100}
    assert refused.status_code == 400
    assert refused.text == "4018: Request exceeded the maximum number of channels."


@pytest.mark.parametrize(
    "channel_id", ["", "abc", "{good}/abc", "{good}.", f"{'0' * 32}:{'0' * 32}"]
)
def test_a_text_to_wrong_channels_is_accepted_and_goes_nowhere(
    visitor: Visitor, private: str, channel_id: str
) -> None:
    """The answer is 200 and empty; only asking for listeners is refused."""
    query = {"CHANNEL_ID": channel_id.format(good=private)}
    with visitor.listen(private) as websocket:
        answer = visitor.http.post("/pub/", params=query, content=BODY)
        assert (answer.status_code, answer.content) == (200, b"")
        mid = visitor.sandbox.publish("next", channel="private")
        assert [event.mid for event in received(websocket, 1)] == [mid]
    asked = visitor.http.get("/pub/", params=query)
    assert (asked.status_code, asked.text) == (400, "4017: No channels found.")


def public_of_absent_user(visitor: Visitor) -> str:
    """Return the public id of another user, without listeners."""
    portal = visitor.sandbox._portal
    assert portal is not None
    signature = portal.push.requests._signer.sign(f"public:{'ab' * 16}")
    return f"{'ab' * 16}.{signature}"


def online(frame: bytes) -> list[tuple[bool, bool]]:
    """Return for each channel whether it is private, and whether it is online."""
    stats = pb.ResponseBatch.FromString(frame).responses[0].channelStats
    return [(channel.isPrivate, channel.isOnline) for channel in stats.channels]


@pytest.mark.parametrize("path", ["/pub/", "/pubweb/"])
def test_a_request_over_one_mebibyte_is_refused_cleanly(
    visitor: Visitor, private: str, public: Named, path: str
) -> None:
    """The answer is 413 and nothing is delivered; a smaller request is."""
    with visitor.listen(private, binaryMode="true") as websocket:
        large = message_request("x" * 1024 * 1024, to=[public])
        assert post(visitor, path, large, CHANNEL_ID=private).status_code == 413
        assert post(
            visitor, path, message_request(BODY, to=[public]), CHANNEL_ID=private
        ).is_success
        assert [event.command for event in received(websocket, 1)] == ["c"]


def test_a_frame_over_one_mebibyte_cuts_the_socket(
    visitor: Visitor, private: str, public: Named
) -> None:
    """There is no close frame, and nothing is delivered."""
    with visitor.listen(private, binaryMode="true") as websocket:
        websocket.send(message_request("x" * 1024 * 1024, to=[public]))
        with pytest.raises(ConnectionClosedError) as closed:
            websocket.recv(5)
    assert closed.value.rcvd is None
    eventually(lambda: not visitor.is_online(private))


@pytest.mark.parametrize("path", ["/pubweb/", "/server-stat/", "/pub/"])
def test_what_a_route_does_not_know_is_not_found(visitor: Visitor, path: str) -> None:
    """The 404 is readable for a browser; OPTIONS is answered at /sub/ only."""
    answer = visitor.http.options(path)
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_version_3_takes_no_requests_of_clients() -> None:
    """It has no such route, and no binary mode at /pub/."""
    with visiting() as visitor:
        assert visitor.http.post("/pubweb/", content=b"").status_code == 404
        assert visitor.http.get("/server-stat/").status_code == 404
        channel = visitor.channel()
        with visitor.listen(channel) as websocket:
            answer = post(visitor, "/pub/", b'{"command":"c"}', CHANNEL_ID=channel)
            assert answer.status_code == 200
            assert [event.command for event in received(websocket, 1)] == ["c"]


def test_all_events_are_events(visitor: Visitor, private: str) -> None:
    """The body may be any JSON value."""
    with visitor.listen(private, binaryMode="true") as websocket:
        visitor.http.post("/pub/", params={"CHANNEL_ID": private}, content=b'"word"')
        (event,) = received(websocket, 1)
    assert isinstance(event, Event)
    assert event.params == "word"
