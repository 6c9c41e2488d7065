"""The push server of version 5: tokens, JSON-RPC in both directions, `ping`, `mack`."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import ClientConnection

from bxpull_nb.protocol.codec import JsonRpcCodec
from bxpull_nb.sandbox.jwt import read_token, write_token
from bxpull_nb.sandbox.push.presence import Presence
from tests.support.visitor import Visitor, events, received, visiting
from tests.support.waiting import eventually

ALL = "0" * 26
ABSENT = 77


@pytest.fixture(scope="module")
def visitor() -> Iterator[Visitor]:
    """Open a sandbox of version 5."""
    with visiting(server_version=5, poll_hold=0.05, buffer=0) as visitor:
        yield visitor


@contextmanager
def calling(visitor: Visitor, **query: str) -> Iterator[ClientConnection]:
    """Open a JSON-RPC connection with a new token."""
    token = visitor.config()["jwt"]
    with visitor.attend(token=token, jsonRpc="true", **query) as websocket:
        yield websocket


def call(websocket: ClientConnection, method: str, **params: Any) -> Any:
    """Return the result of a call, or its error's code."""
    websocket.send(JsonRpcCodec.call(1, method, params))
    return answer(websocket)


def answer(websocket: ClientConnection) -> Any:
    """Return the next answer's result or error code; skip messages in between."""
    while True:
        for found in JsonRpcCodec.answers(str(websocket.recv(5))):
            return found.error["code"] if found.error else found.result


def test_a_token_is_a_jwt_any_library_reads() -> None:
    """It is HS256 over head and claims, without padding."""
    claims = {"iss": "host", "iat": 1, "exp": 9, "sub": "1", "chan": "a,b"}
    token = write_token(b"key", claims)
    head, body, signature = token.split(".")
    assert head == "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"
    digest = hmac.digest(b"key", f"{head}.{body}".encode(), "sha256")
    assert signature == urlsafe_b64encode(digest).decode().rstrip("=")
    assert read_token(b"key", token, 8.9) == claims


@pytest.mark.parametrize(
    ("key", "claims", "moment"),
    [
        (b"key", {"exp": 9}, 9.0),
        (b"other", {"exp": 9}, 1.0),
        (b"key", {"exp": "soon"}, 1.0),
        (b"key", {}, 1.0),
    ],
)
def test_an_expired_or_foreign_token_is_invalid(
    key: bytes, claims: dict[str, Any], moment: float
) -> None:
    """A token without an end is invalid, too."""
    assert read_token(key, write_token(b"key", claims), moment) is None


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "e30.e30."])
def test_a_malformed_token_is_invalid(token: str) -> None:
    """Every malformed token is invalid; the algorithm `none` is not supported."""
    signed = urlsafe_b64encode(hmac.digest(b"key", token.encode(), "sha256")).decode().rstrip("=")
    assert read_token(b"key", token, 1.0) is None
    assert read_token(b"key", f"{token}.{signed}", 1.0) is None


def test_a_token_of_another_algorithm_is_invalid() -> None:
    """The right key does not make it valid."""
    head = urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    body = write_token(b"key", {"exp": 9}).split(".")[1]
    digest = hmac.digest(b"key", f"{head}.{body}".encode(), "sha256")
    signature = urlsafe_b64encode(digest).decode().rstrip("=")
    assert read_token(b"key", f"{head}.{body}.{signature}", 1.0) is None


def test_a_user_is_online_from_the_first_connection_to_the_last() -> None:
    """There are two notifications only, for any number of connections."""
    notified: list[tuple[int, bool]] = []
    clock = [100.0]
    presence = Presence(lambda: clock[0], lambda *status: notified.append(status))
    for user in (1, 1, None):
        presence.connected(user)
    presence.disconnected(1)
    assert (notified, presence.last_seen(1), presence.last_seen(2)) == ([(1, True)], 0, None)
    presence.disconnected(1)
    presence.disconnected(None)
    clock[0] += 5.9
    assert (notified, presence.last_seen(1)) == ([(1, True), (1, False)], 5)


def test_a_token_opens_the_shared_channel_and_the_users_own(visitor: Visitor) -> None:
    """It names the shared channel only; the private one belongs to its user."""
    config = visitor.config()
    shared = config["channels"]["shared"]["id"][:32]
    with calling(visitor) as websocket:
        publish = visitor.sandbox.publish
        sent = [publish("a"), publish("b", channel="private")]
        assert [event.mid for event in received(websocket, 2)] == sent
        assert call(websocket, "listChannels") == [shared]
    with calling(visitor, mid=f"{int(sent[0]) - 1:026}") as websocket:
        assert [event.mid for event in received(websocket, 2)] == sent


def test_a_token_lives_twelve_hours_and_then_opens_nothing() -> None:
    """A message to both channels comes twice by it, and the config has its end."""
    clock = [1_800_000_000.0]
    with visiting(server_version=5, now=lambda: clock[0]) as visitor:
        config = visitor.config()
        assert config["exp"] == 1_800_000_000 + 12 * 3600
        clock[0] += 12 * 3600 - 1
        with visitor.attend(token=config["jwt"], jsonRpc="true") as websocket:
            mid = visitor.sandbox.publish("a", channel=["shared", "private"])
            assert [event.mid for event in received(websocket, 2)] == [mid, mid]
        clock[0] += 1
        with pytest.raises(InvalidStatus) as refused, visitor.attend(token=config["jwt"]):
            pass
        assert refused.value.response.status_code == 400
        assert refused.value.response.body == b"Wrong Channel Id."


def test_channel_ids_open_it_too(visitor: Visitor) -> None:
    """Frames are JSON-RPC on demand, otherwise text, by polling as well."""
    private = visitor.channel("private")
    with (
        visitor.listen(private, jsonRpc="true") as rpc,
        visitor.listen(private) as text,
    ):
        mid = visitor.sandbox.publish("c", {"n": 1}, channel="private")
        frame = str(rpc.recv(5))
        (event,) = events(text.recv(5))
    assert json.loads(frame)["method"] == "incoming.message"
    assert json.loads(frame)["params"]["mid"] == event.mid == mid
    assert JsonRpcCodec().decode(frame)[0].params == event.params == {"n": 1}
    polled = visitor.poll(private, mid=f"{int(mid) - 1:026}", jsonRpc="true")
    assert polled.text == frame


def test_clients_publish_to_users_and_to_channels() -> None:
    """They get their own messages; the sender is always their public id."""
    with visiting(server_version=5, buffer=0) as visitor, calling(visitor) as websocket:
        public = visitor.config()["publicChannels"]["1"]
        name = f"{public['public_id']}.{public['signature']}"
        body = {"module_id": "m", "command": "c", "params": {"n": 1}}
        assert call(websocket, "publish", userList=[1], body=body, expiry=60) is True
        (event,) = received(websocket, 1)
        assert (event.module_id, event.command, event.params) == ("m", "c", {"n": 1})
        assert event.sender == f"client:{public['public_id']}"
        with visitor.listen(visitor.channel("private"), jsonRpc="true") as other:
            for channel in (
                name,
                {"publicId": public["public_id"], "signature": public["signature"]},
            ):
                assert call(websocket, "publish", channelList=[channel], body=body) is True
                assert received(other, 1)[0].command == "c"
            assert call(websocket, "publish", userList=[1], body="word") is True
            assert received(other, 1)[0].params == "word"


@pytest.mark.parametrize(
    "params",
    [
        {"userList": [1]},
        {"body": {}},
        {"userList": [], "channelList": [], "body": {}},
        {"userList": "1", "body": {}},
        {"userList": ["1"], "body": {}},
        {"userList": [True], "body": {}},
        {"channelList": ["x.y"], "body": {}},
        {"channelList": "x.y", "body": {}},
        {"channelList": [{"publicId": "x"}], "body": {}},
        {"userList": [1], "body": {}, "expiry": "60"},
    ],
)
def test_publishing_with_wrong_params_is_refused(visitor: Visitor, params: dict[str, Any]) -> None:
    """The error is invalid params; nothing is published."""
    with calling(visitor) as websocket:
        assert call(websocket, "publish", **params) == -32602
        assert call(websocket, "ping") == "pong"


def test_users_were_last_seen_so_many_seconds_ago() -> None:
    """An online user has 0; a user that never was online is missing."""
    clock = [1_800_000_000.0]
    with visiting(server_version=5, now=lambda: clock[0]) as visitor:
        other = visitor.channel("shared")
        with visitor.listen(other, jsonRpc="true") as websocket:
            assert call(websocket, "getUsersLastSeen", userList=[1, ABSENT]) == {}
            with calling(visitor) as mine:
                assert call(mine, "getUsersLastSeen", userList=[1, ABSENT]) == {"1": 0}
            eventually(lambda: call(websocket, "getUsersLastSeen", userList=[1]) != {"1": 0})
            clock[0] += 90
            assert call(websocket, "getUsersLastSeen", userList=[1]) == {"1": 90}
            assert call(websocket, "getUsersLastSeen") == -32602


def test_a_subscriber_to_a_users_status_gets_its_changes() -> None:
    """The first connection and the end of the last are sent; none after unsubscribing."""
    with visiting(server_version=5, buffer=0) as visitor:
        shared, private = visitor.channel("shared"), visitor.channel("private")
        with visitor.listen(shared, jsonRpc="true") as websocket:
            assert call(websocket, "subscribeStatusChange", userId=1) is True
            with visitor.listen(private), visitor.listen(private):
                came = received(websocket, 1)[0]
            left = received(websocket, 1)[0]
            assert call(websocket, "unsubscribeStatusChange", userId=1) is True
            with visitor.listen(private):
                visitor.sandbox.publish("next")
                assert [event.command for event in received(websocket, 1)] == ["next"]
            assert call(websocket, "subscribeStatusChange", userId="1") == -32602
            assert call(websocket, "unsubscribeStatusChange") == -32602
    assert (came.module_id, came.command) == ("online", "userStatusChange")
    assert came.params == {"user_id": 1, "online": True}
    assert left.params == {"user_id": 1, "online": False}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("x", -32700),
        ("{", -32700),
        ("[]", -32600),
        ("1", -32600),
        ("{}", -32600),
        ('{"jsonrpc":"1.0","method":"ping","id":1}', -32600),
        ('{"jsonrpc":"2.0","method":1,"id":1}', -32600),
        ('{"jsonrpc":"2.0","method":"dance","id":1}', -32601),
        ('{"jsonrpc":"2.0","method":"ping","params":[1],"id":1}', -32602),
    ],
)
def test_what_is_no_request_is_answered_with_an_error(
    visitor: Visitor, frame: str, code: int
) -> None:
    """The connection stays usable."""
    texts = {
        -32700: "Parse error",
        -32600: "Invalid Request",
        -32601: "Method not found",
        -32602: "Invalid params",
    }
    with calling(visitor) as websocket:
        websocket.send(frame)
        got = json.loads(websocket.recv(5))
        assert got["error"] == {"code": code, "message": texts[code]}
        assert got["jsonrpc"] == "2.0"
        assert got["id"] == (1 if '"id":1' in frame else None)
        assert call(websocket, "ping") == "pong"


def test_an_internal_error_can_be_had(visitor: Visitor) -> None:
    """The next requests fail."""
    with calling(visitor) as websocket:
        visitor.sandbox.fail_requests(2)
        assert [call(websocket, "ping") for _ in range(3)] == [-32603, -32603, "pong"]


def test_requests_may_come_in_arrays_and_without_ids(visitor: Visitor) -> None:
    """The answer to an array is an array; a request without id gets none."""
    ping = {"jsonrpc": "2.0", "method": "ping"}
    with calling(visitor) as websocket:
        websocket.send(json.dumps([{**ping, "id": 1}, ping, {**ping, "id": "two"}]))
        got = json.loads(websocket.recv(5))
        assert [(item["id"], item["result"]) for item in got] == [(1, "pong"), ("two", "pong")]
        websocket.send(json.dumps(ping))
        websocket.send(json.dumps([ping]))
        websocket.send(json.dumps({**ping, "method": "dance"}))
        websocket.send(json.dumps({**ping, "id": 3}).encode())  # in a binary frame, for once
        assert answer(websocket) == "pong"


def test_acknowledgements_are_counted(visitor: Visitor) -> None:
    """Duplicates count too."""
    before = visitor.sandbox.acknowledged
    with calling(visitor) as websocket:
        for _ in range(2):
            websocket.send("mack:17954490140000000000000001")
        assert call(websocket, "ping") == "pong"
        assert visitor.sandbox.acknowledged == before + 2


def test_the_server_sends_ping_as_long_as_it_gets_pong() -> None:
    """Two without an answer cut the connection, without a close frame."""
    with visiting(server_version=5, rpc_ping=0.02) as visitor:
        with calling(visitor) as websocket:
            for _ in range(5):
                assert websocket.recv(5) == "ping"
                websocket.send("pong")
            websocket.send("ping")
            while (frame := websocket.recv(5)) == "ping":
                websocket.send("pong")
            assert frame == "pong"
            frames: list[str | bytes] = []
            with pytest.raises(ConnectionClosedError) as closed:
                frames.extend(websocket)
            assert closed.value.rcvd is None
            assert frames in (["ping"], ["ping"] * 2)
        with visitor.listen(visitor.channel()) as text, pytest.raises(TimeoutError):
            text.recv(0.1)
